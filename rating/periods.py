"""Calendar periods in a time zone: days, ISO weeks and months, and which of them a use touches.

Invariant: a period goes from the first midnight of its first day to the beginning of the next one,
so periods neither overlap nor leave a hole, whatever summer time does around midnight.
Source: ISO 8601 for weeks (Monday first; week 1 holds the year's first Thursday).
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from schemas.errors import BrokenInvariant

PeriodKind = Literal["day", "week", "month"]
PERIODS_MAX = 400
_CACHED_DAYS_MAX = 4_096
# A batch asks twice: what to load, and what is due.
_CACHED_STRETCHES_MAX = 4_096
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_DAY = timedelta(days=1)


class Period(NamedTuple):
    """One calendar period: its name (``2026-11-24``, ``2026-W48``, ``2026-11``) and beginning."""

    name: str
    start_ms: int


def periods_touched(
    kind: PeriodKind, first_ms: int, last_ms: int, zone: ZoneInfo
) -> tuple[Period, ...]:
    """Every period that [first_ms, last_ms] touches, in order; both ends belong to it.

    Args:
        kind: Which calendar periods.
        first_ms: UTC epoch milliseconds.
        last_ms: Likewise, not before ``first_ms``.
        zone: Whose midnights count.

    Raises:
        BrokenInvariant: More than ``PERIODS_MAX`` periods, a time outside the calendar, or an end
            before its beginning.
    """
    if last_ms < first_ms:
        raise BrokenInvariant(f"use that ends at {last_ms} cannot begin at {first_ms}")
    try:
        return _touched(kind, first_ms, last_ms, zone)
    except (OverflowError, ValueError) as error:
        raise BrokenInvariant(f"{first_ms} to {last_ms} ms is outside the calendar") from error


class Span(NamedTuple):
    """One calendar period with its end, which is the next one's beginning."""

    name: str
    start_ms: int
    end_ms: int


class Calendar:
    """Calendar periods of one kind in one zone, found quickly where most moments lie in one.

    Args:
        kind: Which calendar periods.
        zone: Whose midnights count.
    """

    def __init__(self, kind: PeriodKind, zone: ZoneInfo) -> None:
        self.kind: PeriodKind = kind
        self.zone = zone
        self._last = Span("", 0, 0)
        self._known: dict[int, Span] = {}

    def at(self, at_ms: int) -> Span:
        """The period that holds a moment.

        Raises:
            BrokenInvariant: A time outside the calendar.
        """
        last = self._last
        if last.start_ms <= at_ms < last.end_ms:
            return last
        # Moments are asked for again: the edges of periods and of versions.
        found = self._known.get(at_ms)
        if found is None:
            if len(self._known) >= _CACHED_STRETCHES_MAX:
                self._known.clear()
            found = self._known[at_ms] = self._found(at_ms)
        self._last = found
        return found

    def touched(self, first_ms: int, last_ms: int) -> tuple[Period, ...]:
        """See ``periods_touched``."""
        return periods_touched(self.kind, first_ms, last_ms, self.zone)

    def _found(self, at_ms: int) -> Span:
        (period,) = periods_touched(self.kind, at_ms, at_ms, self.zone)
        try:
            return Span(*period, _end_ms(self.kind, period.start_ms, self.zone))
        except (OverflowError, ValueError) as error:
            raise BrokenInvariant(f"{at_ms} ms is outside the calendar") from error


def _end_ms(kind: PeriodKind, start_ms: int, zone: ZoneInfo) -> int:
    day = _first_day(kind, _day_at(start_ms, zone))
    end_ms = start_ms
    while end_ms <= start_ms:
        day = _first_day(kind, day + _LONGEST[kind])
        end_ms = _day_start_ms(day, zone)
    return end_ms


@lru_cache(maxsize=_CACHED_STRETCHES_MAX)
def _touched(kind: PeriodKind, first_ms: int, last_ms: int, zone: ZoneInfo) -> tuple[Period, ...]:
    found: list[Period] = []
    day = _first_day(kind, _day_at(first_ms, zone))
    start_ms = _day_start_ms(day, zone)
    while start_ms <= last_ms:
        following = _first_day(kind, day + _LONGEST[kind])
        end_ms = _day_start_ms(following, zone)
        # A day that the zone left out (Samoa, 30 December 2011) begins where the next one does.
        if end_ms > max(first_ms, start_ms):
            if len(found) == PERIODS_MAX:
                raise BrokenInvariant(f"use from {first_ms} to {last_ms} ms spans too many passes")
            found.append(Period(_name(kind, day), start_ms))
        day, start_ms = following, end_ms
    return tuple(found)


# From a period's first day, this leads into the next period and never past it.
_LONGEST: dict[PeriodKind, timedelta] = {
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=31),
}


def _day_at(at_ms: int, zone: ZoneInfo) -> date:
    """A day that begins at or before the moment, and at most two days earlier."""
    day = (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone).date()
    # Where clocks jump over midnight, the jump's first moments have the new date before it begins.
    return day if _day_start_ms(day, zone) <= at_ms else day - _DAY


@lru_cache(maxsize=_CACHED_DAYS_MAX)
def _day_start_ms(day: date, zone: ZoneInfo) -> int:
    # Of a midnight that comes twice fold 0 is the first; of one left out it is the jump's end.
    midnight = datetime.combine(day, time(), tzinfo=zone)
    return (midnight.astimezone(UTC) - _EPOCH) // _MS


def _first_day(kind: PeriodKind, day: date) -> date:
    match kind:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)


def _name(kind: PeriodKind, first: date) -> str:
    match kind:
        case "day":
            return first.isoformat()
        case "week":
            year, week, _ = first.isocalendar()
            return f"{year:04d}-W{week:02d}"
        case "month":
            return f"{first.year:04d}-{first.month:02d}"
