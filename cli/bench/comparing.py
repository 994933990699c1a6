"""``ncash bench baseline``: the obvious Faust program alone, to be compared with the pipeline."""

from cli.bench.baseline import measured_baseline
from cli.bench.load import Shape
from cli.bench.machine import machine
from cli.bench.report import finish, show_baseline, show_machine
from cli.screen import screen


def bench_baseline(shape: Shape, events: int, workers: int, *, as_json: bool, is_kept: bool) -> int:
    """Measures the obvious program alone and says.

    Args:
        shape: Of the load.
        events: To measure.
        workers: Of the program.
        as_json: Whether to print one object at the end.
        is_kept: Whether the figures are kept among the results.

    Returns:
        Exit status: 1 when Redis and the table differ.
    """
    console, described = screen(), machine()
    found = measured_baseline(shape, events, workers, console)
    show_baseline(console, found)
    show_machine(console, described)
    finish("baseline", found.answer(), described, as_json=as_json, is_kept=is_kept)
    return 1 if found.drift_micros else 0
