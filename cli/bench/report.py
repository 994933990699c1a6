"""What a benchmark says: one object, a table, a file among the results."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
from rich.console import Console
from rich.table import Table

from cli.bench.baseline import Baseline
from cli.bench.load import DISORDER, EVENTS_PER_BODY, REPEATS, Shape
from cli.bench.machine import RESULTS
from cli.bench.market import TARIFFS
from cli.bench.usage import kind_of
from cli.screen import put_json, screen


class Run(NamedTuple):
    """A measured run.

    Args:
        events: Accepted in the measured stage, repeats counted.
        rejected: Refused.
        busy: Answers that asked to send again.
        elapsed_ms: From the first send to the last row in the warehouse.
        sending_ms: Of it, until the last answer.
        client_cpu_us: Of the load client; not counted.
        used_us: Processor time by kind of part, or None where it cannot be seen.
        restarted: Parts that died meanwhile; what they used is in no figure.
        idle_mb: Resident memory by part before the load.
        loaded_mb: And after it.
        usages: Applied events in the warehouse, warm-up counted.
        duplicates: Repeats that changed nothing, warm-up counted.
        entries: Ledger entries, warm-up counted.
        drift_micros: Between the copies of the books.
        copies_differ: Whether the reconciliation found anything.
        shape: Of the load.
        in_flight: Requests under way at once.
        workers: Stream workers.
    """

    events: int
    rejected: int
    busy: int
    elapsed_ms: int
    sending_ms: int
    client_cpu_us: int
    used_us: dict[str, int] | None
    restarted: list[str]
    idle_mb: dict[str, int]
    loaded_mb: dict[str, int]
    usages: int
    duplicates: int
    entries: int
    drift_micros: int
    copies_differ: bool
    shape: Shape
    in_flight: int
    workers: int

    def per_event(self, used_us: int) -> float:
        """Microseconds of an event, to a tenth."""
        return round(used_us / max(1, self.events), 1)


def answer_of(run: Run, baseline: Baseline | None = None) -> dict[str, object]:
    """The object that ``--json`` prints."""
    used = run.used_us
    return {
        "events_per_s": run.events * 1_000 // max(1, run.elapsed_ms),
        "cpu_us_per_event": None if used is None else run.per_event(sum(used.values())),
        "worker_cpu_us_per_event": None if used is None else run.per_event(used.get("worker", 0)),
        "redis_cpu_us_per_event": None if used is None else run.per_event(used.get("redis", 0)),
        "client_cpu_us_per_event": run.per_event(run.client_cpu_us),
        "baseline_events_per_s": None if baseline is None else baseline.answer()["events_per_s"],
        "drift_micros": run.drift_micros,
        "baseline": None if baseline is None else baseline.answer(),
        "events": run.events,
        "events_rejected": run.rejected,
        "busy_answers": run.busy,
        "elapsed_s": run.elapsed_ms / 1_000,
        "sending_s": run.sending_ms / 1_000,
        "cpu_us_per_event_by_part": {
            part: run.per_event(each) for part, each in sorted((used or {}).items())
        },
        "parts_restarted": run.restarted,
        "idle_resident_mb": run.idle_mb | {"total": sum(run.idle_mb.values())},
        "loaded_resident_mb": run.loaded_mb | {"total": sum(run.loaded_mb.values())},
        "usages": run.usages,
        "events_duplicate": run.duplicates,
        "entries": run.entries,
        "load": {
            **run.shape._asdict(),
            "tariffs": TARIFFS,
            "batch": EVENTS_PER_BODY,
            "in_flight": run.in_flight,
            "workers": run.workers,
            "repeats": REPEATS,
            "disorder": DISORDER,
        },
    }


def show(
    console: Console,
    run: Run,
    described: Mapping[str, object],
    baseline: Baseline | None = None,
) -> None:
    """The table for people."""
    memory = _by_kind(run.idle_mb), _by_kind(run.loaded_mb)
    table = Table("part", "CPU µs per event", "MB idle", "MB after", title="\nbench pipeline")
    used = run.used_us or {}
    for part in sorted(memory[0] | memory[1] | used, key=lambda name: -used.get(name, 0)):
        table.add_row(
            part,
            f"{run.per_event(used[part]):.1f}" if part in used else "-",
            str(memory[0].get(part, "-")),
            str(memory[1].get(part, "-")),
        )
    table.add_section()
    total = f"{run.per_event(sum(used.values())):.1f}" if used else "not visible from here"
    table.add_row("all", total, *(str(sum(each.values())) for each in memory))
    table.add_row("client, not counted", f"{run.per_event(run.client_cpu_us):.1f}", "", "")
    console.print(table)
    per_s = run.events * 1_000 // max(1, run.elapsed_ms)
    console.print(
        f"[bold]{per_s:,} events/s[/]: {run.events:,} events in {run.elapsed_ms / 1_000:.1f} s to "
        f"the last row in the warehouse ({run.sending_ms / 1_000:.1f} s to the last answer); "
        f"{run.rejected} refused, {run.busy} busy answers"
    )
    console.print(f"{run.entries:,} entries, {run.duplicates:,} repeats, drift {run.drift_micros}")
    if run.restarted:
        console.print(f"[red]died meanwhile, not counted:[/] {', '.join(run.restarted)}")
    if baseline is not None:
        show_baseline(console, baseline)
        ratio = per_s * baseline.elapsed_ms / max(1, baseline.events * 1_000)
        console.print(f"[bold]{ratio:.1f} times[/] the obvious Faust program")
    show_machine(console, described)


def show_baseline(console: Console, baseline: Baseline) -> None:
    """The obvious program's figures for people."""
    found = baseline.answer()
    console.print(
        f"the obvious Faust program: {found['events_per_s']:,} events/s with {baseline.workers} "
        f"workers; CPU µs per event: workers {found['worker_cpu_us_per_event']}, Redis "
        f"{found['redis_cpu_us_per_event']}, Kafka {found['kafka_cpu_us_per_event']}; drift "
        f"{baseline.drift_micros}"
    )


def show_machine(console: Console, described: Mapping[str, object]) -> None:
    """On what it was measured."""
    console.print(", ".join(f"{name} {value}" for name, value in described.items()), markup=False)


def finish(
    name: str,
    figures: Mapping[str, object],
    described: Mapping[str, object],
    *,
    as_json: bool,
    is_kept: bool,
) -> None:
    """Keeps the figures with their machine among the results, and prints them as one object.

    Args:
        name: Of the benchmark.
        figures: What it says.
        described: The machine.
        as_json: Whether to print them.
        is_kept: Whether to keep them.
    """
    answer = {**figures, "machine": described}
    if is_kept and (file := keep(name, answer, RESULTS)):
        screen().print(f"kept in {file}")
    if as_json:
        put_json(answer)


def keep(name: str, answer: Mapping[str, object], folder: Path) -> Path | None:
    """Writes the object among the results; None where there is no such folder."""
    if not folder.is_dir():
        return None
    described = msgspec.convert(answer["machine"], dict[str, object])
    stamp = str(described["measured_at"]).replace(":", "").replace("-", "")
    file = folder / f"{name}-{stamp}.json"
    file.write_bytes(msgspec.json.format(msgspec.json.encode(answer)) + b"\n")
    return file


def _by_kind(parts: Mapping[str, int]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for part, each in parts.items():
        sums[kind_of(part)] = sums.get(kind_of(part), 0) + each
    return sums
