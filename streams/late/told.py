"""What a shard was told and has not taken yet: pure.

Invariant: nothing rests on it but how soon, and how often, a late event is looked up; a verdict
that is said twice or too early counts once or not at all (``shard.verdicts``).
"""

from collections import deque
from typing import NamedTuple

from streams.late.ports import Waiting

# How many verdicts may be on their way into a shard, and how long until they are looked up again.
AHEAD_MAX = 1_000
ANSWER_MS_MAX = 10_000


class _Mark(NamedTuple):
    """Verdicts that were said in one go.

    Args:
        end: The shard waits for this number once it has taken them.
        offset: Of the last of them in the log.
        until_ms: When they are given up.
    """

    end: int
    offset: int
    until_ms: int


class Told:
    """What one shard was told."""

    def __init__(self) -> None:
        self._next = 0
        self._marks: deque[_Mark] = deque()
        self._room = AHEAD_MAX

    def sayable(self, shard: Waiting, now_ms: int) -> range:
        """Numbers of the verdicts that the shard may be told now.

        Where it has read what it was told and still waits, a look-up was void: it is told again at
        once, but half as much, since behind one such event others are likely.
        """
        went_back = shard.next < self._next
        self._next = shard.next
        marks = self._marks
        while marks and marks[0].end <= shard.next:
            marks.popleft()
            self._room = min(2 * self._room, AHEAD_MAX)
        if marks and shard.offset >= marks[0].offset and not went_back:
            self._room = max(1, (marks[-1].end - shard.next) // 2)
            marks.clear()
        elif went_back or (marks and now_ms >= marks[0].until_ms):
            marks.clear()
        first = marks[-1].end if marks else shard.next
        return range(first, min(shard.end, shard.next + self._room))

    def note(self, end: int, offset: int, now_ms: int) -> None:
        """Notes what was said: verdicts below ``end``, the last of them at this offset."""
        self._marks.append(_Mark(end, offset, now_ms + ANSWER_MS_MAX))
