"""``ncash bench latency``: from a send to the debit in Redis, and to the signal at the server.

The load goes out on a schedule beside the probes, whose times run from when each was due.
Invariant: every probe is seen, the run ends with a reconciliation, and a rate that was not kept is
said to be so. It does not own how a probe is watched (``cli.bench.probes``).
"""

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from cli.bench.load import EVENTS_PER_BODY, Load, Shape
from cli.bench.machine import machine
from cli.bench.market import bench_catalogue
from cli.bench.place import (
    LoadClient,
    Place,
    bench_folder,
    load_client,
    own_place,
    samples,
    settle,
    write_load,
)
from cli.bench.probes import PROBE_KEY, Probe, Probes, probing, quantile_ms
from cli.bench.report import finish, show_machine
from cli.bench.usage import restarted, used_us
from cli.reconciling import reconciled
from cli.screen import screen

SHARES = (10, 50, 90)
SUSTAINED_EVENTS = 100_000
# The first probes of a rate meet a stack that was at rest.
SKIP_NS = 1_000_000_000
BEHIND_NS_MAX = 500_000_000
_US_PER_S = 1_000_000


class Wanted(NamedTuple):
    """What is asked for.

    Args:
        rates: Events a second, probes counted; none is shares of what is sustained.
        sustained: Events a second that the stack sustains; 0 is to find out.
        seconds: At each rate.
        probes_per_s: Of a rate, so many are watched.
        shape: Of the load.
        workers: Stream workers.
        warm_up: Events before.
        sustained_events: To find out with.
    """

    rates: Sequence[int]
    sustained: int
    seconds: int
    probes_per_s: int
    shape: Shape
    workers: int
    warm_up: int
    sustained_events: int = SUSTAINED_EVENTS


class AtRate(NamedTuple):
    """What was seen at one rate.

    Args:
        events_per_s: Offered.
        probes: What became of each.
        late_ms_max: How far the load's client was behind its schedule at most.
        used_us: Processor time by kind of part.
        restarted: Parts that died meanwhile.
    """

    events_per_s: int
    probes: Sequence[Probe]
    late_ms_max: int
    used_us: Mapping[str, int]
    restarted: Sequence[str]

    def answer(self) -> dict[str, object]:
        """As ``--json`` tells it."""
        figures: dict[str, object] = {"events_per_s": self.events_per_s, "probes": len(self.probes)}
        for name, times in self.times_ns().items():
            for label, per_mille in (("p50", 500), ("p99", 990), ("p999", 999), ("max", 1_000)):
                figures[f"{name}_{label}_ms"] = quantile_ms(times, per_mille)
        return figures | {
            "late_ms_max": self.late_ms_max,
            "is_kept": self.late_ms_max * 1_000_000 <= BEHIND_NS_MAX,
            "parts_restarted": self.restarted,
            "cpu_s_by_part": {
                part: round(each / _US_PER_S, 2) for part, each in sorted(self.used_us.items())
            },
        }

    def times_ns(self) -> dict[str, list[int]]:
        """Times from when each was due, by what was waited for."""
        return {
            "debit": [probe.debited_ns - probe.due_ns for probe in self.probes],
            "signal": [probe.signalled_ns - probe.due_ns for probe in self.probes],
            "answer": [probe.answered_ns - probe.due_ns for probe in self.probes],
        }


