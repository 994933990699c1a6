"""Passes that members buy: how long they run, what they cover, and what use inside them costs."""

import json

import msgspec
import pytest

from rating.compiling import compile_tariff, in_zone
from rating.components import FlatTerms
from rating.coverage import day_in_zone, is_inside, latest_cut, merged, outside, pass_end_ms
from rating.periods import PeriodKind
from rating.price import Part, Usage, price
from rating.tariff import TariffTerms
from rating.zones import zone_named
from schemas.errors import BrokenInvariant, InvalidDocument
from schemas.moment import ms_from_text, text_from_ms
from schemas.tariff import Tariff

# kind rolling zone from | end | why
ENDS = """
day no Asia/Seoul 2026-11-24T03:00:00Z | 2026-11-24T15:00:00Z | up to midnight in Seoul
day no Europe/Berlin 2026-03-28T23:00:00Z | 2026-03-29T22:00:00Z | from midnight a whole day of 23 hours
day no Pacific/Apia 2011-12-29T20:00:00Z | 2011-12-30T10:00:00Z | the 30th was left out
week no UTC 2026-11-24T03:00:00Z | 2026-11-30T00:00:00Z | up to Monday
month no Asia/Seoul 2026-12-31T14:59:59Z | 2026-12-31T15:00:00Z | a second before the year ends in Seoul
month no UTC 2026-02-28T23:00:00Z | 2026-03-01T00:00:00Z | up to the first
day yes Europe/Berlin 2026-03-28T12:00:00Z | 2026-03-29T12:00:00Z | 24 hours, whatever the clocks do
week yes Europe/Berlin 2026-03-28T12:00:00Z | 2026-04-04T12:00:00Z | seven times 24 hours
month yes Asia/Seoul 2026-11-24T03:00:00Z | 2026-12-24T03:00:00Z | noon of the same day
month yes Asia/Seoul 2026-12-24T03:00:00Z | 2027-01-24T03:00:00Z | over a year's end
month yes Asia/Seoul 2027-01-30T16:00:00Z | 2027-02-27T16:00:00Z | the 31st becomes the 28th
month yes UTC 2028-01-31T05:00:00Z | 2028-02-29T05:00:00Z | of a leap year the 29th
month yes Europe/Berlin 2026-02-28T23:30:00Z | 2026-03-31T22:30:00Z | the same clock time, in summer
month yes Europe/Berlin 2026-02-28T01:30:00Z | 2026-03-28T01:30:00Z | the day before clocks jump
month yes Europe/Berlin 2026-09-25T00:30:00Z | 2026-10-25T00:30:00Z | 02:30 comes twice: the first
month yes Europe/Berlin 2027-02-28T01:30:00Z | 2027-03-28T01:30:00Z | 02:30 is left out: an hour later
"""  # noqa: E501 -- a row is one case
KINDS: dict[str, PeriodKind] = {"day": "day", "week": "week", "month": "month"}


@pytest.mark.parametrize("row", ENDS.strip().splitlines())
def test_pass_when_it_begins_then_it_ends_with_its_period(row: str) -> None:
    """Calendar passes end with the running period, rolling ones a length after their beginning."""
    words, ends, why = (column.strip() for column in row.split("|"))
    kind, rolling, zone, begins = words.split()
    terms = FlatTerms(1, KINDS[kind], is_bought=True, is_rolling=rolling == "yes")
    from_ms = ms_from_text(begins)
    day = day_in_zone(from_ms, zone_named(zone))
    found = pass_end_ms(terms, from_ms, zone_named(zone), day)
    assert text_from_ms(found) == text_from_ms(ms_from_text(ends)), why


def test_month_when_it_was_cut_short_then_the_next_goes_back_to_its_day() -> None:
    """A pass of the 31st that ended on 28 February is followed by one up to 31 March."""
    terms = FlatTerms(1, "month", is_bought=True, is_rolling=True)
    zone = zone_named("UTC")
    february = pass_end_ms(terms, ms_from_text("2027-01-31T05:00:00Z"), zone, 31)
    assert pass_end_ms(terms, february, zone, 31) == ms_from_text("2027-03-31T05:00:00Z")


