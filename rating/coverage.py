"""Stretches that bought passes cover, what of a use lies in them, and how long a pass runs.

Invariant: stretches are sorted and do not overlap; a moment is covered from a stretch's beginning
up to, not at, its end. Who has which passes is the shard's to know.
Source: docs/tariffs.md, Passes.
"""

from bisect import bisect_right
from calendar import monthrange
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from rating.components import FlatTerms
from rating.periods import Calendar
from schemas.errors import BrokenInvariant
from schemas.moment import DAY_MS

Stretch = tuple[int, int]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_DECEMBER = 12
_WEEK_DAYS = 7


def merged(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """The same with those put together that meet.

    Args:
        stretches: Sorted; the next begins at or after the end of the one before.
    """
    found: list[Stretch] = []
    for low, high in stretches:
        if found and found[-1][1] == low:
            found[-1] = (found[-1][0], high)
        else:
            found.append((low, high))
    return tuple(found)


def is_inside(stretches: Sequence[Stretch], at_ms: int) -> bool:
    """Whether a moment is covered."""
    place = bisect_right(stretches, at_ms, key=_begin) - 1
    return place >= 0 and at_ms < stretches[place][1]


def outside(stretches: Sequence[Stretch], low_ms: int, high_ms: int) -> list[Stretch]:
    """What of [low, high) is not covered, in order."""
    left: list[Stretch] = []
    first = max(bisect_right(stretches, low_ms, key=_begin) - 1, 0)
    for begin, end in stretches[first:]:
        if begin >= high_ms:
            break
        if low_ms < begin:
            left.append((low_ms, begin))
        low_ms = max(low_ms, end)
    if low_ms < high_ms:
        left.append((low_ms, high_ms))
    return left


def latest_cut(cuts: Sequence[int], at_ms: int) -> int | None:
    """The last beginning or end of a pass up to a moment, or None before the first."""
    place = bisect_right(cuts, at_ms)
    return cuts[place - 1] if place else None


def day_in_zone(at_ms: int, zone: ZoneInfo) -> int:
    """Day of the month that the clocks of a zone show.

    Raises:
        BrokenInvariant: The moment is outside the calendar.
    """
    return _local(at_ms, zone).day


def pass_end_ms(terms: FlatTerms, from_ms: int, zone: ZoneInfo, day: int) -> int:
    """The moment after the last that a pass covers.

    Args:
        terms: Of the pass.
        from_ms: Its beginning.
        zone: The content's.
        day: Day of the month on which a rolling month ends, if that has so many.

    Raises:
        BrokenInvariant: The end is outside the calendar.
    """
    if not terms.is_rolling:
        return Calendar(terms.period, zone).at(from_ms).end_ms
    match terms.period:
        case "day":
            return from_ms + DAY_MS
        case "week":
            return from_ms + _WEEK_DAYS * DAY_MS
        case "month":
            return _month_later_ms(from_ms, zone, day)


def _month_later_ms(from_ms: int, zone: ZoneInfo, day: int) -> int:
    """The same local time in the next month, on a day or on the month's last before it."""
    local = _local(from_ms, zone)
    year, month = (local.year + 1, 1) if local.month == _DECEMBER else (local.year, local.month + 1)
    try:
        last = monthrange(year, month)[1]
        # Of a time that comes twice the first counts; one left out is as much later as clocks jump.
        ends = local.replace(year=year, month=month, day=min(day, last), fold=0)
        return (ends.astimezone(UTC) - _EPOCH) // _MS
    except (OverflowError, ValueError) as error:
        raise BrokenInvariant(f"a month after {from_ms} ms is outside the calendar") from error


def _local(at_ms: int, zone: ZoneInfo) -> datetime:
    try:
        return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone)
    except (OverflowError, ValueError) as error:
        raise BrokenInvariant(f"{at_ms} ms is outside the calendar") from error


def _begin(stretch: Stretch) -> int:
    return stretch[0]
