"""Since when the rates of what is counted have been what they are, on the clocks of one zone.

Invariant: between the edges that it names no rate of its version changes, so what was counted there
costs the same whenever in between it was. It does not own the rates (``rating.hours``).
"""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from rating.components import ComponentTerms, CountedTerms
from rating.hours import Hours
from rating.periods import Calendar


class Clock:
    """All rates by the clock of what one version counts.

    Args:
        hours: Of its components, none twice; empty where nothing that is counted has rates.
        days: Of the same zone; None where there are no hours.
    """

    def __init__(self, hours: Sequence[Hours], days: Calendar | None) -> None:
        self._hours = tuple(hours)
        self._days = days

    def since_ms(self, at_ms: int) -> int:
        """The last edge up to a moment: a rate's beginning or midnight; 0 where no rate changes.

        Raises:
            BrokenInvariant: A moment outside the calendar.
        """
        if self._days is None:
            return 0
        midnight_ms = self._days.at(at_ms).start_ms
        return max(midnight_ms, *(hours.at(at_ms)[0] for hours in self._hours))

    def rates_at(self, at_ms: int) -> tuple[int, ...]:
        """Which rates hold at a moment.

        Raises:
            BrokenInvariant: A moment outside the calendar.
        """
        return tuple(hours.at(at_ms)[1] for hours in self._hours)

    def is_steady(self, from_ms: int, to_ms: int) -> bool:
        """Whether no rate changes from one moment to another, both included.

        Raises:
            BrokenInvariant: A moment outside the calendar.
        """
        return all(sum(map(bool, hours.spent_ms(from_ms, to_ms + 1))) == 1 for hours in self._hours)


NO_RATES = Clock((), None)


def clock_of(components: Sequence[ComponentTerms], zone: ZoneInfo) -> Clock:
    """The clock of a version's components, which are bound to the zone."""
    hours: list[Hours] = []
    for part in components:
        if isinstance(part, CountedTerms) and part.hours is not None and part.hours not in hours:
            hours.append(part.hours)
    return Clock(hours, Calendar("day", zone)) if hours else NO_RATES