def test_pass_when_it_ends_outside_the_calendar_then_the_invariant_breaks() -> None:
    """The last year that can be written has no month after it."""
    terms = FlatTerms(1, "month", is_bought=True, is_rolling=True)
    with pytest.raises(BrokenInvariant):
        pass_end_ms(terms, ms_from_text("9999-12-31T00:00:00Z"), zone_named("UTC"), 31)


def test_stretches_when_asked_then_ends_are_not_inside() -> None:
    """[10, 20) and [20, 30) meet; 40 begins the next."""
    found = merged([(10, 20), (20, 30), (40, 50)])
    assert found == ((10, 30), (40, 50))
    assert [at for at in (9, 10, 20, 29, 30, 39, 40, 50) if is_inside(found, at)] == [
        10,
        20,
        29,
        40,
    ]
    assert outside(found, 0, 60) == [(0, 10), (30, 40), (50, 60)]
    assert outside(found, 12, 28) == []
    assert outside(found, 35, 45) == [(35, 40)]
    assert [latest_cut((10, 20), at) for at in (9, 10, 19, 25)] == [None, 10, 10, 20]


def tariff_of(text: str) -> TariffTerms:
    """A compiled tariff on Seoul's clocks."""
    document = {"id": "t"} | json.loads(text)
    return in_zone(compile_tariff("t", msgspec.convert(document, Tariff)), zone_named("Asia/Seoul"))


DAY = '{"kind": "flat", "price": "9", "period": "day", "starts": "purchase"'
TIME = '{"kind": "time", "price": "1", "per_s": 1'
# tariff's components beside the pass | passes in s | start and length in s | parts at s | lines
PRICES = """
TIME} | 0 60 | 10 20 | | time 20000 0 pass
TIME} | 20 60 | 10 20 | | time 10000 10 - , time 10000 0 pass
TIME} | 12 15,20 25 | 10 20 | | time 12000 12 - , time 8000 0 pass
TIME, "first_s": 60} | 20 30 | 10 5 | | time 50000 50 - , time 10000 0 pass
TIME, "free_s": 5} | 12 15 | 10 20 | | time 15000 15 -
TIME, "minimum": "30"} | 0 60 | 10 20 | | time 20000 0 pass
TIME, "minimum": "30"} | 11 60 | 10 20 | | time 1000 1 - , time 19000 0 pass , minimum 0 29 -
{"kind": "fee", "price": "5"} | 0 60 | 10 0 | | fee 1 0 pass
{"kind": "fee", "price": "5"} | 11 60 | 10 5 | | fee 1 5 -
{"kind": "volume", "meter": "b", "price": "1", "free": 4} | 20 60 | 10 20 | 0=10 20=100 30=1 | volume 10 6 - , volume 101 0 pass
{"kind": "volume", "meter": "b", "tiers": [{"up_to": 10, "price": "2"}, {"price": "1"}]} | 20 60 | 10 80 | 0=8 20=100 60=4 | volume 10 20 tier_1 , volume 2 2 tier_2 , volume 100 0 pass
{"kind": "item", "other": "3"} | 20 60 | 10 20 | 0=1 20=2 | item 1 3 - , item 2 0 pass
{"kind": "page", "price": "3"} | 20 60 | 10 20 | 0=1 20=2 | page 1 3 - , page 2 0 pass
"""  # noqa: E501 -- a row is one case


