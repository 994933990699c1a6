"""The parts of a tariff as numbers: each counts one thing and says what it costs.

Invariant: a component is ints only, checked when it was compiled (``rating.compiling``); so
pricing neither parses nor can fail on a document.
"""

import msgspec

from rating.hours import Hours, Week
from rating.periods import PeriodKind

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
    """One step of a ladder: charged units above ``above`` up to ``up_to``, None without end."""

    above: int
    up_to: int | None
    price: UnitPrice
    fee_micros: int


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
    """

    meter: str
    free: int
    increment: int
    tiers: tuple[TierTerms, ...]
    is_ladder: bool
    by_total: bool
    period: PeriodKind | None = None


class ItemTerms(msgspec.Struct, frozen=True):
    """Price of an item by its id; ``other_micros`` for those that are not named."""

    prices_micros: dict[str, int]
    other_micros: int


class PageTerms(msgspec.Struct, frozen=True):
    """Price of one page move in any of the directions, in which lines are written too."""

    price_micros: int
    directions: tuple[str, ...]


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


def is_free(component: ComponentTerms) -> bool:
    """Whether nothing that this component counts can ever cost anything."""
    match component:
        case TimeTerms():
            return not component.minimum_micros and not any(p.numerator for p in component.prices)
        case VolumeTerms():
            return not any(tier.price.numerator or tier.fee_micros for tier in component.tiers)
        case ItemTerms():
            return not component.other_micros and not any(component.prices_micros.values())
        case FeeTerms() | PageTerms() | FlatTerms():
            return not component.price_micros
