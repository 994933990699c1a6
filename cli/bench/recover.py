"""``ncash bench recover``: from a worker's death to the first debit of its partitions, under load.

A worker is killed with SIGKILL while load and probes go on, several times; each time it is started
again by its supervisor and gets its partitions back by name. At last another is killed that is not
started again, so that the rest take its partitions over. Invariant: a partition counts as recovered
at the first debit of a probe that was due after the kill, so no work of the dead worker's counts.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from statistics import median
from typing import Any, NamedTuple, cast

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from rich.console import Console
from rich.table import Table

from cli.bench.load import EVENTS_PER_BODY, Load, Shape
from cli.bench.machine import machine
from cli.bench.market import bench_catalogue
from cli.bench.place import Place, bench_folder, load_client, own_place, settle, write_load
from cli.bench.probes import PROBE_KEY, Probe, Probes, probing
from cli.bench.report import finish, show_machine
from cli.bench.usage import Sample, sample
from cli.reconciling import reconciled
from cli.screen import screen
from runtime.embedded.parts import PartSpec
from runtime.embedded.services import Resolved, ncash_services
from runtime.faults import StackFault, TransportFault
from runtime.settings import Settings
from schemas.topics import LOG_TOPIC
from streams.app import GROUP, SESSION_TIMEOUT_S

BEFORE_S = 3
STEADY_WAIT_S = 90
ASK_S = 10
POLL_S = 0.1
_NS_PER_MS = 1_000_000
_US_PER_S = 1_000_000


class Wanted(NamedTuple):
    """What is asked for.

    Args:
        rate: Events a second, beside the probes.
        kills: Of a worker that comes back.
        probes_per_s: Over all partitions.
        shape: Of the load.
        workers: At least 2.
    """

    rate: int
    kills: int
    probes_per_s: int
    shape: Shape
    workers: int


class Kill(NamedTuple):
    """What came of one kill.

    Args:
        worker: Which.
        comes_back: Whether it was started again.
        partitions_ms: By partition that it had, until its first debit.
    """

    worker: str
    comes_back: bool
    partitions_ms: dict[int, int]

    def answer(self) -> dict[str, object]:
        """As ``--json`` tells it."""
        times = sorted(self.partitions_ms.values())
        return {
            "worker": self.worker,
            "comes_back": self.comes_back,
            "partitions": len(times),
            "first_ms": times[0],
            "median_ms": int(median(times)),
            "last_ms": times[-1],
        }


class _Gate:
    """Keeps one worker from being started again, once it is shut.

    Args:
        worker: Which.
    """

    def __init__(self, worker: str) -> None:
        self.worker = worker
        self._is_shut = False

    def shut(self) -> None:
        """From now on."""
        self._is_shut = True

    def services(self, resolved: Resolved) -> Sequence[PartSpec]:
        """The product's plan, with the gate before the worker."""
        return [
            replace(each, prepare=self._pass) if each.name == self.worker else each
            for each in ncash_services(resolved)
        ]

    def _pass(self) -> None:
        if self._is_shut:
            raise StackFault(f"{self.worker} is not to come back")


def bench_recover(wanted: Wanted, *, as_json: bool, is_kept: bool) -> int:
    """Measures and says.

    Args:
        wanted: Load and kills.
        as_json: Whether to print one object at the end.
        is_kept: Whether the figures are kept among the results.

    Returns:
        Exit status: 1 when a copy differs or a probe's debit is not its price.

    Raises:
        NcashError: The stack did not come up, or a partition did not come back.
    """
    console, described = screen(), machine()
    body = bench_catalogue(wanted.shape.contents, is_probed=True)
    gate = _Gate(f"worker-{wanted.workers}")
    with (
        bench_folder() as folder,
        own_place(
            folder, console, body=body, workers=wanted.workers, more_keys=[PROBE_KEY],
            services=gate.services,
        ) as place,
    ):  # fmt: skip
        kills, cpu_s, probes_drift = _measured(place, wanted, gate, console)
        console.print("  reconciling")
        report = reconciled(place.settings)
    drift = report.drift_micros + probes_drift
    answers = [kill.answer() for kill in kills]
    back = [kill.answer()["last_ms"] for kill in kills if kill.comes_back]
    figures: dict[str, object] = {
        "restarted_ms_median": int(median([int(str(each)) for each in back])),
        "taken_over_ms": answers[-1]["last_ms"],
        "drift_micros": drift,
        "kills": answers,
        "cpu_s_by_part": cpu_s,
        "session_timeout_ms": SESSION_TIMEOUT_S * 1_000,
        "load": {
            **wanted.shape._asdict(), "events_per_s": wanted.rate, "workers": wanted.workers,
            "probes_per_s": wanted.probes_per_s,
        },
    }  # fmt: skip
    _show(console, answers)
    console.print(f"drift {drift}")
    show_machine(console, described)
    finish("recover", figures, described, as_json=as_json, is_kept=is_kept)
    return 1 if drift or not report.is_clean else 0


