"""Which calendar periods a use touches, in zones that are hard on calendars.

Owns: passes by day, ISO week and month, through summer time and left-out days.
"""

import pytest

from rating.passes import Pass, passes
from rating.periods import PERIODS_MAX, PeriodKind
from rating.zones import zone_named
from schemas.errors import BrokenInvariant
from schemas.moment import DAY_MS, ms_from_text, text_from_ms
from schemas.tariff import FlatPrice, TimePrice
from tests.unit.rating.tables import tariff_of

# period zone first last | names | beginnings in UTC | why
TABLE = """
day Asia/Seoul 2026-11-23T14:59:59Z 2026-11-23T14:59:59Z | 2026-11-23 | 2026-11-22T15:00 | 23:59:59 in Seoul
day Asia/Seoul 2026-11-23T15:00:00Z 2026-11-23T15:00:00Z | 2026-11-24 | 2026-11-23T15:00 | midnight begins a day
day Asia/Seoul 2026-11-23T14:59:59Z 2026-11-23T15:00:00Z | 2026-11-23 2026-11-24 | 2026-11-22T15:00 2026-11-23T15:00 | both ends belong to the use
day UTC 2026-11-23T14:59:59Z 2026-11-23T15:00:00Z | 2026-11-23 | 2026-11-23T00:00 | the same use elsewhere
day Europe/Berlin 2026-03-29T21:59:59Z 2026-03-29T21:59:59Z | 2026-03-29 | 2026-03-28T23:00 | a day of 23 hours
day Europe/Berlin 2026-03-29T22:00:00Z 2026-03-29T22:00:00Z | 2026-03-30 | 2026-03-29T22:00 | and the next
day Europe/Berlin 2026-10-25T22:59:59Z 2026-10-25T22:59:59Z | 2026-10-25 | 2026-10-24T22:00 | a day of 25 hours
day America/Havana 2025-11-02T04:00:00Z 2025-11-02T05:30:00Z | 2025-11-02 | 2025-11-02T04:00 | midnight comes twice: the first
day America/Havana 2025-03-09T04:59:59Z 2025-03-09T05:00:00Z | 2025-03-08 2025-03-09 | 2025-03-08T05:00 2025-03-09T05:00 | midnight is left out: 01:00 begins
day America/St_Johns 2010-11-07T02:45:00Z 2010-11-07T02:45:00Z | 2010-11-07 | 2010-11-07T02:30 | clocks back over midnight: still the 7th
day America/Toronto 1919-03-31T04:45:00Z 1919-03-31T04:45:00Z | 1919-03-30 | 1919-03-30T05:00 | clocks on over midnight: still the 30th
day Pacific/Apia 2011-12-30T09:59:59Z 2011-12-30T10:00:00Z | 2011-12-29 2011-12-31 | 2011-12-29T10:00 2011-12-30T10:00 | the 30th was left out
week Asia/Seoul 2026-11-24T03:00:00Z 2026-11-24T03:00:00Z | 2026-W48 | 2026-11-22T15:00 | Monday in Seoul
week UTC 2027-01-01T00:00:00Z 2027-01-01T00:00:00Z | 2026-W53 | 2026-12-28T00:00 | a week belongs to its Thursday's year
week UTC 2025-12-29T00:00:00Z 2025-12-29T00:00:00Z | 2026-W01 | 2025-12-29T00:00 | likewise forward
week Europe/Berlin 2026-03-29T21:59:59Z 2026-03-29T22:00:00Z | 2026-W13 2026-W14 | 2026-03-22T23:00 2026-03-29T22:00 | a week of 167 hours
month UTC 2026-02-28T23:59:59Z 2026-03-01T00:00:00Z | 2026-02 2026-03 | 2026-02-01T00:00 2026-03-01T00:00 | February
month Asia/Seoul 2026-12-31T15:00:00Z 2026-12-31T15:00:00Z | 2027-01 | 2026-12-31T15:00 | New Year in Seoul
month UTC 2026-11-30T00:00:00Z 2027-01-01T00:00:00Z | 2026-11 2026-12 2027-01 | 2026-11-01T00:00 2026-12-01T00:00 2027-01-01T00:00 | over a year's end
month Europe/Berlin 2026-10-31T22:59:59Z 2026-10-31T23:00:00Z | 2026-10 2026-11 | 2026-09-30T22:00 2026-10-31T23:00 | from summer into winter time
"""  # noqa: E501 -- a row is one case
KINDS: dict[str, PeriodKind] = {"day": "day", "week": "week", "month": "month"}


@pytest.mark.parametrize("row", TABLE.strip().splitlines())
def test_passes_when_a_use_touches_periods_then_each_is_named_once(row: str) -> None:
    """Each period of the table has its name and its beginning."""
    query, names, beginnings, _ = (column.strip() for column in row.split("|"))
    kind, zone, first, last = query.split()
    tariff = tariff_of(FlatPrice("990", KINDS[kind]))
    found = passes(tariff, ms_from_text(first), ms_from_text(last), zone_named(zone))
    assert [each.period for each in found] == names.split()
    assert [text_from_ms(each.start_ms)[:16] for each in found] == beginnings.split()
    assert {(each.kind, each.amount_micros) for each in found} == {(KINDS[kind], 990_000_000)}


def test_passes_when_the_tariff_has_several_then_each_names_its_kind() -> None:
    """Passes of one tariff come by component, and other components need none."""
    tariff = tariff_of(FlatPrice("30", "month"), TimePrice("1"), FlatPrice("2", "day"))
    at_ms = ms_from_text("2026-11-24T00:00:00Z")
    month_ms = ms_from_text("2026-11-01T00:00:00Z")
    assert passes(tariff, at_ms, at_ms, zone_named("UTC")) == (
        Pass("month", "2026-11", month_ms, 30_000_000),
        Pass("day", "2026-11-24", at_ms, 2_000_000),
    )


def test_passes_when_the_tariff_has_none_then_there_are_none() -> None:
    """A tariff without flat prices never asks the calendar, even for a time outside it."""
    assert passes(tariff_of(TimePrice("1")), -(2**62), 2**62, zone_named("UTC")) == ()


def test_passes_when_a_use_is_too_long_then_it_is_a_broken_invariant() -> None:
    """The limit itself is allowed; one more period is a mistake in somebody's clock."""
    tariff, utc = tariff_of(FlatPrice("1", "day")), zone_named("UTC")
    assert len(passes(tariff, 0, PERIODS_MAX * DAY_MS - 1, utc)) == PERIODS_MAX
    with pytest.raises(BrokenInvariant, match="too many passes"):
        passes(tariff, 0, PERIODS_MAX * DAY_MS, utc)


@pytest.mark.parametrize(("first_ms", "last_ms"), [(2**62, 2**62), (-(2**62), 0), (1, 0)])
def test_passes_when_times_cannot_be_then_it_is_a_broken_invariant(
    first_ms: int, last_ms: int
) -> None:
    """Times outside the calendar, or an end before its beginning, drop the event."""
    with pytest.raises(BrokenInvariant):
        passes(tariff_of(FlatPrice("1", "week")), first_ms, last_ms, zone_named("Asia/Seoul"))
