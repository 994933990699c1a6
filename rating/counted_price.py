"""Price of what is counted: meters, items, pages, by the version in force when it was reported.

Invariant: growth of a total costs the difference of two of its version's own prices, so the price
of a total does not depend on how it was reported. Source: docs/tariffs.md, Volume and Versions.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from rating.components import ComponentTerms, ItemTerms, PageTerms, TierTerms, VolumeTerms
from rating.rounding import Rounding, Running
from schemas.errors import BrokenInvariant
from schemas.ledger import ChargeLine
from schemas.money import checked, text_from_amount

_TEXTS_MAX = 4_096
# Rate of what a bought pass covers.
PASS_RATE = "pass"  # noqa: S105 -- a paid period, not a password
# A tier, charged units in it, and what becomes due beside them.
Step = tuple[TierTerms, int, int]


class Counted(NamedTuple):
    """What was counted while one version was in force.

    Args:
        version: When that came into force, as it stands on lines.
        meters: Growth of each meter.
        items: Quantity by item.
        pages: Moves by direction.
    """

    version: int
    meters: Mapping[str, int]
    items: Mapping[str, int]
    pages: Mapping[str, int]


def volume_of_version(
    terms: VolumeTerms,
    meters: Mapping[str, int],
    rounding: Rounding,
    version: int,
    lines: list[ChargeLine],
) -> None:
    """Adds what a meter's total costs that was all told in one version.

    Raises:
        BrokenInvariant: A negative total, or an amount beyond the largest.
    """
    total = meters.get(terms.meter, 0)
    if not total:
        return
    _whole(total, terms.meter)
    if not terms.is_ladder:
        price = terms.tiers[0].price
        units = charged_units(terms, total)
        amount = checked(rounding(units * price.numerator, price.denominator))
        lines.append(ChargeLine("volume", terms.meter, total, amount, "", version, price.text))
        return
    steps = (
        _by_total(terms, 0, total, total, has_fee=True)
        if terms.by_total
        else (_graduated(terms, 0, total))
    )
    exact = told = 0
    for tier, units, fee in steps:
        price = tier.price
        exact += units * price.numerator + fee * price.denominator
        # All prices of a component have one denominator.
        amount = checked(rounding(exact, price.denominator))
        lines.append(
            ChargeLine("volume", terms.meter, units, amount - told, price.name, version, price.text)
        )
        told = amount


def volume_lines(
    track: Sequence[ComponentTerms | None],
    counted: Sequence[Counted],
    meter: str,
    rounding: Rounding,
    lines: list[ChargeLine],
) -> None:
    """Adds what a meter's total costs.

    Args:
        track: The component by version.
        counted: By version.
        meter: Whose.
        rounding: Of the component's total.
        lines: Gets one for each version and tier.

    Raises:
        BrokenInvariant: A negative total, or an amount beyond the largest.
    """
    froms = [each.version for each in counted]
    units = [(each.meters.get(meter, 0),) for each in counted]
    found = rated_volume_lines(track, froms, units, meter, rounding)
    lines.extend(line for _, line in found)


def rated_volume_lines(
    track: Sequence[ComponentTerms | None],
    froms: Sequence[int],
    units: Sequence[Sequence[int]],
    meter: str,
    rounding: Rounding,
) -> Iterator[tuple[int, ChargeLine]]:
    """What a meter's total costs whose units may have rates by the clock.

    The units of a version stand in one row, those of its dearest rate first: free ones come off the
    row's beginning, whole increments and tiers are cut from the rest, and each costs the rate at
    which it begins. So more use never costs less.

    Args:
        track: The component by version.
        froms: Of each version, as it stands on lines.
        units: By version, then by rate.
        meter: Whose.
        rounding: Of the component's total.

    Yields:
        A line for each version, tier and rate, with the number of that.

    Raises:
        BrokenInvariant: A negative total, or an amount beyond the largest.
    """
    totals = [sum(_whole(each, meter) for each in by_rate) for by_rate in units]
    if not any(totals):
        return
    running = Running(rounding)
    last: int | None = None
    before = 0
    for place, by_rate in enumerate(units):
        terms = track[place]
        if totals[place] and isinstance(terms, VolumeTerms):
            whole = None
            if terms.by_total:
                whole = sum(totals)
                last = _last_charged(track, totals) if last is None else last
            row = _row(terms, before, by_rate, whole, has_fee=place == last)
            for tier, rate, grown, fee in sorted(row, key=lambda step: (step[0].above, step[1])):
                price = tier.rates[rate] if tier.rates else tier.price
                exact = grown * price.numerator + fee * price.denominator
                amount = running.add(exact, price.denominator)
                quantity = grown if terms.is_ladder else by_rate[rate]
                yield (
                    rate,
                    ChargeLine(
                        "volume", meter, quantity, amount, price.name, froms[place], price.text
                    ),
                )
        before += totals[place]


def _row(
    terms: VolumeTerms, before: int, by_rate: Sequence[int], whole: int | None, *, has_fee: bool
) -> Iterator[tuple[TierTerms, int, int, int]]:
    """Tier, rate, charged units and fee of each piece of one version's row.

    Args:
        terms: Of the version.
        before: What the total had come to when the version began.
        by_rate: Units.
        whole: The total in the end, where that decides the tier of all units.
        has_fee: Whether the tier's fee is due in this version, where that is so.
    """
    for rate in terms.order or (0,):
        after = before + by_rate[rate]
        if after > before:
            if whole is None:
                steps = _graduated(terms, before, after)
            else:
                steps = _by_total(terms, before, after, whole, has_fee=has_fee)
                has_fee = has_fee and not steps
            for tier, units, fee in steps:
                yield tier, rate, units, fee
        before = after


def item_lines(terms: ItemTerms, used: Counted, lines: list[ChargeLine], rate: int = 0) -> None:
    """Adds what items cost, by their ids in order.

    Args:
        terms: Of the version.
        used: In it, at one rate.
        lines: Gets one for each item.
        rate: 0 for the base prices.

    Raises:
        BrokenInvariant: A negative quantity, or an amount beyond the largest.
    """
    name = terms.rates[rate - 1].name if rate else ""
    for item in sorted(used.items):
        quantity = _whole(used.items[item], item)
        if quantity:
            each = terms.price_of(item, rate)
            amount = checked(quantity * each)
            lines.append(
                ChargeLine("item", item, quantity, amount, name, used.version, _text(each))
            )


def page_lines(terms: PageTerms, used: Counted, lines: list[ChargeLine], rate: int = 0) -> None:
    """Adds what page moves cost.

    Args:
        terms: Of the version.
        used: In it, at one rate.
        lines: Gets one for each direction.
        rate: 0 for the base price.

    Raises:
        BrokenInvariant: A negative count, or an amount beyond the largest.
    """
    name, each = terms.rates[rate - 1] if rate else ("", terms.price_micros)
    for direction in terms.directions:
        moves = _whole(used.pages.get(direction, 0), direction)
        if moves:
            amount = checked(moves * each)
            lines.append(
                ChargeLine("page", direction, moves, amount, name, used.version, _text(each))
            )


def covered_lines(
    track: Sequence[ComponentTerms | None], counted: Sequence[Counted], lines: list[ChargeLine]
) -> None:
    """Adds what was used inside passes, which costs nothing and is told all the same.

    Args:
        track: The component by version.
        counted: What passes cover, by version.
        lines: Gets one for each version and thing.

    Raises:
        BrokenInvariant: A negative total.
    """
    for terms, used in zip(track, counted, strict=True):
        for kind, name, total in _covered(terms, used):
            if _whole(total, name):
                lines.append(ChargeLine(kind, name, total, 0, PASS_RATE, used.version))


def _covered(terms: ComponentTerms | None, used: Counted) -> Iterator[tuple[str, str, int]]:
    match terms:
        case VolumeTerms():
            if terms.period is None:
                yield "volume", terms.meter, used.meters.get(terms.meter, 0)
        case ItemTerms():
            for item in sorted(used.items):
                yield "item", item, used.items[item]
        case PageTerms():
            for direction in terms.directions:
                yield "page", direction, used.pages.get(direction, 0)
        case _:
            return


def charged_units(terms: VolumeTerms, units: int) -> int:
    """Units that are charged: free ones off the start, then whole increments."""
    above = units - terms.free
    return 0 if above <= 0 else -(-above // terms.increment) * terms.increment


def _graduated(terms: VolumeTerms, before: int, after: int) -> list[Step]:
    """Tiers that the growth of a total falls in, with units and the fee that becomes due."""
    low, high = charged_units(terms, before), charged_units(terms, after)
    if not terms.is_ladder:
        return [(terms.tiers[0], high - low, 0)]
    steps: list[Step] = []
    for tier in terms.tiers:
        top = high if tier.up_to is None else min(high, tier.up_to)
        units = top - max(low, tier.above)
        if units > 0:
            steps.append((tier, units, tier.fee_micros if low <= tier.above else 0))
    return steps


def _by_total(
    terms: VolumeTerms, before: int, after: int, whole: int, *, has_fee: bool
) -> list[Step]:
    """The one tier that the whole total falls in, with the units that grew."""
    charged = charged_units(terms, whole)
    units = charged_units(terms, after) - charged_units(terms, before)
    if not units:
        return []
    tier = next(t for t in terms.tiers if t.up_to is None or charged <= t.up_to)
    return [(tier, units, tier.fee_micros if has_fee else 0)]


def _last_charged(track: Sequence[ComponentTerms | None], totals: Sequence[int]) -> int:
    """The last version in which charged units grew, or -1."""
    before, last = 0, -1
    for place, (terms, grown) in enumerate(zip(track, totals, strict=True)):
        if isinstance(terms, VolumeTerms) and charged_units(terms, before + grown) > charged_units(
            terms, before
        ):
            last = place
        before += grown
    return last


def _whole(total: int, name: str) -> int:
    if total < 0:
        raise BrokenInvariant(f"{name} of {total}: a total cannot be negative")
    return total


@lru_cache(maxsize=_TEXTS_MAX)
def _text(amount_micros: int) -> str:
    return text_from_amount(amount_micros)
