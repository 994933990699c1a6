"""``ncash bench pipeline``: the sustained rate from the edge to the last entry in the warehouse.

Time runs from the first send of the measured stage until every output of the ledger, the applied
usage and the dead letters behind it can be selected in the warehouse. Invariant: the run ends with
a reconciliation; the client's processor time is measured apart and not counted.
"""

import time
from contextlib import closing
from typing import NamedTuple

from rich.console import Console

from cli.bench.baseline import Baseline, measured_baseline
from cli.bench.load import EVENTS_PER_BODY, Load, Shape
from cli.bench.machine import machine
from cli.bench.market import TENANT, bench_catalogue
from cli.bench.place import (
    IN_FLIGHT,
    Place,
    bench_folder,
    external_place,
    idle_samples,
    load_client,
    own_place,
    samples,
    settle,
    write_load,
)
from cli.bench.report import Run, answer_of, finish, show
from cli.bench.usage import resident_mb, restarted, used_us
from cli.reconciling import reconciled
from cli.screen import screen
from warehouse.audit import totals
from warehouse.opening import open_warehouse

WARM_UP_EVENTS = 40_000
# What --seconds prepares for: more than the pipeline takes, so that the time runs out first.
PREPARED_PER_S = 40_000


class Wanted(NamedTuple):
    """What is asked for.

    Args:
        events: To be sent and measured, at most.
        seconds: After which sending ends; 0 is when all is sent.
        shape: Of the load.
        workers: Of the embedded stack.
        external: Edge and key of a stack that runs, or None.
        baseline_events: For the obvious program behind it; 0 is not to run it.
        warm_up: Events before.
        is_filled: Whether they begin every session first.
    """

    events: int
    seconds: int
    shape: Shape
    workers: int
    external: tuple[str, str] | None
    baseline_events: int = 0
    warm_up: int = WARM_UP_EVENTS
    is_filled: bool = False


def bench_pipeline(wanted: Wanted, *, as_json: bool, is_kept: bool) -> int:
    """Measures and says.

    Args:
        wanted: Load and place.
        as_json: Whether to print one object at the end.
        is_kept: Whether the figures are kept among the results.

    Returns:
        Exit status: 1 when a copy differs or an event was refused.

    Raises:
        NcashError: The stack did not come up, did not take the load, or did not come to rest.
    """
    console, described = screen(), machine()
    body = bench_catalogue(wanted.shape.contents)
    with bench_folder() as folder:
        if wanted.external is not None:
            place = external_place(folder, *wanted.external, body)
            run = measured(place, wanted, console)
        else:
            with own_place(folder, console, body=body, workers=wanted.workers) as place:
                run = measured(place, wanted, console)
    baseline: Baseline | None = None
    if wanted.baseline_events:
        baseline = measured_baseline(wanted.shape, wanted.baseline_events, wanted.workers, console)
    show(console, run, described, baseline)
    figures = answer_of(run, baseline)
    finish("pipeline", figures, described, as_json=as_json, is_kept=is_kept)
    drifted = run.drift_micros or run.copies_differ or (baseline and baseline.drift_micros)
    return 1 if drifted or run.rejected else 0


def measured(place: Place, wanted: Wanted, console: Console) -> Run:
    """One run on a stack: warm-up, the measured stage, rest, reconciliation.

    Args:
        place: The stack.
        wanted: Load.
        console: For people.

    Raises:
        NcashError: The stack did not take the load, or did not come to rest.
    """
    bodies = -(-wanted.events // EVENTS_PER_BODY)
    warm = -(-wanted.warm_up // EVENTS_PER_BODY)
    load = Load(wanted.shape, time.time_ns() // 1_000_000, is_filled=wanted.is_filled)
    file = write_load(place, load, warm + bodies, console)
    idle = idle_samples(place)
    with load_client(place, file) as client:
        console.print(f"  warm-up: {warm * EVENTS_PER_BODY:,} events")
        client.stage(warm)
        settle(place)
        before = samples(place)
        console.print("  measuring")
        stage = client.stage(bodies, seconds=wanted.seconds)
        ended_ns = settle(place)
        after = samples(place)
    with closing(open_warehouse(place.settings.clickhouse)) as warehouse:
        found = totals(warehouse, TENANT)
    console.print("  reconciling")
    report = reconciled(place.settings)
    return Run(
        events=stage.events,
        rejected=stage.rejected,
        busy=stage.busy,
        elapsed_ms=(ended_ns - stage.began_ns) // 1_000_000,
        sending_ms=(stage.ended_ns - stage.began_ns) // 1_000_000,
        client_cpu_us=stage.cpu_ns // 1_000,
        used_us=used_us(before, after) if place.stack else None,
        restarted=restarted(before, after),
        idle_mb=resident_mb(idle),
        loaded_mb=resident_mb(after),
        usages=found.usages,
        duplicates=found.duplicates,
        entries=found.entries,
        drift_micros=report.drift_micros,
        copies_differ=not report.is_clean,
        shape=wanted.shape,
        in_flight=IN_FLIGHT,
        workers=wanted.workers,
    )
