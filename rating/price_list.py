"""The price list of a tariff: what each thing costs, as numbers that a page can show.

Invariant: a price is exact: so many whole micro-units for so many units, never rounded.
It does not own what a use comes to (``rating.price``).
"""

from typing import NamedTuple, assert_never

from rating.components import (
    ComponentTerms,
    FlatTerms,
    ItemTerms,
    PageTerms,
    TimeTerms,
    VolumeTerms,
)
from rating.tariff import TariffTerms
from schemas.moment import SECOND_MS


class UnitPrice(NamedTuple):
    """What something costs.

    Args:
        kind: As in a charge line: ``time``, ``volume``, ``item``, ``page`` or ``flat``.
        meter: What is counted: ``s``, a meter, an item (``*`` for any other), a direction, or the
            length of a pass: ``day``, ``week``, ``month``.
        amount_micros: For ``per`` of it.
        per: Units that the amount is for.
        free: Units at the start that cost nothing.
        first: Least that is charged of it, once anything is.
        next: Steps of what comes after; a started one is charged whole.
        minimum_micros: Least amount, once anything is charged.
    """

    kind: str
    meter: str
    amount_micros: int
    per: int = 1
    free: int = 0
    first: int = 1
    next: int = 1
    minimum_micros: int = 0


def price_list(tariff: TariffTerms) -> tuple[UnitPrice, ...]:
    """Prices in the order of the tariff's components.

    Args:
        tariff: Compiled.
    """
    return tuple(each for component in tariff.components for each in _prices(component))


def _prices(component: ComponentTerms) -> list[UnitPrice]:
    match component:
        case TimeTerms():
            price = UnitPrice(
                "time",
                "s",
                component.numerator,
                component.denominator,
                component.free_ms // SECOND_MS,
                component.first_ms // SECOND_MS,
                component.next_ms // SECOND_MS,
                component.minimum_micros,
            )
            return [price]
        case VolumeTerms(meter, numerator, denominator, free):
            return [UnitPrice("volume", meter, numerator, denominator, free)]
        case ItemTerms(prices_micros, other_micros):
            named = [UnitPrice("item", item, prices_micros[item]) for item in sorted(prices_micros)]
            return [*named, UnitPrice("item", "*", other_micros)]
        case PageTerms(price_micros, directions):
            return [UnitPrice("page", direction, price_micros) for direction in directions]
        case FlatTerms(price_micros, period):
            return [UnitPrice("flat", period, price_micros)]
        case _:
            assert_never(component)
