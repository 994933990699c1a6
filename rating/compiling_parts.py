"""One component of a tariff, from its words to its numbers.

Invariant: all prices of a component have one denominator, so that their sums are exact ints.
"""

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from itertools import pairwise
from math import lcm

import msgspec

from rating.compiling_passes import compile_pass
from rating.compiling_week import ClockRate, compile_week
from rating.components import (
    ComponentTerms,
    FeeTerms,
    ItemRateTerms,
    ItemTerms,
    PageTerms,
    TierTerms,
    TimeTerms,
    UnitPrice,
    VolumeTerms,
)
from rating.hours import Week
from rating.written import amount, count, named, rate, seconds
from schemas.errors import InvalidDocument
from schemas.moment import SECOND_MS
from schemas.tariff import (
    Component,
    FeePrice,
    FlatPrice,
    ItemPrice,
    PagePrice,
    Tier,
    TimePrice,
    VolumePrice,
)

TIERS_MAX = 64
_FORWARD = ("forward", "jump")
_BOTH = ("forward", "jump", "backward")


def compile_component(path: str, component: Component, holidays: frozenset[date]) -> ComponentTerms:
    """A component as numbers.

    Args:
        path: Where it stands, for messages.
        component: As written.
        holidays: Of its tariff.

    Raises:
        InvalidDocument: What it says cannot be.
    """
    match component:
        case TimePrice():
            return _time(path, component, holidays)
        case FeePrice():
            fee = amount(f"{path}.price", component.price)
            return FeeTerms(fee, named(f"{path}.name", component.name), component.price)
        case VolumePrice():
            return _volume(path, component, holidays)
        case ItemPrice():
            return _item(path, component, holidays)
        case PagePrice():
            return _page(path, component, holidays)
        case FlatPrice():
            return compile_pass(path, component)


def _time(path: str, component: TimePrice, holidays: frozenset[date]) -> TimeTerms:
    per_s = seconds(f"{path}.per_s", component.per_s)
    if component.price is None and not component.rates:
        raise InvalidDocument(f"{path}.price: is missing; write one, or rates that cover all hours")
    week = None
    if component.rates:
        has_base = component.price is not None
        week = compile_week(path, component.rates, holidays, has_base=has_base)
    written = [(f"{path}.price", "", component.price or "0")]
    for place, each in enumerate(component.rates):
        written.append((f"{path}.rates[{place}].price", each.name, each.price))
    return TimeTerms(
        prices=_prices(written, per_s, f"/{per_s} s"),
        first_ms=seconds(f"{path}.first_s", component.first_s) * SECOND_MS,
        next_ms=seconds(f"{path}.next_s", component.next_s) * SECOND_MS,
        free_ms=seconds(f"{path}.free_s", component.free_s, least=0) * SECOND_MS,
        minimum_micros=amount(f"{path}.minimum", component.minimum),
        week=week,
    )


def _volume(path: str, component: VolumePrice, holidays: frozenset[date]) -> VolumeTerms:
    per = count(f"{path}.per", component.per, least=1)
    has_base = component.price is not None or bool(component.tiers)
    if (component.price is not None and component.tiers) or not (has_base or component.rates):
        raise InvalidDocument(f"{path}: write either a price or tiers")
    if component.mode == "volume" and not component.tiers:
        raise InvalidDocument(f"{path}.mode: 'volume' says how tiers count, and there are none")
    tiers = _ladder(path, component, per)
    is_rated = bool(component.rates)
    return VolumeTerms(
        meter=named(f"{path}.meter", component.meter),
        free=count(f"{path}.free", component.free, least=0),
        increment=count(f"{path}.increment", component.increment, least=1),
        tiers=tiers,
        is_ladder=bool(component.tiers),
        by_total=component.mode == "volume",
        period=None if component.period == "session" else component.period,
        rates=("", *(rate.name for rate in component.rates)) if is_rated else (),
        order=_dearest_first(path, tiers) if is_rated else (),
        week=_week(path, component.rates, holidays, has_base=has_base),
    )


def _item(path: str, component: ItemPrice, holidays: frozenset[date]) -> ItemTerms:
    rates: list[ItemRateTerms] = []
    for place, each in enumerate(component.rates):
        where = f"{path}.rates[{place}]"
        if not each.prices and each.other is None:
            raise InvalidDocument(f"{where}.prices: is missing; price an item, or write 'other'")
        micros = None if each.other is None else amount(f"{where}.other", each.other)
        rates.append(ItemRateTerms(each.name, _items(where, each.prices), micros))
    other = component.other
    return ItemTerms(
        prices_micros=_items(path, component.prices),
        other_micros=0 if other is None else amount(f"{path}.other", other),
        rates=tuple(rates),
        week=_week(
            path, component.rates, holidays, has_base=bool(component.prices) or other is not None
        ),
    )


def _items(path: str, prices: dict[str, str]) -> dict[str, int]:
    return {
        named(f"{path}.prices", item): amount(f"{path}.prices[{item}]", text)
        for item, text in prices.items()
    }


