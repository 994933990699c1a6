"""Probes: single events on a schedule, each watched until it is a debit in Redis and a signal.

Members without money use one item at a time in a session each; such a use is a debit and, since the
session was cut off, another signal to its server. Times run from the moment at which a probe was
due, not from when it went out, so a slow answer delays no later question: nothing is omitted.
Invariant: at the end every member owes exactly what was sent for it. Debits are seen by asking
Redis every millisecond, signals on the content server's own stream.
"""

import itertools
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from typing import Any, NamedTuple, cast

import httpx
import msgspec
import redis

from cli.bench.client import Connection, Target, wait_until
from cli.bench.market import PROBE_CONTENT, PROBE_MICROS, PROBED
from cli.bench.place import Place
from cli.state_store import open_store
from runtime.faults import TransportFault
from schemas.ids import joined, shard_of
from schemas.moment import text_from_ms
from wallet.available import posted
from wallet.wallet import decode_wallet

PROBE_KEY = {"id": PROBED, "tenant": PROBED, "scopes": ["admin"], "clock": "live"}
SOURCE = "probe-server"
MEMBERS_PER_SHARD = 4
SENDERS = 16
POLL_S = 0.001
# More than a worker that is gone takes to be missed and replaced.
WAIT_S = 90
CONNECT_S = 10
_NS_PER_S = 1_000_000_000
_NS_PER_MS = 1_000_000


class Probe(msgspec.Struct):
    """One event that is watched.

    Args:
        member: Whose.
        shard: Where the member's wallet is.
        at_ms: The event's own time; of one member rising.
        due_ns: Monotonic clock at which it was due.
        answered_ns: At the edge's answer; 0 before.
        debited_ns: When Redis had the balance; 0 before.
        signalled_ns: When its server was told; 0 before.
    """

    member: str
    shard: int
    at_ms: int
    due_ns: int
    answered_ns: int = 0
    debited_ns: int = 0
    signalled_ns: int = 0


class Heard(msgspec.Struct):
    """What is looked at of a signal."""

    subject: str
    event_at_ms: int


class _Member(NamedTuple):
    """Args: id, its shard, its probes in the order in which they were due."""

    id: str
    shard: int
    probes: list[Probe]


