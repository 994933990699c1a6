"""The senders: usage over HTTP and through the raw topic, and money, each until it is answered.

Invariant: what was sent is sent again until the stack has taken it, however often it breaks; a
money command keeps its key meanwhile. It does not own what is sent, nor what must come of it.
"""

import random
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NamedTuple

import httpx
from confluent_kafka import Producer

from cli.chaos.usage import EVENTS_PER_BODY, TENANT, WON, UsageLoad
from cli.stacking import RunningStack
from ingest.forward import KEY_HEADER
from ingest.modes import STRUCTURED
from runtime.faults import TransportFault

IN_FLIGHT = 4
GIVE_UP_S = 600
TIMEOUT_S = 20
AGAIN_S = 0.25
RAW_EVERY = 10
MONEY_EVERY_S = 0.2
TOP_UP_WON = 10_000
REPEATS = 0.3
TRANSFERS = 0.4
_BATCH = "application/cloudevents-batch+json"


class Answered(NamedTuple):
    """What the stack said in the end.

    Args:
        status: Of HTTP.
        body: Its JSON.
        tries: How often it was asked.
    """

    status: int
    body: dict[str, Any]
    tries: int


class Edge:
    """The edge as a patient client has it.

    Args:
        running: The stack.
    """

    def __init__(self, running: RunningStack) -> None:
        self._http = httpx.Client(
            base_url=running.url,
            headers={"Authorization": f"Bearer {running.keys[TENANT]}"},
            timeout=TIMEOUT_S,
            limits=httpx.Limits(max_keepalive_connections=IN_FLIGHT),
        )

    def post(self, path: str, **request: Any) -> Answered:  # noqa: ANN401 -- passed on to httpx
        """Asks until there is an answer that asking again cannot change.

        Raises:
            TransportFault: None for ``GIVE_UP_S`` seconds.
        """
        deadline, tries, last = time.monotonic() + GIVE_UP_S, 0, ""
        while time.monotonic() < deadline:
            tries += 1
            try:
                answer = self._http.post(path, **request)
                if answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR and (
                    answer.status_code
                    not in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
                ):
                    return Answered(answer.status_code, answer.json(), tries)
                last = f"{answer.status_code} {answer.text[:200]}"
            except (httpx.TransportError, ValueError) as fault:
                last = f"{type(fault).__name__}: {fault}"
            time.sleep(AGAIN_S)
        raise TransportFault(f"POST {path} was not answered for {GIVE_UP_S} s: {last}")

    def events(self, events: list[bytes]) -> Answered:
        """Sends usage."""
        body = b"[" + b",".join(events) + b"]"
        return self.post("/v1/events", content=body, headers={"Content-Type": _BATCH})

    def close(self) -> None:
        """Ends the connections."""
        self._http.close()


class RawTopic:
    """The raw topic as a patient producer has it.

    Args:
        running: The stack.
    """

    def __init__(self, running: RunningStack) -> None:
        self._topic = running.settings.raw_topic
        self._producer = Producer(
            {"bootstrap.servers": running.settings.kafka, "acks": "all", "log_level": 0}
        )
        self._headers: list[tuple[str, str | bytes | None]] = [
            ("content-type", STRUCTURED.encode()), (KEY_HEADER, TENANT.encode()),
        ]  # fmt: skip

    def events(self, events: list[bytes], *, partition: int = -1) -> None:
        """Sends until Kafka has confirmed each.

        Raises:
            TransportFault: Not within ``GIVE_UP_S``.
        """
        deadline, left = time.monotonic() + GIVE_UP_S, events
        while left:
            if time.monotonic() > deadline:
                raise TransportFault(f"the raw topic did not take events for {GIVE_UP_S} s")
            failed: list[bytes] = []

            def told(fault: object, message: Any, to: list[bytes] = failed) -> None:  # noqa: ANN401 -- the library's
                if fault is not None:
                    to.append(message.value())

            for event in left:
                self._producer.produce(
                    self._topic,
                    event,
                    partition=partition,
                    headers=self._headers,
                    on_delivery=told,
                )
            self._producer.flush(GIVE_UP_S)
            left = failed


