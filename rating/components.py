"""The parts of a tariff as numbers: each counts one thing and says what it costs.

Invariant: a component is ints only, checked when it was compiled (``rating.compiling``); so
pricing neither parses nor can fail on a document.
"""

import msgspec

from rating.periods import PeriodKind


class TimeTerms(msgspec.Struct, frozen=True):
    """Price of length: ``numerator / denominator`` micro-units a charged second.

    Args:
        numerator: At least 0.
        denominator: More than 0.
        first_ms: First increment.
        next_ms: Later increments.
        free_ms: At the start, free.
        minimum_micros: Least amount once anything is charged.
    """

    numerator: int
    denominator: int
    first_ms: int
    next_ms: int
    free_ms: int
    minimum_micros: int


class VolumeTerms(msgspec.Struct, frozen=True):
    """Price of a meter's total above ``free``: ``numerator / denominator`` micro-units a unit."""

    meter: str
    numerator: int
    denominator: int
    free: int


class ItemTerms(msgspec.Struct, frozen=True):
    """Price of an item by its id; ``other_micros`` for those that are not named."""

    prices_micros: dict[str, int]
    other_micros: int


class PageTerms(msgspec.Struct, frozen=True):
    """Price of one page move in any of the directions, in which lines are written too."""

    price_micros: int
    directions: tuple[str, ...]


class FlatTerms(msgspec.Struct, frozen=True):
    """Price of one pass for a calendar period."""

    price_micros: int
    period: PeriodKind


ComponentTerms = TimeTerms | VolumeTerms | ItemTerms | PageTerms | FlatTerms


def is_free(component: ComponentTerms) -> bool:
    """Whether nothing that this component counts can ever cost anything."""
    match component:
        case TimeTerms():
            return not component.numerator and not component.minimum_micros
        case VolumeTerms():
            return not component.numerator
        case ItemTerms():
            return not component.other_micros and not any(component.prices_micros.values())
        case PageTerms() | FlatTerms():
            return not component.price_micros
