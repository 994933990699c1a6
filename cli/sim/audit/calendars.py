"""What clocks and calendars show: local times of a stretch, kinds of days, names of periods.

Invariant: shares nothing with ``rating``; a stretch is walked from quarter hour to quarter hour, in
which no zone's clock is ever set, so that nothing is turned from local time into universal time.
It does not own prices (``clocked``).
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import NamedTuple
from zoneinfo import ZoneInfo

QUARTER_MS = 15 * 60_000
DAY_MS = 86_400_000
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEKEND = ("sat", "sun")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


class Stretch(NamedTuple):
    """A piece of time within which a local clock passes none of the wanted times.

    Args:
        first_ms: Where it begins.
        end_ms: Where it is over.
        day: The date that the local clock shows.
        time_ms: The time of day that it shows at the beginning.
    """

    first_ms: int
    end_ms: int
    day: date
    time_ms: int


@cache
def zone_of(name: str) -> ZoneInfo:
    """A zone of the locked data."""
    with files("tzdata").joinpath(f"zoneinfo/{name}").open("rb") as body:
        return ZoneInfo.from_file(body, key=name)


def stretches(
    first_ms: int, end_ms: int, zone: ZoneInfo, times_ms: Iterable[int]
) -> Iterator[Stretch]:
    """A stretch of time cut wherever the local clock shows one of some times, or midnight."""
    cuts = {*times_ms, DAY_MS}
    at_ms = first_ms
    while at_ms < end_ms:
        local = local_time(at_ms, zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        time_ms = (local.replace(tzinfo=None) - midnight) // _MS
        quarter_ms = (at_ms // QUARTER_MS + 1) * QUARTER_MS
        next_cut_ms = at_ms + min(cut for cut in cuts if cut > time_ms) - time_ms
        stop_ms = min(end_ms, quarter_ms, next_cut_ms)
        yield Stretch(at_ms, stop_ms, local.date(), time_ms)
        at_ms = stop_ms


def kinds_of_day(day: date, holidays: Iterable[str]) -> set[str]:
    """All words that a date answers to."""
    if day.isoformat() in holidays:
        return {"holiday", "every"}
    name = WEEK[day.weekday()]
    return {name, "weekend" if name in WEEKEND else "weekday", "every"}


def time_of_day_ms(text: str) -> int:
    """What ``HH:MM`` or ``HH:MM:SS`` is after midnight."""
    hours, minutes, seconds = [*(int(part) for part in text.split(":")), 0][:3]
    return ((hours * 60 + minutes) * 60 + seconds) * 1_000


def moment_ms(text: str) -> int:
    """A moment that is written with its offset."""
    return (datetime.fromisoformat(text) - _EPOCH) // _MS


def period_at(kind: str, at_ms: int, zone: ZoneInfo) -> str:
    """The name of the day, week or month of a moment."""
    day = local_time(at_ms, zone).date()
    match kind:
        case "day":
            return day.isoformat()
        case "week":
            year, week, _ = day.isocalendar()
            return f"{year:04d}-W{week:02d}"
        case "month":
            return f"{day.year:04d}-{day.month:02d}"
        case _:
            raise ValueError(kind)


def periods(kind: str, first_ms: int, last_ms: int, zone: ZoneInfo) -> dict[str, int]:
    """All periods that a use touches, with the first touched moment of each."""
    found: dict[str, int] = {}
    for each in stretches(first_ms, last_ms + 1, zone, ()):
        found.setdefault(period_at(kind, each.first_ms, zone), each.first_ms)
    return found


@cache
def period_begins_ms(kind: str, name: str, zone: ZoneInfo) -> int:
    """The first moment of a period, looked for from quarter hour to quarter hour."""
    first = {
        "day": lambda: date.fromisoformat(name),
        "week": lambda: date.fromisocalendar(int(name[:4]), int(name[-2:]), 1),
        "month": lambda: date.fromisoformat(f"{name}-01"),
    }[kind]()
    at_ms = (datetime(first.year, first.month, first.day, tzinfo=UTC) - _EPOCH) // _MS - DAY_MS
    while period_at(kind, at_ms, zone) != name:
        at_ms += QUARTER_MS
    return at_ms


def local_time(at_ms: int, zone: ZoneInfo) -> datetime:
    """What a zone's clock shows."""
    return (_EPOCH + at_ms * _MS).astimezone(zone)