def bench_latency(wanted: Wanted, *, as_json: bool, is_kept: bool) -> int:
    """Measures and says.

    Args:
        wanted: Rates and load.
        as_json: Whether to print one object at the end.
        is_kept: Whether the figures are kept among the results.

    Returns:
        Exit status: 1 when a copy differs or a probe's debit is not its price.

    Raises:
        NcashError: The stack did not come up, did not take the load, or a probe was not seen.
    """
    console, described = screen(), machine()
    body = bench_catalogue(wanted.shape.contents, is_probed=True)
    with (
        bench_folder() as folder,
        own_place(
            folder, console, body=body, workers=wanted.workers, more_keys=[PROBE_KEY]
        ) as place,
    ):
        sustained, found, probes_drift = _measured(place, wanted, console)
        console.print("  reconciling")
        report = reconciled(place.settings)
    drift = report.drift_micros + probes_drift
    # The figures of the contract are those at half load, or at the only rate.
    answers = [each.answer() for each in found]
    half = answers[len(answers) // 2]
    names = ("debit_p50_ms", "debit_p99_ms", "debit_p999_ms")
    figures = {name: half[name] for name in names} | {
        "drift_micros": drift,
        "events_per_s": half["events_per_s"],
        "sustained_events_per_s": sustained or None,
        "by_rate": answers,
        "load": {**wanted.shape._asdict(), "workers": wanted.workers, "seconds": wanted.seconds},
    }
    _show(console, found)
    console.print(f"drift {drift}")
    show_machine(console, described)
    finish("latency", figures, described, as_json=as_json, is_kept=is_kept)
    return 1 if drift or not report.is_clean else 0


def _measured(place: Place, wanted: Wanted, console: Console) -> tuple[int, list[AtRate], int]:
    """What is sustained (0: not asked), what was seen at each rate, the probes' own drift."""
    load = Load(wanted.shape, time.time_ns() // 1_000_000)
    find_out = wanted.sustained_events if not (wanted.rates or wanted.sustained) else 0
    ready = wanted.warm_up + find_out
    file = write_load(place, load, ready // EVENTS_PER_BODY, console)
    with load_client(place, file) as client:
        client.stage(wanted.warm_up // EVENTS_PER_BODY)
        settle(place)
        sustained = wanted.sustained
        if find_out:
            stage = client.stage(find_out // EVENTS_PER_BODY)
            sustained = stage.events * 1_000_000_000 // (settle(place) - stage.began_ns)
            console.print(f"  sustained: {sustained:,} events/s")
    rates = wanted.rates or [sustained * share // 100 for share in SHARES]
    bodies = [_bodies(rate, wanted) for rate in rates]
    file = write_load(place, load, sum(bodies), console)
    found: list[AtRate] = []
    with load_client(place, file) as client, probing(place) as probes:
        for rate, count in zip(rates, bodies, strict=True):
            console.print(f"  {rate:,} events/s for {wanted.seconds} s")
            found.append(_at_rate(place, wanted, client, probes, rate=rate, bodies=count))
        settle(place)
        return sustained, found, probes.drift_micros()


def _bodies(rate: int, wanted: Wanted) -> int:
    """The load's part of a rate, in bodies."""
    return max(0, rate - wanted.probes_per_s) * wanted.seconds // EVENTS_PER_BODY


def _at_rate(
    place: Place, wanted: Wanted, client: LoadClient, probes: Probes, *, rate: int, bodies: int
) -> AtRate:
    since, before = len(probes.all()), samples(place)
    if bodies:
        client.begin(bodies, events_per_s=max(1, rate - wanted.probes_per_s))
    probes.begin(wanted.probes_per_s)
    time.sleep(wanted.seconds)
    after = samples(place)
    seen = probes.end(since)
    late_ns = client.end().late_ns_max if bodies else 0
    settle(place)
    first_ns = seen[0].due_ns + SKIP_NS
    kept = [probe for probe in seen if probe.due_ns >= first_ns] or seen
    return AtRate(
        rate, kept, late_ns // 1_000_000, used_us(before, after), restarted(before, after)
    )


def _show(console: Console, found: Sequence[AtRate]) -> None:
    table = Table(
        "events/s", "to the", "p50", "p99", "p99.9", "max", "CPU s", title="\nbench latency, ms"
    )
    for at in found:
        cpu_s = f"{sum(at.used_us.values()) / _US_PER_S:.1f}"
        late = "" if at.answer()["is_kept"] else " (not kept)"
        for name, times in at.times_ns().items():
            cells = [f"{quantile_ms(times, each):.1f}" for each in (500, 990, 999, 1_000)]
            first = f"{at.events_per_s:,}{late}" if name == "debit" else ""
            table.add_row(first, name, *cells, cpu_s if first else "")
    console.print(table)
