"""Laws of rates of what is counted: order is nothing, more is never less, age makes no state."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import permutations
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from rating.compiling import compile_tariff, in_zone
from rating.merging import merge
from rating.parts import APART_MAX
from rating.price import Part, Usage, price
from rating.session import Session, begin, billable, decode_session, editable, encode_session
from rating.tariff import TariffTerms
from rating.zones import zone_named
from schemas.ledger import ChargeLine
from schemas.moment import DAY_MS, HOUR_MS, MINUTE_MS
from schemas.money import text_from_amount
from schemas.tariff import (
    Cap,
    ItemPrice,
    ItemRate,
    PagePrice,
    PageRate,
    Tariff,
    Tier,
    VolumePrice,
    VolumeRate,
    Window,
)
from schemas.usage import EventType, UsageEvent

seeded = settings(derandomize=True, deadline=None, database=None, max_examples=120)
amounts = st.integers(0, 10**7)
units = st.integers(0, 10**4)
# Hours of UTC in which each rate holds; in all others the base price does.
HOURS = {"": 12, "early": 1, "late": 22}
EARLY, LATE = [Window("00:00", "06:00")], [Window("20:00", "24:00")]
PER = 7
HORIZON_MS = 2 * DAY_MS


def windows(name: str) -> list[Window]:
    """When a rate holds."""
    return EARLY if name == "early" else LATE


@st.composite
def volumes(draw: st.DrawFn) -> VolumePrice:
    """A price of bytes with two rates, with or without tiers, each dearer or cheaper in all."""
    free, increment = draw(st.integers(0, 500)), draw(st.sampled_from((1, 64)))
    names = ("early", "late")
    if draw(st.booleans()):
        prices = [text_from_amount(draw(amounts)) for _ in range(3)]
        rates = [
            VolumeRate(name, windows(name), price)
            for name, price in zip(names, prices, strict=False)
        ]
        return VolumePrice("bytes", prices[2], PER, free, increment, rates=rates)
    tops = sorted(draw(st.sets(st.integers(1, 9_000), min_size=1, max_size=2)))
    each = [draw(amounts) for _ in range(len(tops) + 1)]
    tiers = [
        Tier(text_from_amount(amount), top, text_from_amount(draw(amounts)))
        for amount, top in zip(each, (*tops, None), strict=True)
    ]
    rates = [
        VolumeRate(name, windows(name), prices=[text_from_amount(by * a) for a in each])
        for name, by in zip(names, draw(st.permutations((0, 2, 3))), strict=False)
    ]
    return VolumePrice("bytes", None, PER, free, increment, tiers, rates=rates)


@st.composite
def tariffs(draw: st.DrawFn) -> TariffTerms:
    """Any tariff whose volumes, items and pages have rates."""
    items = ItemPrice({"a": "1"}, "0.5", [ItemRate("early", EARLY, {"a": "0.2"})])
    pages = PagePrice("3", "both", [PageRate("late", "1", LATE)])
    caps = draw(st.sampled_from(([], [Cap("session", "900")])))
    written = Tariff("t", [draw(volumes()), items, pages], caps=caps)
    return in_zone(compile_tariff("tariffs[t]", written), zone_named("UTC"))


def use_of(parts: Sequence[tuple[str, int]]) -> Usage:
    """Units reported at rates, in this order, an hour's rate on a day of its own each."""
    told = [
        Part(day * DAY_MS + HOURS[name] * HOUR_MS, {"bytes": count}, {"a": 1}, {"forward": 1})
        for day, (name, count) in enumerate(parts)
    ]
    return Usage(
        duration_ms=len(parts) * DAY_MS,
        meters={"bytes": sum(count for _, count in parts)},
        items={"a": len(parts)},
        pages={"forward": len(parts)},
        is_session=True,
        parts=told,
    )


reports = st.lists(st.tuples(st.sampled_from(sorted(HOURS)), units), min_size=1, max_size=8)


def total(lines: Sequence[ChargeLine]) -> int:
    """What lines come to."""
    return sum(line.amount_micros for line in lines)


@seeded
@given(tariffs(), reports, st.randoms(use_true_random=False))
def test_price_when_reports_are_shuffled_then_it_is_the_same(
    tariff: TariffTerms, parts: list[tuple[str, int]], rng: Random
) -> None:
    """What was used at each rate decides, not on which day nor in which order it was."""
    lines = price(tariff, use_of(parts))
    rng.shuffle(parts)
    assert price(tariff, use_of(parts)) == lines
    names = [(line.kind, line.meter, line.rate, line.version) for line in lines]
    assert len(set(names)) == len(names)


