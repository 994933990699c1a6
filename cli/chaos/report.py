"""What a run of ``ncash chaos`` says: tables for people, one object, a section of a page."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from cli.chaos.checking import Check
from schemas.errors import InvalidDocument

BEGIN = "<!-- ncash chaos: begin -->"
END = "<!-- ncash chaos: end -->"


class Strike(NamedTuple):
    """One fault that struck.

    Args:
        fault: Its name.
        healing_ms: From when it was over until nothing lagged any more.
    """

    fault: str
    healing_ms: int


class Run(NamedTuple):
    """A run.

    Args:
        seed: Of all chance.
        events: Different ones.
        copies: Events as they were sent, repeats among them.
        resent: Requests that had to be sent again.
        commands: Of money.
        elapsed_s: From the first event to the last check.
        strikes: In their order.
        checks: At the end.
        repeat: The command that plays it again.
    """

    seed: int
    events: int
    copies: int
    resent: int
    commands: int
    elapsed_s: int
    strikes: Sequence[Strike]
    checks: Sequence[Check]
    repeat: str

    @property
    def is_good(self) -> bool:
        """Whether every check holds."""
        return all(check.is_good for check in self.checks)


def by_fault(strikes: Sequence[Strike]) -> list[tuple[str, int, int, int]]:
    """By fault: name, count, median and longest healing time in milliseconds."""
    times: dict[str, list[int]] = {}
    for strike in strikes:
        times.setdefault(strike.fault, []).append(strike.healing_ms)
    return [(name, len(own), int(median(own)), max(own)) for name, own in sorted(times.items())]


def answer_of(run: Run, machine: dict[str, object]) -> dict[str, object]:
    """The object that ``--json`` prints."""
    return {
        "seed": run.seed,
        "events": run.events,
        "copies": run.copies,
        "resent": run.resent,
        "commands": run.commands,
        "elapsed_s": run.elapsed_s,
        "strikes": len(run.strikes),
        "faults": [
            {"fault": name, "count": count, "median_ms": middle, "max_ms": longest}
            for name, count, middle, longest in by_fault(run.strikes)
        ],
        "checks": [
            {"name": check.name, "found": check.found, "expected": check.expected}
            for check in run.checks
        ],
        "is_good": run.is_good,
        "repeat": run.repeat,
        "machine": machine,
    }


def show(console: Console, run: Run) -> None:
    """The tables, and how to see a failure again."""
    table = Table("fault", "count", "healed in, median", "longest", title="\nfaults")
    for name, count, middle, longest in by_fault(run.strikes):
        table.add_row(name, str(count), _seconds(middle), _seconds(longest))
    console.print(table)
    for check in run.checks:
        mark = "[green]as told[/]" if check.is_good else f"[bold red]not {check.expected:,}[/]"
        console.print(f"  {check.name}: {check.found:,} {mark}")
        if not check.is_good and check.detail:
            console.print(f"    {check.detail}", markup=False)
    if not run.is_good:
        console.print(f"again: {run.repeat}", markup=False)


def section_of(run: Run, machine: dict[str, object]) -> str:
    """The section of a page, Markdown."""
    place = f"{machine['cores']} cores of {machine['processor']}, Python {machine['python']}"
    measured = f"Measured at {machine['measured_at']}, commit {machine['commit']}, {place}: "
    sent = f"{run.events:,} events as {run.copies:,} copies, {run.commands:,} money commands"
    struck = f"{sent}; {len(run.strikes)} faults in {run.elapsed_s:,} s"
    lines = [
        f"{measured}`{run.repeat}`.",
        "",
        f"{struck}; {run.resent:,} requests sent again.",
        "",
        "| fault | count | healed in, median | longest |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {name} | {count} | {_seconds(middle)} | {_seconds(longest)} |"
        for name, count, middle, longest in by_fault(run.strikes)
    ]
    lines += ["", "| checked | found | expected |", "| --- | --- | --- |"]
    lines += [f"| {each.name} | {each.found:,} | {each.expected:,} |" for each in run.checks]
    return "\n".join(lines) + "\n"


def write_section(page: Path, section: str) -> None:
    """Puts a section between its marks on a page, in place of the last one.

    Raises:
        InvalidDocument: The page has no marks.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise InvalidDocument(f"{page}: put the lines {BEGIN} and {END} where it is to stand")
    page.write_text(f"{before}{BEGIN}\n{section}{END}{after}", encoding="utf-8")


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.1f} s"
