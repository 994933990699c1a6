"""Price: from a compiled tariff and the totals of a scope to charge lines.

Invariant: a price is cumulative over its scope and a pure function of it; with more usage it never
falls; (kind, meter) is unique among its lines. Rounding happens once, on a component's total.
It does not own what a scope is (``shard``) nor the debit, which is the difference of two prices.
"""

from collections.abc import Mapping
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from rating.components import FlatTerms, ItemTerms, PageTerms, TimeTerms, VolumeTerms
from rating.periods import periods_touched
from rating.rounding import ROUNDINGS, Rounding
from rating.tariff import TariffTerms
from schemas.errors import BrokenInvariant
from schemas.ledger import ChargeLine
from schemas.moment import SECOND_MS
from schemas.money import checked


class Usage(msgspec.Struct, frozen=True):
    """What was used within a scope, in all.

    Args:
        duration_ms: From first to last event, with any supplement.
        meters: Total by meter.
        items: Quantity by item id.
        pages: Moves by direction: ``forward``, ``backward``, ``jump``.
    """

    duration_ms: int
    meters: Mapping[str, int]
    items: Mapping[str, int]
    pages: Mapping[str, int]


class Pass(NamedTuple):
    """A pass that a use needs.

    Args:
        component: Its place among the tariff's components.
        period: Such as ``2026-11-24``, ``2026-W48`` or ``2026-11``.
        start_ms: When the period begins.
        amount_micros: What the pass costs.
    """

    component: int
    period: str
    start_ms: int
    amount_micros: int


def price(tariff: TariffTerms, usage: Usage) -> tuple[ChargeLine, ...]:
    """The cumulative price of a scope; passes are not in it, they are scopes of their own.

    Args:
        tariff: Compiled.
        usage: Totals of the scope.

    Returns:
        Lines in the order of the components; those of nothing are left out.

    Raises:
        BrokenInvariant: A negative total, or an amount beyond the largest.
    """
    rounding = ROUNDINGS[tariff.rounding]
    lines: list[ChargeLine] = []
    for component in tariff.components:
        match component:
            case VolumeTerms():
                _volume(component, usage.meters, rounding, lines)
            case TimeTerms():
                _time(component, usage.duration_ms, rounding, lines)
            case ItemTerms():
                _items(component, usage.items, lines)
            case PageTerms():
                _pages(component, usage.pages, lines)
            case FlatTerms():
                pass
    return tuple(lines)


def passes(
    tariff: TariffTerms, usage_start_ms: int, usage_end_ms: int, zone: ZoneInfo
) -> tuple[Pass, ...]:
    """The passes that use from start to end needs: one for every period that it touches.

    Args:
        tariff: Compiled.
        usage_start_ms: First moment, UTC epoch milliseconds.
        usage_end_ms: Last moment, inclusive.
        zone: The content's.

    Returns:
        By component, then by time; empty for a tariff without flat prices.

    Raises:
        BrokenInvariant: The use touches more than ``rating.periods.PERIODS_MAX`` periods.
    """
    if not tariff.has_passes:
        return ()
    return tuple(
        Pass(place, period.name, period.start_ms, component.price_micros)
        for place, component in enumerate(tariff.components)
        if isinstance(component, FlatTerms)
        for period in periods_touched(component.period, usage_start_ms, usage_end_ms, zone)
    )


def charged_ms(terms: TimeTerms, duration_ms: int) -> int:
    """The length that is charged: free time off the start, then whole increments.

    A session of no length is charged nothing, so that a single page view costs no time.

    Raises:
        BrokenInvariant: A negative length.
    """
    left_ms = _counted(duration_ms, "duration_ms") - terms.free_ms
    if left_ms <= 0:
        return 0
    if left_ms <= terms.first_ms:
        return terms.first_ms
    started = -((terms.first_ms - left_ms) // terms.next_ms)
    return terms.first_ms + started * terms.next_ms


def _time(terms: TimeTerms, duration_ms: int, rounding: Rounding, lines: list[ChargeLine]) -> None:
    length_ms = charged_ms(terms, duration_ms)
    if length_ms:
        exact = length_ms // SECOND_MS * terms.numerator
        amount = max(rounding(exact, terms.denominator), terms.minimum_micros)
        lines.append(ChargeLine("time", "ms", length_ms, checked(amount)))


def _volume(
    terms: VolumeTerms, meters: Mapping[str, int], rounding: Rounding, lines: list[ChargeLine]
) -> None:
    total = meters.get(terms.meter, 0)
    if total:
        above = max(_counted(total, terms.meter) - terms.free, 0)
        amount = rounding(above * terms.numerator, terms.denominator)
        lines.append(ChargeLine("volume", terms.meter, total, checked(amount)))


def _items(terms: ItemTerms, items: Mapping[str, int], lines: list[ChargeLine]) -> None:
    for item in sorted(items):
        quantity = _counted(items[item], item)
        if quantity:
            each = terms.prices_micros.get(item, terms.other_micros)
            lines.append(ChargeLine("item", item, quantity, checked(quantity * each)))


def _pages(terms: PageTerms, pages: Mapping[str, int], lines: list[ChargeLine]) -> None:
    for direction in terms.directions:
        moves = _counted(pages.get(direction, 0), direction)
        if moves:
            amount = checked(moves * terms.price_micros)
            lines.append(ChargeLine("page", direction, moves, amount))


def _counted(total: int, name: str) -> int:
    if total < 0:
        raise BrokenInvariant(f"{name} of {total}: a total cannot be negative")
    return total
