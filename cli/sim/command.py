"""``ncash sim``: plays seeds, says what is wrong, and how to see it again.

Invariant: what it prints as a command repeats the run exactly. Progress goes to standard error.
"""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console

from cli.screen import put_json, screen
from cli.sim.faults import Coverage, Fault, coverage_table
from cli.sim.market import SESSION_CONTENTS
from cli.sim.shrink import shrunk
from cli.sim.simulation import MEMBERS, Wanted
from cli.sim.verdict import Verdict, judged
from cli.sim.world import CALM, VIOLATION

SHOWN_MAX = 12
TRACE_LINES_MAX = 60
IDLE_WORDS = ("log read", "raw read", "output read", "result read", "store cursor")


def run_sim(wanted: Wanted, *, seeds: int, as_json: bool, shrinks: bool, table: bool) -> int:
    """Plays one seed, or several that follow it, up to the first that fails.

    Args:
        wanted: The first.
        seeds: How many.
        as_json: Whether to print one object at the end.
        shrinks: Whether a failing run is made smaller.
        table: Whether to show where faults struck.

    Returns:
        Exit status: 1 when a check failed.
    """
    console = screen()
    struck: Coverage = Counter()
    failing: Verdict | None = None
    for seed in range(wanted.seed, wanted.seed + seeds):
        verdict = judged(wanted._replace(seed=seed))
        struck += verdict.struck
        if verdict.violations:
            failing = verdict
            break
    if failing is not None:
        _tell(console, failing)
        if shrinks:
            _tell_small(console, shrunk(failing))
    else:
        console.print(f"{seeds} seeds from {wanted.seed}, {wanted.steps} steps: all is well")
    if table:
        console.print(coverage_table(struck), markup=False, soft_wrap=True)
    if as_json:
        put_json(
            {
                "seed": wanted.seed if failing is None else failing.wanted.seed,
                "steps": wanted.steps,
                "faults": sum(struck.values()),
                "violations": 0 if failing is None else len(failing.violations),
            }
        )
    return 0 if failing is None else 1


def command_of(wanted: Wanted) -> str:
    """What to type to see a run again."""
    words = [f"ncash sim --seed {wanted.seed} --steps {wanted.steps}"]
    if wanted.members != MEMBERS:
        words.append(f"--members {wanted.members}")
    if wanted.faults is not None:
        words.append(f"--faults {','.join(wanted.faults) or 'none'}")
    if wanted.contents:
        words.append(f"--contents {','.join(wanted.contents)}")
    return " ".join(words)


def faults_of(text: str) -> tuple[Fault, ...] | None:
    """Fault kinds in an option: a list with commas, ``none``, or empty for the seed's choice.

    Raises:
        ValueError: There is no such kind.
    """
    if not text:
        return None
    if text == "none":
        return ()
    return tuple(sorted(Fault(word) for word in text.split(",")))


def contents_of(text: str) -> tuple[str, ...]:
    """Contents in an option: a list with commas, or empty for all.

    Raises:
        ValueError: Nobody sells one of them.
    """
    wanted = tuple(text.split(",")) if text else ()
    sold = {each for contents in SESSION_CONTENTS.values() for each in contents}
    unknown = sorted(set(wanted) - sold)
    if unknown:
        raise ValueError(f"no content {unknown[0]!r}; there are {', '.join(sorted(sold))}")
    return wanted


def _tell(console: Console, verdict: Verdict) -> None:
    console.print(f"{len(verdict.violations)} violations", style="red")
    for violation in verdict.violations[:SHOWN_MAX]:
        console.print(f"  {violation}", markup=False, soft_wrap=True)
    again = f"again: {command_of(verdict.wanted)}"
    console.print(again, style="bold", markup=False, soft_wrap=True)


def _tell_small(console: Console, verdict: Verdict) -> None:
    console.print("made smaller:", style="bold")
    _tell(console, verdict)
    lines = [line for line in _story(verdict.lines) if _is_telling(line)]
    console.print(f"what led to it, the last of {len(lines)} lines:")
    for line in lines[-TRACE_LINES_MAX:]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _story(lines: Sequence[str]) -> Sequence[str]:
    """Up to where something was seen to be wrong, else to where nothing failed any more."""
    for number, line in enumerate(lines):
        if VIOLATION in line or line.endswith(f" {CALM}"):
            return lines[: number + 1]
    return lines


def _is_telling(line: str) -> bool:
    """Whether a line of a trace is more than somebody looking in vain."""
    return "!" in line or not line.endswith(IDLE_WORDS)
