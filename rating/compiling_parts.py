"""One component of a tariff, from its words to its numbers.

Invariant: all prices of a component have one denominator, so that their sums are exact ints.
"""

from datetime import date
from fractions import Fraction
from math import lcm

from rating.compiling_passes import compile_pass
from rating.compiling_week import compile_week
from rating.components import (
    ComponentTerms,
    FeeTerms,
    ItemTerms,
    PageTerms,
    TierTerms,
    TimeTerms,
    UnitPrice,
    VolumeTerms,
)
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
            return _volume(path, component)
        case ItemPrice():
            other = component.other
            return ItemTerms(
                prices_micros={
                    named(f"{path}.prices", item): amount(f"{path}.prices[{item}]", text)
                    for item, text in component.prices.items()
                },
                other_micros=0 if other is None else amount(f"{path}.other", other),
            )
        case PagePrice():
            directions = _BOTH if component.direction == "both" else _FORWARD
            return PageTerms(amount(f"{path}.price", component.price), directions)
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


def _volume(path: str, component: VolumePrice) -> VolumeTerms:
    per = count(f"{path}.per", component.per, least=1)
    if (component.price is None) == (not component.tiers):
        raise InvalidDocument(f"{path}: write either a price or tiers")
    if component.mode == "volume" and not component.tiers:
        raise InvalidDocument(f"{path}.mode: 'volume' says how tiers count, and there are none")
    return VolumeTerms(
        meter=named(f"{path}.meter", component.meter),
        free=count(f"{path}.free", component.free, least=0),
        increment=count(f"{path}.increment", component.increment, least=1),
        tiers=_ladder(path, component, per),
        is_ladder=bool(component.tiers),
        by_total=component.mode == "volume",
        period=None if component.period == "session" else component.period,
    )


def _ladder(path: str, component: VolumePrice, per: int) -> tuple[TierTerms, ...]:
    if component.price is not None:
        (price,) = _prices([(f"{path}.price", "", component.price)], per, f"/{per}")
        return (TierTerms(0, None, price, 0),)
    tiers = component.tiers
    if len(tiers) > TIERS_MAX:
        raise InvalidDocument(f"{path}.tiers: more than {TIERS_MAX}")
    written = [
        (f"{path}.tiers[{place}].price", f"tier {place + 1}", tier.price)
        for place, tier in enumerate(tiers)
    ]
    prices = _prices(written, per, f"/{per}")
    ladder: list[TierTerms] = []
    above = 0
    for place, (tier, price) in enumerate(zip(tiers, prices, strict=True)):
        where = f"{path}.tiers[{place}]"
        up_to = _up_to(where, tier, above, is_last=place == len(tiers) - 1)
        ladder.append(TierTerms(above, up_to, price, amount(f"{where}.fee", tier.fee)))
        above = up_to or 0
    return tuple(ladder)


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
