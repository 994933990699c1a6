"""Rounding by name: how a running total that is finer than a micro-unit becomes a whole one.

Invariant: the exact amount is a fraction of two ints, so no digit is lost before the rounding.
It does not own when to round: once, on the total of a component within its scope.
"""

from collections.abc import Callable
from typing import Literal

from schemas.money import checked

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


class Running:
    """A total that is exact inside and rounded outside, told piece by piece.

    The pieces sum to the rounded total, so nothing is lost or won by cutting.

    Args:
        rounding: Of the total.
    """

    def __init__(self, rounding: Rounding) -> None:
        self.told = 0
        self._rounding = rounding
        self._numerator = 0
        self._denominator = 1

    def add(self, numerator: int, denominator: int) -> int:
        """By how much an exact part of ``numerator / denominator`` makes the rounded total grow.

        Raises:
            BrokenInvariant: The total is beyond the largest amount.
        """
        if denominator == self._denominator:
            self._numerator += numerator
        else:
            self._numerator = self._numerator * denominator + numerator * self._denominator
            self._denominator *= denominator
        total = checked(self._rounding(self._numerator, self._denominator))
        grown, self.told = total - self.told, total
        return grown