class UsageSender:
    """Sends the load on several threads until it is enough.

    Args:
        running: The stack.
        load: Made as it goes.
        bodies_per_s: The pace; what could not be sent is made up for.
        is_enough: Asked before each body.
    """

    def __init__(
        self,
        running: RunningStack,
        load: UsageLoad,
        bodies_per_s: float,
        is_enough: Callable[[], bool],
    ) -> None:
        self._edge, self._raw = Edge(running), RawTopic(running)
        self._load = load
        self._pace = bodies_per_s
        self._is_enough = is_enough
        self._lock = threading.Lock()
        self._bodies = self._probes = 0
        self._began = time.monotonic()
        self.repeated = self.rejected = 0
        self.faults: list[Exception] = []
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(IN_FLIGHT)]

    def start(self) -> None:
        """Begins."""
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return not any(thread.is_alive() for thread in self._threads)

    def probe(self, partitions: int) -> str:
        """Sends events out of turn, one over HTTP and one to each raw partition.

        Args:
            partitions: Of the raw topic.

        Returns:
            The member who used, who has no other events.

        Raises:
            TransportFault: One was never taken.
        """
        self._probes += 1
        member = f"prober-{self._probes}"
        with self._lock:
            events = [self._load.one(member) for _ in range(1 + partitions)]
        self._send(events[:1])
        for number, event in enumerate(events[1:]):
            self._raw.events([event], partition=number)
        return member

    def finish(self) -> None:
        """Waits for the end and sends what was held back.

        Raises:
            TransportFault: Something was never taken.
        """
        for thread in self._threads:
            thread.join()
        if self.faults:
            raise self.faults[0]
        for body in self._load.rest():
            self._send(body)

    def _work(self) -> None:
        try:
            while not self.faults and not self._is_enough():
                with self._lock:
                    number, body = self._bodies, self._load.body()
                    self._bodies += 1
                ahead = self._began + number / self._pace - time.monotonic()
                if ahead > 0:
                    time.sleep(ahead)
                if number % RAW_EVERY == RAW_EVERY - 1:
                    self._raw.events(body)
                else:
                    self._send(body)
        except (TransportFault, AssertionError) as fault:
            self.faults.append(fault)

    def _send(self, body: list[bytes]) -> None:
        answer = self._edge.events(body)
        if answer.status != HTTPStatus.ACCEPTED:
            raise TransportFault(f"{answer.status} to usage: {answer.body}")
        with self._lock:
            self.repeated += answer.tries - 1
            self.rejected += len(answer.body["rejected"])


def bodies_per_s(events: int, minutes: float) -> float:
    """The pace at which so many events take so long.

    Args:
        events: Copies among them.
        minutes: From the first to the last.
    """
    return max(1.0, events / EVENTS_PER_BODY / (minutes * 60))


class MoneySender:
    """Top-ups and transfers one after the other, some asked for twice with the same key.

    Args:
        running: The stack.
        seed: Of all chance.
        members: As many as the load has.
    """

    def __init__(self, running: RunningStack, seed: int, members: int) -> None:
        self._edge = Edge(running)
        self._chance = random.Random(f"money {seed}")  # noqa: S311 -- reproducible on purpose
        self._members = members
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.commands = self.done = 0
        self.balances: dict[str, int] = {}
        self.differing: list[str] = []
        self.faults: list[Exception] = []

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def finish(self) -> None:
        """Ends after the command under way.

        Raises:
            TransportFault: One was never answered.
        """
        self._stop.set()
        self._thread.join()
        self._edge.close()
        if self.faults:
            raise self.faults[0]

    def _work(self) -> None:
        try:
            while not self._stop.wait(MONEY_EVERY_S):
                self._one()
        except TransportFault as fault:
            self.faults.append(fault)

    def _one(self) -> None:
        self.commands += 1
        sender, receiver = self._chance.sample(range(self._members), 2)
        amount = self._chance.randrange(1, TOP_UP_WON)
        is_transfer = self._chance.random() < TRANSFERS
        moves = {f"member-{receiver}": amount}
        body: dict[str, object] = {"amount": str(amount), "currency": "KRW"}
        path = f"/v1/wallets/member-{receiver}/top-ups"
        if is_transfer:
            moves[f"member-{sender}"] = -amount
            body |= {"from": f"member-{sender}", "to": f"member-{receiver}"}
            path = "/v1/transfers"
        else:
            body["reference"] = f"r{self.commands}"
        answer = self._asked(path, body)
        if self._chance.random() < REPEATS:
            again = self._asked(path, body)
            if (again.status, again.body) != (answer.status, answer.body):
                self.differing.append(f"{path} {body}: {answer.body}, then {again.body}")
        if answer.status >= HTTPStatus.BAD_REQUEST:
            return
        self.done += 1
        for member, won in moves.items():
            self.balances[member] = self.balances.get(member, 0) + won * WON

    def _asked(self, path: str, body: dict[str, object]) -> Answered:
        key = f"money-{self.commands}"
        return self._edge.post(path, json=body, headers={"Idempotency-Key": key})