def _page(path: str, component: PagePrice, holidays: frozenset[date]) -> PageTerms:
    price = component.price
    if price is None and not component.rates:
        raise InvalidDocument(f"{path}.price: is missing; write one, or rates that cover all hours")
    return PageTerms(
        price_micros=0 if price is None else amount(f"{path}.price", price),
        directions=_BOTH if component.direction == "both" else _FORWARD,
        rates=tuple(
            (each.name, amount(f"{path}.rates[{place}].price", each.price))
            for place, each in enumerate(component.rates)
        ),
        week=_week(path, component.rates, holidays, has_base=price is not None),
    )


def _week(
    path: str, rates: Sequence[ClockRate], holidays: frozenset[date], *, has_base: bool
) -> Week | None:
    return compile_week(path, rates, holidays, has_base=has_base) if rates else None


def _ladder(path: str, component: VolumePrice, per: int) -> tuple[TierTerms, ...]:
    tiers = component.tiers
    if len(tiers) > TIERS_MAX:
        raise InvalidDocument(f"{path}.tiers: more than {TIERS_MAX}")
    written = _written(path, component)
    each = len(component.rates) + 1
    prices = _prices([price for row in written for price in row], per, f"/{per}")
    rows = [prices[place : place + each] for place in range(0, len(prices), each)]
    if not tiers:
        (row,) = rows
        if component.price is None:
            # Use at a rate that only another catalogue knows costs the dearest.
            dearest = max(row, key=lambda price: price.numerator)
            row = (msgspec.structs.replace(dearest, name=""), *row[1:])
        return (TierTerms(0, None, row[0], 0, row if each > 1 else ()),)
    ladder: list[TierTerms] = []
    above = 0
    for place, (tier, row) in enumerate(zip(tiers, rows, strict=True)):
        where = f"{path}.tiers[{place}]"
        up_to = _up_to(where, tier, above, is_last=place == len(tiers) - 1)
        fee = amount(f"{where}.fee", tier.fee)
        ladder.append(TierTerms(above, up_to, row[0], fee, row if each > 1 else ()))
        above = up_to or 0
    return tuple(ladder)


def _written(path: str, component: VolumePrice) -> list[list[tuple[str, str, str]]]:
    """Prices as written, by tier, then by rate, the base first: path, name on the line, text."""
    tiers = component.tiers
    rows = [
        [(f"{path}.tiers[{place}].price", f"tier {place + 1}", tier.price)]
        for place, tier in enumerate(tiers)
    ] or [[(f"{path}.price", "", component.price or "0")]]
    for number, each in enumerate(component.rates):
        where = f"{path}.rates[{number}]"
        if not tiers:
            if each.price is None or each.prices:
                raise InvalidDocument(f"{where}.price: write one, and 'prices' only beside tiers")
            rows[0].append((f"{where}.price", each.name, each.price))
            continue
        if each.price is not None or len(each.prices) != len(tiers):
            raise InvalidDocument(
                f"{where}.prices: {len(each.prices)} of them for {len(tiers)} tiers; write one "
                "for each tier, in their order, and no 'price'"
            )
        for place, text in enumerate(each.prices):
            name = f"tier {place + 1} {each.name}"
            rows[place].append((f"{where}.prices[{place}]", name, text))
    return rows


def _dearest_first(path: str, tiers: Sequence[TierTerms]) -> tuple[int, ...]:
    """The rates by falling price, which must fall alike in each tier.

    Raises:
        InvalidDocument: A rate is dearer than another in one tier and cheaper in the next.
    """
    by_rate = [
        tuple(tier.rates[rate].numerator for tier in tiers) for rate in range(len(tiers[0].rates))
    ]
    order = sorted(range(len(by_rate)), key=lambda rate: (*(-n for n in by_rate[rate]), rate))
    for dearer, cheaper in pairwise(order):
        if any(a < b for a, b in zip(by_rate[dearer], by_rate[cheaper], strict=True)):
            number = max(dearer, cheaper)
            raise InvalidDocument(
                f"{path}.rates[{number - 1}].prices: dearer than "
                f"{_rate_text(path, min(dearer, cheaper))} in one tier and cheaper in another, so "
                "it is not clear which of both free units come off; let one be the dearer in all"
            )
    return tuple(order)


def _rate_text(path: str, rate: int) -> str:
    return f"{path}.rates[{rate - 1}]" if rate else "the tiers' own prices"


def _up_to(path: str, tier: Tier, above: int, *, is_last: bool) -> int | None:
    if is_last:
        if tier.up_to is not None:
            raise InvalidDocument(
                f"{path}.up_to: leaves a gap above {tier.up_to}; the last tier has none"
            )
        return None
    if tier.up_to is None:
        raise InvalidDocument(f"{path}.up_to: is missing; only the last tier is without end")
    up_to = count(f"{path}.up_to", tier.up_to, least=1)
    if up_to <= above:
        raise InvalidDocument(f"{path}.up_to: {up_to} overlaps the tier before, up to {above}")
    return up_to


def _prices(written: list[tuple[str, str, str]], per: int, unit: str) -> tuple[UnitPrice, ...]:
    """Prices of one component: (path, name, text) each, for ``per`` units."""
    exact = [rate(path, text) * Fraction(1, per) for path, _, text in written]
    denominator = lcm(*(each.denominator for each in exact))
    return tuple(
        UnitPrice(
            numerator=each.numerator * (denominator // each.denominator),
            denominator=denominator,
            name=name,
            text=f"{text}{unit}",
        )
        for each, (_, name, text) in zip(exact, written, strict=True)
    )
