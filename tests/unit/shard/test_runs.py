"""Sets of serial numbers as stretches, against plain sets."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shard.runs import count_in, holds, with_run, without_run
from shard.stored import Runs

HIGHEST = 30
changes = st.lists(
    st.tuples(st.booleans(), st.integers(1, HIGHEST), st.integers(0, 8)), max_size=20
)


@given(changes, st.sets(st.integers(1, HIGHEST)))
def test_runs_when_changed_then_they_are_the_set_in_the_fewest_stretches(
    said: list[tuple[bool, int, int]], some: set[int]
) -> None:
    """Every number is told right, stretches are in order and apart, and counts agree."""
    runs: Runs = ()
    expected: set[int] = set()
    for adds, first, more in said:
        stretch = set(range(first, first + more + 1))
        runs = (with_run if adds else without_run)(runs, first, first + more)
        expected = expected | stretch if adds else expected - stretch
    assert {each for each in range(HIGHEST + 20) if holds(runs, each)} == expected
    assert all(end + 1 < begin for (_, end), (begin, _) in pairwise(runs))
    assert count_in(runs, sorted(some)) == len(some & expected)
