"""Received stamps of the HTTP path, and up to when all of them are done.

Invariant: after ``vouched()`` said t, no stamp of t or earlier is given out or still open; stamps
never fall. It does not own what is done under a stamp.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager


class Stamps:
    """Gives out received times and knows which are still in work."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        """Start with none in work.

        Args:
            now_ms: The wall clock; it may be set back, stamps then stand still.
        """
        self._now_ms = now_ms
        self._last_ms = 0
        self._vouched_ms = 0
        # Insertion order is rising order, because stamps never fall.
        self._open: dict[int, int] = {}

    @contextmanager
    def taken(self) -> Generator[int, None, None]:
        """A stamp for one request, open until the block is left."""
        stamp = max(self._now_ms(), self._last_ms, self._vouched_ms + 1)
        self._last_ms = stamp
        self._open[stamp] = self._open.get(stamp, 0) + 1
        try:
            yield stamp
        finally:
            self._open[stamp] -= 1
            if not self._open[stamp]:
                del self._open[stamp]

    def vouched(self) -> int:
        """The time up to which everything taken in is done, from now on for ever."""
        oldest = next(iter(self._open), None)
        to_ms = max(self._now_ms(), self._last_ms) if oldest is None else oldest - 1
        self._vouched_ms = max(to_ms, self._vouched_ms)
        return self._vouched_ms

    def oldest_age_ms(self) -> int:
        """How long the oldest open request is in work; 0 when none is."""
        oldest = next(iter(self._open), None)
        return 0 if oldest is None else max(0, self._now_ms() - oldest)
