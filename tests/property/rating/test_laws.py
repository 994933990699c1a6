"""Laws of prices: they never fall with more use, and no cutting into pieces changes them."""

from fractions import Fraction
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from rating.compiling import compile_tariff
from rating.components import TimeTerms
from rating.difference import difference
from rating.passes import passes
from rating.price import Usage, price
from rating.rounding import down, half_up, up
from rating.share import provider_share
from rating.tariff import TariffTerms
from rating.time_price import charged_ms
from rating.written import rate
from rating.zones import zone_named
from schemas.ledger import ChargeLine
from schemas.moment import DAY_MS
from schemas.money import PPM, text_from_amount
from schemas.tariff import (
    Component,
    FlatPrice,
    ItemPrice,
    PagePrice,
    Tariff,
    TimePrice,
    VolumePrice,
)

seeded = settings(derandomize=True, deadline=None, database=None, max_examples=150)
amounts = st.integers(0, 10**8).map(text_from_amount)
seconds = st.integers(1, 600)
counts = st.integers(0, 10**6)
roundings: list[Literal["half_up", "down", "up"]] = ["half_up", "down", "up"]
times = st.builds(
    TimePrice,
    price=amounts,
    per_s=seconds,
    first_s=seconds,
    next_s=seconds,
    free_s=st.integers(0, 600),
    minimum=amounts,
)
volumes = st.builds(
    VolumePrice, meter=st.just("bytes"), price=amounts, per=st.integers(1, 10**6), free=counts
)
items = st.builds(ItemPrice, prices=st.dictionaries(st.sampled_from("abc"), amounts), other=amounts)
pages = st.builds(PagePrice, price=amounts, direction=st.sampled_from(["forward", "both"]))