@seeded
@given(tariffs(), reports, st.sampled_from(sorted(HOURS)), units)
def test_price_when_more_is_used_at_any_rate_then_it_never_falls(
    tariff: TariffTerms, parts: list[tuple[str, int]], name: str, count: int
) -> None:
    """Free units, increments and tiers go to the dearest first, so nothing is won by using more."""
    before = total(price(tariff, use_of(parts)))
    assert total(price(tariff, use_of([*parts, (name, count)]))) >= before


@seeded
@given(st.lists(amounts, min_size=3, max_size=3), st.lists(units, min_size=3, max_size=3),
       st.integers(0, 9_000))  # fmt: skip
def test_free_units_when_rates_differ_then_no_other_order_would_be_cheaper(
    prices: list[int], used: list[int], free: int
) -> None:
    """The dearest units are free first, which saves the member the most."""
    texts = [text_from_amount(each) for each in prices]
    rates = [
        VolumeRate("early", EARLY, texts[1]),
        VolumeRate("late", LATE, texts[2]),
    ]
    written = Tariff("t", [VolumePrice("bytes", texts[0], 1, free, rates=rates)])
    tariff = in_zone(compile_tariff("tariffs[t]", written), zone_named("UTC"))
    lines = price(tariff, use_of(list(zip(HOURS, used, strict=True))))
    orders: list[Fraction] = []
    for order in permutations(range(3)):
        left, cost = free, 0
        for place in order:
            taken = min(left, used[place])
            left -= taken
            cost += (used[place] - taken) * prices[place]
        orders.append(Fraction(cost))
    assert total([line for line in lines if line.kind == "volume"]) == min(orders)


def life(seed: int) -> list[UsageEvent]:
    """Forty days of a session: totals of two boots, pages and items."""
    rng = Random(seed)
    at_ms, told, events = 100 * DAY_MS, {"": 0, "b": 0}, list[UsageEvent]()
    number = 0
    while at_ms < 140 * DAY_MS:
        boot = rng.choice(("", "", "b"))
        told[boot] += rng.randrange(90)
        kind = rng.choice((EventType.HEARTBEAT, EventType.PAGE, EventType.ITEM))
        events.append(
            UsageEvent(
                "tv", "vod", f"e{number}", kind, "m", at_ms, at_ms, recorded=False, digest=b"",
                session="s", content="c", meters={"bytes": told[boot]}, boot=boot or None,
                item="a", quantity=2,
            )
        )  # fmt: skip
        at_ms += rng.randrange(MINUTE_MS, 3 * HOUR_MS)
        number += 1
    return events


def merged(
    events: Sequence[UsageEvent], tariff: TariffTerms, *, seals: bool
) -> tuple[Session, int]:
    """The session of events in this order, and the most segments that it ever held."""
    session = editable(begin(events[0], path="http", incarnation=1))
    most, mark_ms = 0, 0
    for event in events:
        mark_ms = max(mark_ms, event.event_at_ms)
        sealed_ms = mark_ms - HORIZON_MS if seals else 0
        merge(session, event, "http", tariff, sealed_ms=sealed_ms)
        held = [session.counts, *(boot.marks for boot in session.boots.values())]
        most = max(most, *map(len, held))
        session = editable(decode_session(encode_session(session)))
    return session, most


@settings(derandomize=True, deadline=None, database=None, max_examples=12)
@given(tariffs(), st.integers(0, 2**32))
def test_session_when_it_lasts_forty_days_then_it_holds_what_a_young_one_does(
    tariff: TariffTerms, seed: int
) -> None:
    """What is older than the horizon is one figure for each rate, and costs what it did apart."""
    events = life(seed)
    whole, segments = merged(events, tariff, seals=False)
    # Each event as late as the horizon lets it be.
    rng = Random(seed)
    order = sorted(events, key=lambda each: each.event_at_ms + rng.randrange(HORIZON_MS))
    kept, most = merged(order, tariff, seals=True)
    assert price(tariff, billable(kept, tariff)) == price(tariff, billable(whole, tariff))
    # Three rates, the days between horizon and now with their edges, and what waits to be sealed.
    assert most <= APART_MAX + 3 + 4 * 3
    assert segments > 100
