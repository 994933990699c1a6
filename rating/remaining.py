"""How many more units an amount buys: what a content server is told when a balance is low.

Invariant: only ``rating.price.price`` says what anything costs; one unit more than is told would
cost more than the amount. Each thing is counted alone, as if nothing else were used meanwhile.
It does not own when this is asked (``shard.signals``).
"""

from collections.abc import Callable, Iterator

import msgspec

from rating.ahead import with_part
from rating.components import PageTerms, TimeTerms, VolumeTerms
from rating.price import Part, Usage, price
from rating.tariff import TariffTerms
from schemas.control import RemainingUnits
from schemas.errors import BrokenInvariant
from schemas.moment import DAY_MS, SECOND_MS

# Beyond these nothing runs out soon, and the thing is left out.
TIME_S_MAX = 31 * DAY_MS // SECOND_MS
UNITS_MAX = 2**40


def remaining_units(
    tariff: TariffTerms, usage: Usage, left_micros: int
) -> tuple[RemainingUnits, ...]:
    """What an amount still buys of each priced thing.

    Args:
        tariff: Compiled.
        usage: Of the scope so far, which is paid.
        left_micros: To be spent.

    Returns:
        Time, then meters, then page moves, each in the order of their names. What the amount
        cannot run out by within ``TIME_S_MAX`` or ``UNITS_MAX`` is left out.

    Raises:
        BrokenInvariant: The usage so far cannot be priced.
    """
    paid = _total(tariff, usage)
    found: list[RemainingUnits] = []
    for kind, meter, most, more in _counted(tariff, usage):

        def affords(units: int, more: Callable[[int], Usage] = more) -> bool:
            try:
                return _total(tariff, more(units)) - paid <= left_micros
            except BrokenInvariant:
                # Beyond the largest amount that there is.
                return False

        units = _most(affords, most)
        if units is not None:
            found.append(RemainingUnits(kind, meter, units))
    return tuple(found)


def _counted(
    tariff: TariffTerms, usage: Usage
) -> Iterator[tuple[str, str, int, Callable[[int], Usage]]]:
    """Kind, meter, bound, and the usage with so many units more, of all that may have a price."""
    end_ms = usage.start_ms + usage.duration_ms
    terms = tariff.versions[tariff.version_at(end_ms)].components

    def longer(units: int) -> Usage:
        return msgspec.structs.replace(usage, duration_ms=usage.duration_ms + units * SECOND_MS)

    if any(isinstance(part, TimeTerms) for part in terms):
        yield "time", "s", TIME_S_MAX, longer
    for meter in sorted(part.meter for part in terms if isinstance(part, VolumeTerms)):

        def larger(units: int, meter: str = meter) -> Usage:
            return with_part(tariff, usage, Part(end_ms, {meter: units}, {}, {}))

        yield "volume", meter, UNITS_MAX, larger
    moves = {way for part in terms if isinstance(part, PageTerms) for way in part.directions}
    for way in sorted(moves):

        def further(units: int, way: str = way) -> Usage:
            return with_part(tariff, usage, Part(end_ms, {}, {}, {way: units}))

        yield "page", way, UNITS_MAX, further


def _most(affords: Callable[[int], bool], bound: int) -> int | None:
    """The most units that are afforded, by doubling and halving; None when the bound is."""
    low, high = 0, 1
    while affords(high):
        if high >= bound:
            return None
        low, high = high, min(2 * high, bound)
    while high - low > 1:
        middle = (low + high) // 2
        if affords(middle):
            low = middle
        else:
            high = middle
    return low


def _total(tariff: TariffTerms, usage: Usage) -> int:
    return sum(line.amount_micros for line in price(tariff, usage))