@st.composite
def tariffs(draw: st.DrawFn) -> TariffTerms:
    """Any tariff: some of each kind, in any order."""
    kinds: list[st.SearchStrategy[Component]] = [times, volumes, items, pages]
    chosen = draw(st.lists(st.sampled_from(range(len(kinds))), unique=True))
    components = [draw(kinds[kind]) for kind in chosen]
    rounding = draw(st.sampled_from(roundings))
    return compile_tariff("tariffs[t]", Tariff("t", components, rounding=rounding))


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Any usage."""
    return Usage(
        duration_ms=draw(st.integers(0, 10**7)),
        meters={"bytes": draw(counts)},
        items=draw(st.dictionaries(st.sampled_from("abcd"), counts)),
        pages=draw(st.dictionaries(st.sampled_from(["forward", "backward", "jump"]), counts)),
    )


def more(one: Usage, other: Usage) -> Usage:
    """The two usages together, as if one had followed the other."""
    return Usage(
        duration_ms=one.duration_ms + other.duration_ms,
        meters=added(one.meters, other.meters),
        items=added(one.items, other.items),
        pages=added(one.pages, other.pages),
    )


def added(one: object, other: object) -> dict[str, int]:
    """Two tables of counts, summed by name."""
    assert isinstance(one, dict)
    assert isinstance(other, dict)
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted(one | other)}


def by_key(lines: tuple[ChargeLine, ...]) -> dict[tuple[str, str], tuple[int, int]]:
    """Quantity and amount of each (kind, meter), summed."""
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for line in lines:
        # What is missing to the minimum shrinks as time grows; together they never fall.
        kind = line.kind if line.kind != "minimum" else "time"
        quantity, amount = sums.get((kind, line.meter), (0, 0))
        sums[kind, line.meter] = (quantity + line.quantity, amount + line.amount_micros)
    return {key: value for key, value in sums.items() if value != (0, 0)}


@seeded
@given(tariffs(), usages(), usages())
def test_price_when_more_is_used_then_no_line_falls(
    tariff: TariffTerms, one: Usage, other: Usage
) -> None:
    """With non-negative prices, more use never costs less, line by line."""
    before, after = by_key(price(tariff, one)), by_key(price(tariff, more(one, other)))
    for key, (quantity, amount) in before.items():
        assert after[key] >= (quantity, amount)
        assert after[key][1] >= amount >= 0


@seeded
@given(tariffs(), usages())
def test_price_when_computed_twice_then_it_is_the_same_and_its_keys_are_unique(
    tariff: TariffTerms, usage: Usage
) -> None:
    """A price is a pure function, and its lines can be told apart."""
    lines = price(tariff, usage)
    assert lines == price(tariff, usage)
    assert len({(line.kind, line.meter) for line in lines}) == len(lines)
    assert all(line.quantity or line.amount_micros for line in lines)


@seeded
@given(tariffs(), st.lists(usages(), min_size=1, max_size=6))
def test_differences_when_usage_comes_in_pieces_then_they_sum_to_the_price(
    tariff: TariffTerms, pieces: list[Usage]
) -> None:
    """However a session is cut into reports, its debits sum to the price of the whole."""
    known: tuple[ChargeLine, ...] = ()
    moved: list[ChargeLine] = []
    total = Usage(duration_ms=0, meters={}, items={}, pages={})
    for piece in pieces:
        total = more(total, piece)
        new = price(tariff, total)
        moved.extend(difference(known, new))
        known = new
    assert by_key(tuple(moved)) == by_key(price(tariff, total))


@seeded
@given(tariffs(), usages(), usages())
def test_difference_when_added_to_the_old_price_then_it_is_the_new_one(
    tariff: TariffTerms, one: Usage, other: Usage
) -> None:
    """Old + difference(old, new) = new, upward and downward."""
    old, new = price(tariff, one), price(tariff, other)
    assert by_key(old + difference(old, new)) == by_key(new)
    assert by_key(difference(old, new) + difference(new, old)) == {}
    assert difference(new, new) == ()


@seeded
@given(st.integers(0, PPM), st.lists(st.integers(-(10**9), 10**9)))
def test_share_when_a_total_moves_then_its_differences_never_drift(
    ppm: int, moves: list[int]
) -> None:
    """The sum of all movements of a share is the share of the total."""
    total, paid = 0, 0
    for move in moves:
        paid += provider_share(total + move, ppm) - provider_share(total, ppm)
        total += move
    assert paid == provider_share(total, ppm)
    assert abs(paid) <= abs(total)
    assert abs(Fraction(total * ppm, PPM) - paid) < 1


@seeded
@given(seconds, seconds, st.integers(0, 600), st.integers(0, 10**7))
def test_charged_time_when_rounded_then_it_is_whole_increments_and_never_short(
    first_s: int, next_s: int, free_s: int, duration_ms: int
) -> None:
    """Charged time covers what is left after free time, by less than one increment too much."""
    terms = TimeTerms((), first_s * 1000, next_s * 1000, free_s * 1000, 0)
    charged, left_ms = charged_ms(terms, duration_ms), duration_ms - free_s * 1000
    if left_ms <= 0:
        assert charged == 0
        return
    assert charged >= left_ms
    assert (charged - first_s * 1000) % (next_s * 1000) == 0
    assert charged == first_s * 1000 or charged - left_ms < next_s * 1000


@seeded
@given(st.integers(0, 10**18), st.integers(1, 10**12))
def test_rounding_when_compared_then_down_and_up_enclose_the_exact(top: int, bottom: int) -> None:
    """Down <= half_up <= up, within one of the exact fraction."""
    exact = Fraction(top, bottom)
    assert down(top, bottom) <= exact <= up(top, bottom)
    assert down(top, bottom) <= half_up(top, bottom) <= up(top, bottom)
    assert abs(half_up(top, bottom) - exact) <= Fraction(1, 2)
    assert up(top, bottom) - down(top, bottom) <= 1


@seeded
@given(st.integers(0, 10**9), st.integers(0, 18), st.integers(1, 10**6))
def test_rate_when_text_is_finer_than_an_amount_then_it_is_exact(
    digits: int, decimals: int, per: int
) -> None:
    """Any price of up to 18 decimals is read as the fraction that it says."""
    text = f"{digits:0{decimals + 1}d}"
    text = f"{text[: len(text) - decimals]}.{text[len(text) - decimals :]}".rstrip(".")
    assert rate("price", text) / per == Fraction(digits * 10**6, 10**decimals * per)


@seeded
@given(
    st.sampled_from(["Asia/Seoul", "America/Havana", "Pacific/Apia", "Europe/London", "UTC"]),
    st.sampled_from(["day", "week", "month"]),
    st.integers(0, 2 * 10**12),
    st.lists(st.integers(0, 20 * DAY_MS), min_size=1, max_size=5),
)
def test_passes_when_a_use_is_cut_then_the_pieces_need_the_same_passes(
    zone: str, period: Literal["day", "week", "month"], start_ms: int, lengths: list[int]
) -> None:
    """A use's passes are those of its pieces, ascending, each period once and without a hole."""
    tariff = compile_tariff("tariffs[t]", Tariff("t", [FlatPrice("1", period)]))
    at_ms, pieces = start_ms, dict[str, int]()
    for length in lengths:
        for each in passes(tariff, at_ms, at_ms + length, zone_named(zone)):
            pieces[each.period] = each.start_ms
        at_ms += length
    whole = passes(tariff, start_ms, at_ms, zone_named(zone))
    assert {each.period: each.start_ms for each in whole} == pieces
    starts = [each.start_ms for each in whole]
    assert starts == sorted(set(starts))
    assert starts[0] <= start_ms