@pytest.mark.parametrize("row", PRICES.strip().splitlines())
def test_price_when_part_of_it_is_inside_a_pass_then_that_costs_nothing(row: str) -> None:
    """Moments of the charged interval and what was reported inside stand on lines of nothing."""
    written, passes, span, parts, expected = (column.strip() for column in row.split("|"))
    tariff = tariff_of('{"components": [' + written.replace("TIME", TIME) + ", " + DAY + "}]}")
    stretches = [
        tuple(int(each) * 1000 for each in stretch.split()) for stretch in passes.split(",")
    ]
    start_s, length_s = map(int, span.split())
    counted = [(int(at) * 1000, int(n)) for at, n in (each.split("=") for each in parts.split())]
    whole = sum(n for _, n in counted)
    usage = Usage(
        duration_ms=length_s * 1000,
        meters={"b": whole},
        items={"i": whole},
        pages={"forward": whole},
        start_ms=start_s * 1000,
        is_session=True,
        parts=[Part(at, {"b": n}, {"i": n}, {"forward": n}) for at, n in counted],
        passes=[(low, high) for low, high in stretches],
    )
    found = [
        f"{line.kind} {line.quantity} {line.amount_micros // 10**6} "
        f"{line.rate.replace(' ', '_') or '-'}"
        for line in price(tariff, usage)
    ]
    assert found == [each.strip() for each in expected.split(",")]


def test_price_when_a_pass_covers_time_alone_then_the_rest_costs_what_it_does() -> None:
    """Kinds that are not in ``covers`` do not know of passes."""
    item = '{"kind": "item", "other": "3"}'
    tariff = tariff_of(f'{{"components": [{TIME}}}, {item}, {DAY}, "covers": ["time"]}}]}}')
    usage = Usage(5_000, {}, {"i": 2}, {}, 1_000, is_session=True, passes=[(0, 10**6)])
    found = [(line.kind, line.amount_micros, line.rate) for line in price(tariff, usage)]
    assert found == [("time", 0, "pass"), ("item", 6_000_000, "")]
    assert not tariff.covers_all


# components | path behind "t" | part of the message
FAULTS = """
[{"kind": "flat", "price": "9", "period": "day", "rolling": true}] | .components[0].rolling | write 'starts': 'purchase' too
[{"kind": "flat", "price": "9", "period": "day", "covers": ["time"]}] | .components[0].covers | write 'starts': 'purchase' too
[{"kind": "flat", "price": "0", "period": "day", "starts": "purchase"}] | .components[0].price | costs more than 0
[{"kind": "flat", "price": "9", "period": "day", "starts": "purchase", "covers": []}] | .components[0].covers | is empty
[{"kind": "flat", "price": "9", "period": "day", "starts": "purchase"}] | .components | price use outside it
[{"kind": "time", "price": "0"}, {"kind": "flat", "price": "9", "period": "day", "starts": "purchase"}] | .components | price use outside it
[{"kind": "item", "other": "1"}, {"kind": "flat", "price": "9", "period": "day", "starts": "purchase", "covers": ["time"]}] | .components | price use outside it
[{"kind": "time", "price": "1"}, {"kind": "flat", "price": "9", "period": "day", "starts": "purchase"}, {"kind": "flat", "price": "9", "period": "week"}] | .components[2].starts | put it into another tariff
[{"kind": "time", "price": "1"}, {"kind": "flat", "price": "9", "period": "day", "starts": "purchase"}, {"kind": "flat", "price": "9", "period": "week", "starts": "purchase", "covers": ["time"]}] | .components[2].covers | covers other kinds
[{"kind": "time", "price": "1", "rates": [{"name": "pass", "price": "2", "when": [{"from": "00:00", "to": "06:00"}]}]}, {"kind": "flat", "price": "9", "period": "day", "starts": "purchase"}] | .components | rename it
"""  # noqa: E501 -- a row is one case


@pytest.mark.parametrize("row", FAULTS.strip().splitlines())
def test_pass_when_it_contradicts_its_tariff_then_refused_with_its_path(row: str) -> None:
    """Whoever writes a pass that nobody could use is told where and how to mend it."""
    components, path, message = (column.strip() for column in row.split("|"))
    with pytest.raises(InvalidDocument) as caught:
        tariff_of(f'{{"components": {components}}}')
    assert str(caught.value).startswith(f"t{path}: ")
    assert message in str(caught.value)
