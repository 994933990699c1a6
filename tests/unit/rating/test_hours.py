"""Hours by the clock: every moment counts under what the content's own clock shows at it."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from rating.clock import NO_RATES, Clock
from rating.compiling_week import compile_week
from rating.hours import Hours
from rating.periods import Calendar
from rating.zones import zone_named
from schemas.errors import BrokenInvariant
from schemas.moment import DAY_MS, HOUR_MS, MINUTE_MS, ms_from_text
from schemas.tariff import TimeRate, Window

RATES = [
    TimeRate("night", "1", [Window("00:00", "06:30", ("weekday",)), Window("22:00", "24:00")]),
    TimeRate("weekend", "1", [Window("00:00", "22:00", ("weekend",))]),
    TimeRate("holiday", "1", [Window("01:00", "22:00", ("holiday",))]),
]
NAMES = ("", "night", "weekend", "holiday")
HOLIDAYS = frozenset({datetime(2026, 10, 26, tzinfo=UTC).date()})

# zone | from | to, around clocks that go forward, back, by half an hour, at midnight, over a date
STRETCHES = """
Europe/Berlin | 2026-10-24T20:00:00Z | 2026-10-27T05:00:00Z
Europe/Berlin | 2027-03-27T20:00:00Z | 2027-03-28T20:00:00Z
America/New_York | 2026-10-31T20:00:00Z | 2026-11-02T20:00:00Z
Australia/Lord_Howe | 2026-10-03T10:00:00Z | 2026-10-05T10:00:00Z
Australia/Lord_Howe | 2027-04-03T10:00:00Z | 2027-04-04T20:00:00Z
America/Asuncion | 2023-09-30T12:00:00Z | 2023-10-02T12:00:00Z
Pacific/Apia | 2011-12-29T00:00:00Z | 2012-01-01T00:00:00Z
Asia/Seoul | 2026-10-23T00:00:00Z | 2026-10-30T00:00:00Z
Asia/Kathmandu | 2026-10-25T18:15:00Z | 2026-10-26T18:14:00Z
"""


def hours(zone: ZoneInfo) -> Hours:
    """The rates above on the clocks of a zone."""
    return Hours(compile_week("t", RATES, HOLIDAYS, has_base=True), zone)


def rate_at(at_ms: int, zone: ZoneInfo) -> str:
    """What a person reads off the wall clock and the table."""
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).astimezone(zone)
    clock = (local.hour, local.minute)
    if clock >= (22, 0):
        return "night"
    if local.date() in HOLIDAYS:
        return "holiday" if clock >= (1, 0) else ""
    if local.weekday() >= 5:
        return "weekend"
    return "night" if clock < (6, 30) else ""


@pytest.mark.parametrize("row", STRETCHES.strip().splitlines())
def test_hours_when_walked_minute_by_minute_then_they_come_to_the_same(row: str) -> None:
    """A clock that jumps, goes back or leaves a day out is followed as it is shown."""
    name, first, last = (column.strip() for column in row.split("|"))
    zone, start, end = zone_named(name), ms_from_text(first), ms_from_text(last)
    walked: Counter[str] = Counter()
    for at_ms in range(start, end, MINUTE_MS):
        walked[rate_at(at_ms, zone)] += MINUTE_MS
    assert hours(zone).spent_ms(start, end) == [walked[name] for name in NAMES]


@pytest.mark.parametrize("row", STRETCHES.strip().splitlines())
def test_rate_when_it_is_asked_for_minute_by_minute_then_it_is_what_the_clock_shows(
    row: str,
) -> None:
    """And it has held since the moment that is told, in a zone whose clocks jump too."""
    name, first, last = (column.strip() for column in row.split("|"))
    zone = zone_named(name)
    week = hours(zone)
    for at_ms in range(ms_from_text(first), ms_from_text(last), MINUTE_MS):
        since_ms, rate = week.at(at_ms)
        assert NAMES[rate] == rate_at(at_ms, zone)
        assert at_ms - 2 * DAY_MS < since_ms <= at_ms
        assert week.spent_ms(since_ms, at_ms + 1)[rate] == at_ms + 1 - since_ms
        if since_ms % DAY_MS:
            assert week.at(since_ms - 1)[1] != rate
    with pytest.raises(BrokenInvariant, match="outside the calendar"):
        week.at(2**62)


def test_clock_when_asked_since_when_then_midnight_and_the_last_edge_count() -> None:
    """Edges are those of all that is counted; without rates there are none."""
    zone = zone_named("Asia/Seoul")
    clock = Clock([hours(zone)], Calendar("day", zone))
    told = {"03:00": "00:00", "06:30": "06:30", "12:00": "06:30", "23:00": "22:00"}
    for at, since in told.items():
        at_ms, since_ms = (ms_from_text(f"2026-10-27T{each}:00+09:00") for each in (at, since))
        assert clock.since_ms(at_ms) == since_ms
    six_ms = ms_from_text("2026-10-27T06:30:00+09:00")
    assert clock.is_steady(six_ms, six_ms + HOUR_MS)
    assert not clock.is_steady(six_ms - 1, six_ms)
    assert (NO_RATES.since_ms(six_ms), NO_RATES.rates_at(six_ms)) == (0, ())


def test_hours_when_a_stretch_is_cut_anywhere_then_the_pieces_sum_to_it() -> None:
    """Time in pieces is time at once, forward and backward over what is kept."""
    berlin, chance = hours(zone_named("Europe/Berlin")), random.Random(5)
    for _ in range(300):
        cuts = sorted(chance.randint(0, 90 * DAY_MS) for _ in range(3))
        one, two, three = (ms_from_text("2026-09-01T00:00:00Z") + cut for cut in cuts)
        parts = zip(berlin.spent_ms(one, two), berlin.spent_ms(two, three), strict=True)
        assert berlin.spent_ms(one, three) == [a + b for a, b in parts]
        assert sum(berlin.spent_ms(one, three)) == three - one


def test_hours_when_the_stretch_is_empty_or_endless_then_it_is_told() -> None:
    """Nothing is nothing; what no calendar holds is a broken invariant."""
    seoul = hours(zone_named("Asia/Seoul"))
    assert seoul.spent_ms(HOUR_MS, HOUR_MS) == [0, 0, 0, 0]
    with pytest.raises(BrokenInvariant, match="at most 8192"):
        seoul.spent_ms(0, 9_000 * DAY_MS)
    with pytest.raises(BrokenInvariant, match="outside the calendar"):
        seoul.spent_ms(0, 2**62)
