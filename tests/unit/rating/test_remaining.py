"""What an amount still buys: exact, of each thing alone, and no more than the prices say."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating.compiling import in_zone
from rating.price import Part, Usage, price
from rating.remaining import TIME_S_MAX, UNITS_MAX, remaining_units
from rating.tariff import TariffTerms
from rating.zones import zone_named
from schemas.control import RemainingUnits
from schemas.moment import HOUR_MS
from schemas.tariff import (
    FlatPrice,
    ItemPrice,
    PagePrice,
    PageRate,
    TimePrice,
    VolumePrice,
    VolumeRate,
    Window,
)
from tests.unit.rating.tables import tariff_of, usage_from

WON = 1_000_000
MINUTE = tariff_of(TimePrice(price="30"))
BLOCKS = tariff_of(TimePrice(price="60", first_s=60, next_s=30, free_s=10))
BYTES = tariff_of(VolumePrice(meter="bytes", price="1", per=1_000_000, free=10))
PAGES = tariff_of(PagePrice(price="10", direction="both"))
ALL = tariff_of(TimePrice(price="30"), VolumePrice(meter="bytes", price="2"), PagePrice(price="5"))
UNCOUNTED = tariff_of(ItemPrice(other="7"), FlatPrice(price="100", period="day"))
DEAR = tariff_of(VolumePrice(meter="bytes", price="9000000000"))


@pytest.mark.parametrize(
    ("tariff", "used", "won", "expected"),
    [
        (MINUTE, "0ms", 30, {("time", "s"): 60}),
        (MINUTE, "90000ms", 29, {("time", "s"): 58}),
        (MINUTE, "90500ms", 0, {("time", "s"): 0}),
        (BLOCKS, "0ms", 59, {("time", "s"): 10}),
        (BLOCKS, "0ms", 60, {("time", "s"): 70}),
        (BLOCKS, "71000ms", 30, {("time", "s"): 59}),
        (BYTES, "0ms bytes=4", 1, {("volume", "bytes"): 1_000_006}),
        (PAGES, "0ms", 25, {("page", "backward"): 2, ("page", "forward"): 2, ("page", "jump"): 2}),
        (ALL, "60000ms bytes=3", 5, {("time", "s"): 10, ("volume", "bytes"): 2,
                                     ("page", "forward"): 1, ("page", "jump"): 1}),
        (UNCOUNTED, "5000ms item:sword=1", 100, {}),
        (DEAR, "0ms", 9_000_000_000, {("volume", "bytes"): 1}),
    ],
    ids=["minute", "cut-off-seconds", "nothing-left", "free-start", "first-block", "next-block",
         "free-units", "pages", "each-alone", "uncounted", "dearest"],
)  # fmt: skip
def test_remaining_when_asked_then_each_thing_is_counted_alone(
    tariff: TariffTerms, used: str, won: int, expected: dict[tuple[str, str], int]
) -> None:
    """Units are what the price of more use says, worked out by hand here."""
    found = remaining_units(tariff, usage_from(used), won * WON)
    assert {(each.kind, each.meter): each.units for each in found} == expected


def test_remaining_when_it_cannot_run_out_soon_then_is_left_out() -> None:
    """Beyond the bounds a thing is not what ends the use."""
    cheap = tariff_of(TimePrice(price="0.001"), VolumePrice(meter="bytes", price="1", per=2**30))
    used = usage_from("0ms")
    enough_s = -(-TIME_S_MAX * 1_000 // 60)
    assert [each.kind for each in remaining_units(cheap, used, enough_s - 1)] == ["time", "volume"]
    enough = UNITS_MAX // 2**30 * WON
    assert remaining_units(cheap, used, max(enough, enough_s)) == ()


def test_remaining_when_what_is_counted_has_hours_then_it_is_of_the_last_moment() -> None:
    """By night a page costs 2, by day 10; the day's bytes take the free ones from the night's."""
    night = [Window("00:00", "06:00")]
    tariff = in_zone(
        tariff_of(
            VolumePrice("bytes", "3", free=10, rates=[VolumeRate("night", night, "1")]),
            PagePrice("10", rates=[PageRate("night", "2", night)]),
        ),
        zone_named("UTC"),
    )
    told = [Part(HOUR_MS, {"bytes": 10}, {}, {})]
    at_night = Usage(2 * HOUR_MS, {"bytes": 10}, {}, {}, is_session=True, parts=told)
    assert _units(remaining_units(tariff, at_night, 6 * WON)) == {
        "bytes": 6,
        "forward": 3,
        "jump": 3,
    }
    by_day = msgspec.structs.replace(at_night, duration_ms=7 * HOUR_MS)
    # The first ten of the day are free, and put ten of the night at 1 in their place.
    assert _units(remaining_units(tariff, by_day, 16 * WON)) == {
        "bytes": 12, "forward": 1, "jump": 1,
    }  # fmt: skip


def _units(found: Sequence[RemainingUnits]) -> dict[str, int]:
    return {each.meter: each.units for each in found}


@given(
    left=st.integers(0, 10**9),
    duration_ms=st.integers(0, 10**7),
    used=st.integers(0, 10**9),
    first_s=st.integers(1, 90),
    free_s=st.integers(0, 90),
)
def test_remaining_when_one_more_is_used_then_costs_more_than_is_left(
    left: int, duration_ms: int, used: int, first_s: int, free_s: int
) -> None:
    """What is told is paid for; one unit more is not."""
    tariff = tariff_of(
        TimePrice(price="7", first_s=first_s, next_s=13, free_s=free_s),
        VolumePrice(meter="bytes", price="0.03", per=7),
    )
    usage = usage_from(f"{duration_ms}ms bytes={used}")

    def cost(seconds: int, units: int) -> int:
        more = usage_from(f"{duration_ms + 1_000 * seconds}ms bytes={used + units}")
        paid = sum(line.amount_micros for line in price(tariff, usage))
        return sum(line.amount_micros for line in price(tariff, more)) - paid

    time, volume = (each.units for each in remaining_units(tariff, usage, left))
    assert cost(time, 0) <= left < cost(time + 1, 0)
    assert cost(0, volume) <= left < cost(0, volume + 1)
