"""Making a failing run small: fewer steps, fewer kinds of faults, fewer members.

Invariant: every smaller run is a run of the same seed that anybody can repeat with the same words.
Greedy and bounded: small is enough, smallest is not looked for.
"""

from collections.abc import Callable, Iterator

from cli.sim.simulation import Wanted
from cli.sim.verdict import Verdict, judged

TRIES_MAX = 100
STEPS_MIN = 1
MEMBERS_MIN = 1


def shrunk(verdict: Verdict, *, judge: Callable[[Wanted], Verdict] = judged) -> Verdict:
    """The smallest failing run that was found.

    Args:
        verdict: Of a run that failed.
        judge: Plays and audits.
    """
    left = TRIES_MAX
    best = verdict
    improved = True
    while improved and left > 0:
        improved = False
        for wanted in _smaller(best):
            if left <= 0:
                break
            left -= 1
            found = judge(wanted)
            if found.violations:
                best, improved = found, True
                break
    return best


def _smaller(verdict: Verdict) -> Iterator[Wanted]:
    """Runs that are a little smaller, the boldest first."""
    wanted, kinds = verdict.wanted, verdict.rolled
    if wanted.faults is None or len(kinds) < len(wanted.faults):
        # The same run, in fewer words.
        yield wanted._replace(faults=kinds)
    half = len(kinds) // 2
    if half > 1:
        yield wanted._replace(faults=kinds[:half])
        yield wanted._replace(faults=kinds[half:])
    steps = wanted.steps
    for fewer in dict.fromkeys((steps // 4, steps // 2, steps * 3 // 4, steps * 9 // 10)):
        if STEPS_MIN <= fewer < steps:
            yield wanted._replace(steps=fewer)
    for kind in kinds:
        yield wanted._replace(faults=tuple(each for each in kinds if each is not kind))
    for members in (wanted.members // 2, wanted.members - 1):
        if MEMBERS_MIN <= members < wanted.members:
            yield wanted._replace(members=members)
