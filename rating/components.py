"""The parts of a tariff as numbers: each counts one thing and says what it costs.

Invariant: a component is ints only, checked when it was compiled (``rating.compiling``); so
pricing neither parses nor can fail on a document.
"""

import msgspec

from rating.hours import Hours, Week
from rating.periods import PeriodKind
from schemas.errors import BrokenInvariant

Track = tuple[str, ...]


class UnitPrice(msgspec.Struct, frozen=True):
    """``numerator / denominator`` micro-units a unit; of time, a second.

    Args:
        numerator: At least 0.
        denominator: More than 0; the same for all prices of one component.
        name: Rate or tier that stands on the line, empty for the base price.
        text: The price in words of the document.
    """

    numerator: int
    denominator: int
    name: str
    text: str


class TimeTerms(msgspec.Struct, frozen=True):
    """Price of length.

    Args:
        prices: By rate; the first outside the hours of all others.
        first_ms: First increment.
        next_ms: Later increments.
        free_ms: At the start, free.
        minimum_micros: Least amount once anything is charged.
        week: When which rate holds, None where there is only one.
        hours: The same on the content's clocks; None until the component is bound to a zone.
    """

    prices: tuple[UnitPrice, ...]
    first_ms: int
    next_ms: int
    free_ms: int
    minimum_micros: int
    week: Week | None = None
    hours: Hours | None = None


class FeeTerms(msgspec.Struct, frozen=True):
    """Price of a session as such."""

    price_micros: int
    name: str
    text: str


class TierTerms(msgspec.Struct, frozen=True):
    """One step of a ladder: charged units above ``above`` up to ``up_to``, None without end.

    Args:
        above: Of charged units.
        up_to: Likewise.
        price: Outside the hours of all rates.
        fee_micros: Due once a unit falls in it.
        rates: Prices by rate, ``price`` the first; empty where there is only that.
    """

    above: int
    up_to: int | None
    price: UnitPrice
    fee_micros: int
    rates: tuple[UnitPrice, ...] = ()


class VolumeTerms(msgspec.Struct, frozen=True):
    """Price of a meter's total.

    Args:
        meter: Whose total.
        free: Units at the start that cost nothing.
        increment: Started ones are charged whole.
        tiers: At least one; a plain price is a ladder of one step.
        is_ladder: Whether lines are told apart by tier.
        by_total: Whether the total's tier prices all units.
        period: Calendar period that the total counts over, None for the scope itself.
        rates: Names of the rates, the base's empty one first; empty where there is only that.
        order: The rates, the dearest first.
        week: When which rate holds, None where there is only one.
        hours: The same on the content's clocks; None until the component is bound to a zone.
    """

    meter: str
    free: int
    increment: int
    tiers: tuple[TierTerms, ...]
    is_ladder: bool
    by_total: bool
    period: PeriodKind | None = None
    rates: tuple[str, ...] = ()
    order: tuple[int, ...] = ()
    week: Week | None = None
    hours: Hours | None = None


class ItemRateTerms(msgspec.Struct, frozen=True):
    """Prices of items at one rate; ``other_micros`` None where that has no price for others."""

    name: str
    prices_micros: dict[str, int]
    other_micros: int | None


class ItemTerms(msgspec.Struct, frozen=True):
    """Price of an item by its id; ``other_micros`` for those that are not named.

    Args:
        prices_micros: Outside the hours of all rates.
        other_micros: Likewise.
        rates: In order; the first is rate 1.
        week: When which rate holds, None where there is only one.
        hours: The same on the content's clocks; None until the component is bound to a zone.
    """

    prices_micros: dict[str, int]
    other_micros: int
    rates: tuple[ItemRateTerms, ...] = ()
    week: Week | None = None
    hours: Hours | None = None

    def price_of(self, item: str, rate: int) -> int:
        """What one costs, in micro-units: by the rate's own word, else as outside it."""
        if rate:
            own = self.rates[rate - 1]
            each = own.prices_micros.get(item, own.other_micros)
            if each is not None:
                return each
        return self.prices_micros.get(item, self.other_micros)


