"""What a run of ``ncash bench ends`` says: one object, a table, a section of a page."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from cli.ends.score import FOUND_WITHIN_MS, Row, Score
from schemas.errors import InvalidDocument

SHOWN_MAX = 12
PPM = 1_000_000
BEGIN = "<!-- ncash bench ends: begin -->"
END = "<!-- ncash bench ends: end -->"
COLUMNS = (
    "fault", "sessions", "silences", "found", "missed", "late", "by lag", "otherwise", "right",
)  # fmt: skip


class Run(NamedTuple):
    """A run.

    Args:
        seed: Of the corpus.
        score: Over all scenes.
        cpu_ms: Processor time that it took.
    """

    seed: int
    score: Score
    cpu_ms: int


def answer_of(run: Run) -> dict[str, object]:
    """The object that ``--json`` prints."""
    score, total = run.score, run.score.all
    return {
        "seed": run.seed,
        "sessions": total.sessions,
        "scenes": score.scenes,
        "handovers": score.handovers,
        "silences": total.silences,
        "found": total.found,
        "missed": total.missed,
        "late": total.late,
        "healthy_ended_by_lag": total.by_lag,
        "healthy_ended_otherwise": total.otherwise,
        "precision": precision(total),
        "recall": recall(total),
        "as_labelled": total.right,
        "delay_ms": delays(score.delays_ms),
        "delay_to_stamp_ms": delays(score.stamp_delays_ms),
        "by_fault": {
            fault: {name: getattr(row, name) for name in Row.__slots__}
            for fault, row in score.rows.items()
        },
        "cpu_ms": run.cpu_ms,
        "targets_met": score.is_met,
    }


def precision(row: Row) -> float:
    """Of the ends that silence decided, the part that was right."""
    return _part(row.found, row.found + row.by_lag + row.otherwise)


def recall(row: Row) -> float:
    """Of the silences that had to be found, the part that was."""
    return _part(row.found, row.silences)


def delays(values: Sequence[int]) -> dict[str, int]:
    """Median, 99th percentile and largest of some milliseconds; empty without any."""
    ordered = sorted(values)
    if not ordered:
        return {}
    last = len(ordered) - 1
    return {"p50": ordered[last // 2], "p99": ordered[last * 99 // 100], "max": ordered[last]}


def show(console: Console, run: Run) -> None:
    """The table, the delays, and what is wrong."""
    table = Table(*COLUMNS)
    for cells in _cells(run.score):
        table.add_row(*cells)
    console.print(table)
    for line in _sentences(run):
        console.print(line, markup=False)
    for fault in run.score.faults[:SHOWN_MAX]:
        console.print(f"  {fault}", style="red", markup=False)
    hidden = len(run.score.faults) - SHOWN_MAX
    if hidden > 0:
        console.print(f"  and {hidden} more")


def section_of(run: Run, machine: dict[str, object]) -> str:
    """The same for a page, with machine and date."""
    rows = "\n".join(f"| {' | '.join(cells)} |" for cells in _cells(run.score))
    place = f"{machine['cores']} cores of {machine['processor']}, Python {machine['python']}"
    sentences = "\n".join(f"- {line}" for line in _sentences(run))
    return (
        f"Measured at {machine['measured_at']}, commit {machine['commit']}, {place}; "
        f"{run.cpu_ms / 1_000:.0f} s of processor time.\n\n"
        f"| {' | '.join(COLUMNS)} |\n{'| --- ' * len(COLUMNS)}|\n{rows}\n\n{sentences}\n"
    )


def write_section(page: Path, section: str) -> None:
    """Puts a section between its marks on a page, in place of the last one.

    Raises:
        InvalidDocument: The page has no marks.
    """
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise InvalidDocument(
            f"{page}: put the lines {BEGIN} and {END} where the figures are to stand"
        )
    page.write_text(f"{before}{BEGIN}\n{section}{END}{after}", encoding="utf-8")


def _cells(score: Score) -> list[list[str]]:
    rows = [*sorted(score.rows.items()), ("all", score.all)]
    return [
        [
            fault.replace("_", " "),
            *(
                f"{each:,}"
                for each in (
                    row.sessions, row.silences, row.found, row.missed, row.late, row.by_lag,
                    row.otherwise, row.right,
                )
            ),
        ]
        for fault, row in rows
    ]  # fmt: skip


def _sentences(run: Run) -> list[str]:
    score, total = run.score, run.score.all
    return [
        f"seed {run.seed}: {total.sessions:,} sessions in {score.scenes} scenes",
        f"{score.handovers} changes of owner",
        f"{total.stopped:,} sessions were stopped, {total.goes_on:,} go on",
        f"precision {precision(total):.4f}, recall {recall(total):.4f}",
        f"cause, state and last event as labelled: {_part(total.right, total.sessions):.4f}",
        f"target for the delay: {FOUND_WITHIN_MS:,} ms",
        f"delay after the timeout in log time, ms: {_words(score.delays_ms)}",
        f"the same to the stamp of the deciding record, ms: {_words(score.stamp_delays_ms)}",
        f"targets {'met' if score.is_met else 'MISSED'}",
    ]


def _words(values: Sequence[int]) -> str:
    return ", ".join(f"{name} {value:,}" for name, value in delays(values).items()) or "none"


def _part(count: int, of: int) -> float:
    """A ratio to six places; 1 of nothing."""
    return count * PPM // of / PPM if of else 1.0
