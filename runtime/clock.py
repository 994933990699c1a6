"""The time, as whole milliseconds, from outside the core.

Invariant: a stamp comes from ``wall_ms``, a duration from ``monotonic_ms``; they are never mixed.
It does not own time inside a shard: that comes from the log.
"""

import time
from typing import Protocol

_NS_PER_MS = 1_000_000


class Clock(Protocol):
    """Where a process gets the time from; both methods are cheap and never block."""

    def wall_ms(self) -> int:
        """UTC epoch milliseconds; may jump when the machine's clock is set."""
        ...

    def monotonic_ms(self) -> int:
        """Milliseconds since some moment; never goes back."""
        ...


class SystemClock:
    """The machine's clock."""

    def wall_ms(self) -> int:
        """UTC epoch milliseconds."""
        return time.time_ns() // _NS_PER_MS

    def monotonic_ms(self) -> int:
        """Milliseconds since the machine started."""
        return time.monotonic_ns() // _NS_PER_MS
