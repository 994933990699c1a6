"""How much one key may send: a token bucket per key, as gateways do it (GCRA).

Invariant: memory is one number per key of the ring; time comes in as an argument.
It does not own fairness between collectors: each counts for itself.
"""

SECOND_US = 1_000_000


class RateLimit:
    """A sustained rate with a burst, per name."""

    def __init__(self, *, per_s: int, burst: int) -> None:
        """Set the rate.

        Args:
            per_s: Units a second; 0 is no limit.
            burst: Units that may come at once.
        """
        self._per_s = per_s
        self._burst_us = burst * SECOND_US // per_s if per_s else 0
        self._free_at_us: dict[str, int] = {}

    def wait_us(self, name: str, units: int, now_us: int) -> int:
        """Take units for a name.

        Args:
            name: Whose; one of a bounded set.
            units: How many at once, at most the burst.
            now_us: By a clock that never falls, in microseconds.

        Returns:
            0 when taken, else how long to wait before asking again; then nothing was taken.
        """
        if not self._per_s:
            return 0
        free_at_us = max(self._free_at_us.get(name, 0), now_us) + units * SECOND_US // self._per_s
        wait = free_at_us - now_us - self._burst_us
        if wait > 0:
            return wait
        self._free_at_us[name] = free_at_us
        return 0
