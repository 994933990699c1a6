"""Rounding by name: how a running total that is finer than a micro-unit becomes a whole one.

Invariant: the exact amount is a fraction of two ints, so no digit is lost before the rounding.
It does not own when to round: once, on the total of a component within its scope.
"""

from collections.abc import Callable
from typing import Literal

RoundingName = Literal["half_up", "down", "up"]
Rounding = Callable[[int, int], int]


def half_up(numerator: int, denominator: int) -> int:
    """The nearest whole number; exactly half goes up. Takes numerator >= 0, denominator > 0."""
    return (2 * numerator + denominator) // (2 * denominator)


def down(numerator: int, denominator: int) -> int:
    """The whole number at or below. Takes numerator >= 0, denominator > 0."""
    return numerator // denominator


def up(numerator: int, denominator: int) -> int:
    """The whole number at or above. Takes numerator >= 0, denominator > 0."""
    return -(-numerator // denominator)


ROUNDINGS: dict[RoundingName, Rounding] = {"half_up": half_up, "down": down, "up": up}