class PageTerms(msgspec.Struct, frozen=True):
    """Price of one page move in any of the directions, in which lines are written too.

    Args:
        price_micros: Outside the hours of all rates.
        directions: That count.
        rates: Name and price of each, in order; the first is rate 1.
        week: When which rate holds, None where there is only one.
        hours: The same on the content's clocks; None until the component is bound to a zone.
    """

    price_micros: int
    directions: tuple[str, ...]
    rates: tuple[tuple[str, int], ...] = ()
    week: Week | None = None
    hours: Hours | None = None


class FlatTerms(msgspec.Struct, frozen=True):
    """Price of one pass.

    Args:
        price_micros: Of each.
        period: Which calendar periods, or how long a rolling one is.
        text: The price in words of the document.
        is_bought: Whether a member buys it; otherwise use does.
        is_rolling: Whether it runs from the moment of its purchase on.
        renews: Whether the next one follows by itself unless the buyer says no.
        covers: Kinds of components that cost nothing inside a bought one.
    """

    price_micros: int
    period: PeriodKind
    text: str = ""
    is_bought: bool = False
    is_rolling: bool = False
    renews: bool = False
    covers: frozenset[str] = frozenset()


ComponentTerms = TimeTerms | FeeTerms | VolumeTerms | ItemTerms | PageTerms | FlatTerms
CountedTerms = VolumeTerms | ItemTerms | PageTerms


class CapTerms(msgspec.Struct, frozen=True):
    """The most that some kinds of lines come to.

    Args:
        period: Calendar period, None for a session.
        amount_micros: The most.
        kinds: Kinds of components that it covers.
        covers: Kinds of their lines: the minimum belongs to time.
        text: The amount in words of the document.
    """

    period: PeriodKind | None
    amount_micros: int
    kinds: frozenset[str]
    covers: frozenset[str]
    text: str


def track_of(component: ComponentTerms) -> Track:
    """What a component counts: unique within a version, and the same in another one."""
    match component:
        case TimeTerms():
            return "time", ""
        case FeeTerms():
            return "fee", component.name
        case VolumeTerms():
            # Over another period it is another total.
            return "volume", component.meter, component.period or ""
        case ItemTerms():
            return "item", ""
        case PageTerms():
            return "page", ""
        case FlatTerms():
            return "flat", component.period


def week_of(component: ComponentTerms | None) -> Week | None:
    """When which of a component's rates holds; None where there is only one."""
    return component.week if isinstance(component, TimeTerms | CountedTerms) else None


def rates_of(component: ComponentTerms | None) -> int:
    """How many rates by the clock a component has, the base one counted."""
    week = week_of(component)
    return 1 if week is None else week.rates


def rate_at(component: ComponentTerms | None, at_ms: int) -> int:
    """Which of a component's rates holds at a moment: 0 for the base, then as declared.

    Raises:
        BrokenInvariant: It has rates and is not bound to a zone, or the moment is outside the
            calendar.
    """
    if not isinstance(component, CountedTerms) or component.week is None:
        return 0
    if component.hours is None:
        raise BrokenInvariant("a tariff with hours is priced in a zone; bind it to one")
    return component.hours.at(at_ms)[1]


def rate_names(component: ComponentTerms) -> tuple[str, ...]:
    """Names of a component's rates by the clock, without the base."""
    match component:
        case TimeTerms():
            return tuple(each.name for each in component.prices[1:])
        case VolumeTerms():
            return component.rates[1:]
        case ItemTerms():
            return tuple(each.name for each in component.rates)
        case PageTerms():
            return tuple(name for name, _ in component.rates)
        case FeeTerms() | FlatTerms():
            return ()


def is_free(component: ComponentTerms) -> bool:
    """Whether nothing that this component counts can ever cost anything."""
    match component:
        case TimeTerms():
            return not component.minimum_micros and not any(p.numerator for p in component.prices)
        case VolumeTerms():
            prices = [each for tier in component.tiers for each in (tier.price, *tier.rates)]
            return not any(each.numerator for each in prices) and not any(
                tier.fee_micros for tier in component.tiers
            )
        case ItemTerms():
            rated = any(
                rate.other_micros or any(rate.prices_micros.values()) for rate in component.rates
            )
            own = component.other_micros or any(component.prices_micros.values())
            return not own and not rated
        case PageTerms():
            return not component.price_micros and not any(each for _, each in component.rates)
        case FeeTerms() | FlatTerms():
            return not component.price_micros