class Probes:
    """Sends and watches; ``probing`` starts and ends it.

    Args:
        place: The stack.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._key = place.keys[PROBED]
        self._members = [_Member(name, shard, []) for name, shard in spread(place.settings.shards)]
        self._by_id = {member.id: member for member in self._members}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._sending: list[threading.Thread] = []
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._base_ms = time.time_ns() // _NS_PER_MS
        self._numbers = itertools.count()
        self.faults: list[str] = []

    def begin(self, per_s: int) -> None:
        """Sends on from now, so many a second."""
        self._stop.clear()
        began_ns, begun = time.monotonic_ns(), itertools.count()

        def work() -> None:
            with self._noting(), Connection(self._target()) as connection:
                while not self._stop.is_set():
                    with self._lock:
                        due_ns = began_ns + next(begun) * _NS_PER_S // per_s
                        probe, body = self.take(due_ns)
                    wait_until(due_ns)
                    answer, _ = connection.post(body)
                    if answer.accepted != 1:
                        raise ValueError(f"a probe was refused: {answer.rejected}")
                    probe.answered_ns = time.monotonic_ns()

        self._sending = [threading.Thread(target=work, daemon=True) for _ in range(SENDERS)]
        for thread in self._sending:
            thread.start()

    def end(self, since: int) -> list[Probe]:
        """Stops sending and waits until everything sent was debited and signalled.

        Args:
            since: Number of probes at the beginning.

        Returns:
            The probes from there on, as they were due.

        Raises:
            TransportFault: The edge failed, or something did not come within ``WAIT_S``.
        """
        self._stop.set()
        for thread in self._sending:
            thread.join(WAIT_S)
        deadline = time.monotonic() + WAIT_S
        while missing := [one for one in self.all() if not (one.debited_ns and one.signalled_ns)]:
            if self.faults:
                raise TransportFault(f"probing failed: {self.faults[0]}")
            if time.monotonic() > deadline:
                raise TransportFault(f"{len(missing)} probes were not seen within {WAIT_S} s")
            time.sleep(POLL_S)
        return self.all()[since:]

    def all(self) -> list[Probe]:
        """Every probe so far, as they were due."""
        with self._lock:
            found = [probe for member in self._members for probe in member.probes]
        return sorted(found, key=lambda probe: probe.at_ms)

    def drift_micros(self) -> int:
        """How far what members owe is from what was sent for them."""
        with closing(open_store(self._place.settings.redis)) as store:
            owed = self._owed_micros(store, self._members)
        expected = {each.id: len(each.probes) * PROBE_MICROS for each in self._members}
        return sum(abs(owed[member] - micros) for member, micros in expected.items())

    def open(self) -> None:
        """Begins the sessions and uses each once, so that all are cut off; blocks.

        Raises:
            TransportFault: It did not come to that within ``WAIT_S``.
        """
        threading.Thread(target=self._watch, name="probe-debits", daemon=True).start()
        threading.Thread(target=self._listen, name="probe-signals", daemon=True).start()
        if not self._ready.wait(CONNECT_S):
            raise TransportFault(f"no stream of signals: {self.faults or 'no answer'}")
        with Connection(self._target()) as connection:
            starts = [
                _event("session.start", each.id, self._base_ms, b"") for each in self._members
            ]
            connection.post(b"[" + b",".join(starts) + b"]")
            for _ in self._members:
                probe, body = self.take(time.monotonic_ns())
                connection.post(body)
                probe.answered_ns = time.monotonic_ns()
        self.end(0)

    def close(self) -> None:
        """Ends the threads; they are daemons and hold nothing."""
        self._stop.set()
        self._closing.set()

    def _target(self) -> Target:
        url = httpx.URL(self._place.url)
        return Target(url.host, url.port or 80, self._key)

    def take(self, due_ns: int) -> tuple[Probe, bytes]:
        """The next probe and its body, the members in turn."""
        number = next(self._numbers)
        member = self._members[number % len(self._members)]
        probe = Probe(member.id, member.shard, self._base_ms + 1 + number, due_ns)
        member.probes.append(probe)
        return probe, b"[" + _event("item.use", member.id, probe.at_ms, b',"item":"probe"') + b"]"

    def _watch(self) -> None:
        with self._noting(), closing(open_store(self._place.settings.redis)) as store:
            while not self._closing.is_set():
                open_ones = self._not_debited()
                if open_ones:
                    owed = self._owed_micros(store, open_ones)
                    self.mark_debited(owed, time.monotonic_ns())
                time.sleep(POLL_S)

    def _not_debited(self) -> list[_Member]:
        with self._lock:
            return [
                each for each in self._members if each.probes and not each.probes[-1].debited_ns
            ]

    def mark_debited(self, owed: dict[str, int], now_ns: int) -> None:
        """Takes note of what members owe, by member, as it was just seen."""
        for name, micros in owed.items():
            # Debits are of one amount, so how many there were is how much is owed.
            for probe in reversed(self._by_id[name].probes[: micros // PROBE_MICROS]):
                if probe.debited_ns:
                    break
                probe.debited_ns = now_ns

    def _owed_micros(self, store: redis.Redis, members: Sequence[_Member]) -> dict[str, int]:
        pipeline: Any = cast("Any", store).pipeline(transaction=False)
        for member in members:
            pipeline.hget(f"{{{member.shard}}}:wallets", joined(PROBED, member.id))
        return {
            member.id: 0 if value is None else -posted(decode_wallet(value))
            for member, value in zip(members, pipeline.execute(), strict=True)
        }

    def _listen(self) -> None:
        headers = {"Authorization": f"Bearer {self._key}"}
        with (
            self._noting(),
            httpx.Client(timeout=httpx.Timeout(CONNECT_S, read=None)) as http,
            http.stream("GET", f"{self._place.url}/v1/control", headers=headers) as answer,
        ):
            answer.raise_for_status()
            self._ready.set()
            for line in answer.iter_lines():
                if self._closing.is_set():
                    return
                if line.startswith("data:") and "subject" in line:
                    heard = msgspec.json.decode(line.removeprefix("data:").strip(), type=Heard)
                    self.mark_signalled(heard, time.monotonic_ns())

    def mark_signalled(self, heard: Heard, now_ns: int) -> None:
        """Takes note of a signal that has just come."""
        # One signal stands for all uses of a session that were taken together.
        for probe in reversed(self._by_id[heard.subject].probes):
            if probe.at_ms <= heard.event_at_ms:
                if probe.signalled_ns:
                    break
                probe.signalled_ns = now_ns

    @contextmanager
    def _noting(self) -> Generator[None]:
        """Faults of a thread, kept for whoever waits."""
        try:
            yield
        except (OSError, ValueError, httpx.HTTPError, redis.RedisError) as fault:
            if not self._closing.is_set():
                self.faults.append(f"{type(fault).__name__}: {fault}")


@contextmanager
def probing(place: Place) -> Generator[Probes]:
    """Probes whose sessions are open, while the block runs."""
    probes = Probes(place)
    try:
        probes.open()
        yield probes
    finally:
        probes.close()


def quantile_ms(times_ns: Sequence[int], per_mille: int) -> float:
    """The least time that so many in a thousand do not pass, in ms; -1 without any."""
    if not times_ns:
        return -1
    rank = max(1, -(-len(times_ns) * per_mille // 1_000))
    return round(sorted(times_ns)[rank - 1] / _NS_PER_MS, 1)


def spread(shards: int) -> list[tuple[str, int]]:
    """So many members of every shard, one shard after the other."""
    found: dict[int, list[str]] = {shard: [] for shard in range(shards)}
    for number in itertools.count():
        name = f"probe-{number}"
        own = found[shard_of(PROBED, name, shards)]
        if len(own) < MEMBERS_PER_SHARD:
            own.append(name)
        if all(len(each) == MEMBERS_PER_SHARD for each in found.values()):
            break
    rounds = zip(*found.values(), strict=True)
    return [(name, shard) for each in rounds for shard, name in enumerate(each)]


def _event(kind: str, member: str, at_ms: int, data: bytes) -> bytes:
    name, source, content = member.encode(), SOURCE.encode(), PROBE_CONTENT.encode()
    return (
        b'{"specversion":"1.0","id":"%s-%d","source":"%s","type":"%s","time":"%s","subject":"%s",'
        b'"data":{"session":"of-%s","content":"%s"%s}}'
        % (
            name, at_ms, source, kind.encode(), text_from_ms(at_ms).encode(), name, name,
            content, data,
        )
    )  # fmt: skip
