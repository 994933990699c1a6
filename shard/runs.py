"""Stretches of serial numbers: which belong to a set, and how many a change of it touches.

Invariant: pure; runs are in order and none touches another, so equal sets are equal runs.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from shard.stored import Runs


def holds(runs: Runs, number: int) -> bool:
    """Whether a number is in the set."""
    place = bisect_right(runs, number, key=lambda run: run[0])
    return place > 0 and number <= runs[place - 1][1]


def with_run(runs: Runs, first: int, last: int) -> Runs:
    """The set with a stretch, both ends included."""
    before = tuple(run for run in runs if run[1] < first - 1)
    after = tuple(run for run in runs if run[0] > last + 1)
    met = runs[len(before) : len(runs) - len(after)]
    joined = (min(first, met[0][0]), max(last, met[-1][1])) if met else (first, last)
    return (*before, joined, *after)


def without_run(runs: Runs, first: int, last: int) -> Runs:
    """The set without a stretch, both ends included."""
    left: list[tuple[int, int]] = []
    for begin, end in runs:
        if end < first or begin > last:
            left.append((begin, end))
            continue
        if begin < first:
            left.append((begin, first - 1))
        if end > last:
            left.append((last + 1, end))
    return tuple(left)


def count_in(runs: Runs, numbers: Sequence[int]) -> int:
    """How many of some numbers, in order, are in the set."""
    return sum(bisect_right(numbers, end) - bisect_left(numbers, begin) for begin, end in runs)
