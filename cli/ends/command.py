"""``ncash bench ends``: plays a corpus, says how well ends were found, fails on a missed target.

Invariant: a seed and a size decide the corpus; only processor time and machine differ.
"""

import time
from pathlib import Path

from rich.console import Console

from cli.bench.machine import machine
from cli.ends.report import Run, answer_of, section_of, show, write_section
from cli.ends.running import scored
from cli.ends.score import Score
from cli.screen import put_json, screen

NS_PER_MS = 1_000_000


def bench_ends(*, seed: int, sessions: int, page: Path | None, as_json: bool) -> int:
    """Plays and says.

    Args:
        seed: Of the corpus.
        sessions: In it.
        page: Where the figures are to stand, or None.
        as_json: Whether to print one object at the end.

    Returns:
        Exit status: 1 when a target is missed.
    """
    console, described = screen(), machine()
    started_ns = time.process_time_ns()
    total = Score()
    for name, score in scored(seed, sessions):
        row = score.all
        console.print(
            f"  {name}: {row.sessions} sessions, {row.found} of {row.silences} silences, "
            f"{row.by_lag + row.otherwise} false",
            markup=False,
        )
        total.add(score)
    run = Run(seed, total, (time.process_time_ns() - started_ns) // NS_PER_MS)
    return tell(console, run, described, page=page, as_json=as_json)


def tell(
    console: Console,
    run: Run,
    described: dict[str, object],
    *,
    page: Path | None,
    as_json: bool,
) -> int:
    """Says what came of a run.

    Args:
        console: For people.
        run: Whole.
        described: The machine.
        page: Where the figures are to stand, or None.
        as_json: Whether to print one object at the end.

    Returns:
        Exit status: 1 when a target is missed.

    Raises:
        InvalidDocument: The page has no place for the figures.
    """
    show(console, run)
    if page is not None:
        write_section(page, section_of(run, described))
    if as_json:
        put_json(answer_of(run) | {"machine": described})
    return 0 if run.score.is_met else 1
