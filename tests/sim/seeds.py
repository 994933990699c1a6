"""The standard seeds: played once in a process, looked at by several tests.

Owns: which seeds, how long, and what was found. Invariant: a seed is played once.
"""

from collections import Counter
from functools import cache

from cli.sim.faults import Coverage
from cli.sim.simulation import Wanted
from cli.sim.verdict import Verdict, judged

STEPS = 120
QUICK_SEEDS = range(8)
SLOW_SEEDS = range(8, 200)


@cache
def verdict_of(seed: int) -> Verdict:
    """What came of a standard seed, without its trace."""
    return judged(Wanted(seed, STEPS))._replace(lines=())


def coverage_of(seeds: range) -> Coverage:
    """Where faults struck over some seeds."""
    struck: Coverage = Counter()
    for seed in seeds:
        struck += verdict_of(seed).struck
    return struck