def _measured(
    place: Place, wanted: Wanted, gate: _Gate, console: Console
) -> tuple[list[Kill], dict[str, float], int]:
    """The kills, processor seconds by part meanwhile, the probes' drift."""
    assert place.stack is not None
    # Far more than is needed; the client is ended when the last partition is back.
    seconds = (wanted.kills + 1) * (STEADY_WAIT_S + BEFORE_S)
    load = Load(wanted.shape, time.time_ns() // 1_000_000)
    file = write_load(place, load, seconds * wanted.rate // EVENTS_PER_BODY, console)
    kills: list[Kill] = []
    used: dict[str, float] = {}
    with probing(place) as probes:
        with load_client(place, file) as client:
            client.begin(seconds * wanted.rate // EVENTS_PER_BODY, events_per_s=wanted.rate)
            probes.begin(wanted.probes_per_s)
            for number in range(wanted.kills + 1):
                comes_back = number < wanted.kills
                worker = "worker-1" if comes_back else gate.worker
                partitions = _steady_partitions(place.settings, worker)
                time.sleep(BEFORE_S)
                before = sample(place.stack)
                if not comes_back:
                    gate.shut()
                kill = _kill(place, probes, worker, partitions, comes_back=comes_back)
                _add_cpu(used, before, sample(place.stack))
                console.print(f"  killed {worker}: {kill.answer()['last_ms']} ms")
                kills.append(kill)
        probes.end(0)
        settle(place)
        return kills, {part: round(each, 2) for part, each in used.items()}, probes.drift_micros()


def _kill(
    place: Place, probes: Probes, worker: str, partitions: Sequence[int], *, comes_back: bool
) -> Kill:
    assert place.stack is not None
    since_ns = time.monotonic_ns()
    place.stack.kill(worker)
    deadline = time.monotonic() + STEADY_WAIT_S
    while len(found := first_debits(probes.all(), since_ns, partitions)) < len(partitions):
        missing = sorted(set(partitions) - set(found))
        if probes.faults:
            raise TransportFault(f"probing failed: {probes.faults[0]}")
        if time.monotonic() > deadline:
            raise TransportFault(f"no debit in {missing} within {STEADY_WAIT_S} s after a kill")
        time.sleep(POLL_S)
    return Kill(worker, comes_back, found)


def first_debits(
    probes: Sequence[Probe], since_ns: int, partitions: Sequence[int]
) -> dict[int, int]:
    """By partition, milliseconds until the first debit of a probe that was due afterwards."""
    found: dict[int, int] = {}
    for probe in probes:
        if probe.due_ns > since_ns and probe.debited_ns and probe.shard in partitions:
            taken_ms = (probe.debited_ns - since_ns) // _NS_PER_MS
            found[probe.shard] = min(taken_ms, found.get(probe.shard, taken_ms))
    return found


def _steady_partitions(settings: Settings, worker: str) -> list[int]:
    """Waits until the group has given every partition away; gives those of a worker.

    Raises:
        StackFault: It does not come to rest, or the worker has none.
    """
    admin = AdminClient({"bootstrap.servers": settings.kafka, "log_level": 2})
    deadline = time.monotonic() + STEADY_WAIT_S
    while time.monotonic() < deadline:
        # While the group is being shared out its members may be unknown.
        with suppress(KafkaException):
            members: list[Any] = _described(admin)
            owned = {
                str(member.group_instance_id): [
                    int(place.partition)
                    for place in member.assignment.topic_partitions
                    if place.topic == LOG_TOPIC
                ]
                for member in members
            }
            mine = owned.get(f"worker.{worker}", [])
            if mine and sum(map(len, owned.values())) == settings.shards:
                return mine
        time.sleep(POLL_S)
    raise StackFault(f"{worker} has no partitions of its own within {STEADY_WAIT_S} s")


def _described(admin: AdminClient) -> list[Any]:
    """The group's members; the client ships no types for its answers."""
    described: dict[str, Any] = cast("Any", admin).describe_consumer_groups(
        [GROUP], request_timeout=ASK_S
    )
    members: list[Any] = described[GROUP].result().members
    return members


def _add_cpu(used: dict[str, float], before: dict[str, Sample], after: dict[str, Sample]) -> None:
    """Adds what each part used; of one that was started again, all since then."""
    for name, last in after.items():
        first = before.get(name)
        base = first.cpu_us if first is not None and first.pid == last.pid else 0
        used[name] = used.get(name, 0.0) + (last.cpu_us - base) / _US_PER_S


def _show(console: Console, answers: Sequence[dict[str, object]]) -> None:
    table = Table(
        "killed", "comes back", "partitions", "first", "median", "last", title="\nbench recover, ms"
    )
    for each in answers:
        table.add_row(
            str(each["worker"]),
            "yes" if each["comes_back"] else "no",
            *(str(each[name]) for name in ("partitions", "first_ms", "median_ms", "last_ms")),
        )
    console.print(table)
