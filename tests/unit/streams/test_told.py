"""What a shard was told: how soon it is told again, and how much."""

import pytest

from streams.late.ports import Waiting
from streams.late.told import AHEAD_MAX, ANSWER_MS_MAX, Told

MANY = 10 * AHEAD_MAX


def told(*marks: tuple[int, int]) -> Told:
    """A shard that waited for number 0 and was told, at time 0, up to these numbers and offsets."""
    found = Told()
    found.sayable(Waiting(0, MANY), 0)
    for end, offset in marks:
        found.note(end, offset, 0)
    return found


@pytest.mark.parametrize(
    ("shard", "now_ms", "expected"),
    [
        # It has not read them yet, or some, or all.
        (Waiting(0, 50, 6), 0, range(40, 50)),
        (Waiting(0, 50, 69), 0, range(40, 50)),
        (Waiting(10, 50, 69), 0, range(40, 50)),
        (Waiting(25, 50, 105), 0, range(40, 50)),
        (Waiting(40, 50, 120), 0, range(40, 50)),
        # It has read the first ones, or all, and stands still: half of what is left.
        (Waiting(4, 50, 70), 0, range(4, 4 + 18)),
        (Waiting(31, 50, 120), 0, range(31, 31 + 4)),
        (Waiting(39, 50, 120), 0, range(39, 40)),
        # It went back, or does not answer: all of it.
        (Waiting(0, 50, 6), ANSWER_MS_MAX - 1, range(40, 50)),
        (Waiting(0, 50, 6), ANSWER_MS_MAX, range(50)),
        (Waiting(25, 50, 105), ANSWER_MS_MAX, range(25, 50)),
    ],
)
def test_told_when_the_shard_is_there_then_it_may_be_told_these(
    shard: Waiting, now_ms: int, expected: range
) -> None:
    """Told numbers 0 to 19 up to offset 70, and 20 to 39 up to offset 120."""
    assert told((20, 70), (40, 120)).sayable(shard, now_ms) == expected


def test_told_when_the_shard_went_back_then_it_is_told_all_from_there() -> None:
    """A Redis that lost its last second is no void look-up."""
    found = told((20, 70))
    assert found.sayable(Waiting(20, 50, 80), 0) == range(20, 50)
    found.note(50, 120, 0)
    assert found.sayable(Waiting(7, 50, 60), 0) == range(7, 50)


def test_told_when_verdicts_hold_again_then_twice_as_much_may_be_on_its_way() -> None:
    """From one on after void ones, up to the limit."""
    found, number, sizes = told((2, 0)), 0, list[int]()
    for offset in range(12):
        numbers = found.sayable(Waiting(number, MANY, offset), 0)
        assert numbers.start == number
        number = numbers.stop
        found.note(number, offset + 1, 0)
        sizes.append(len(numbers))
    assert sizes == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, AHEAD_MAX, AHEAD_MAX]
