"""What a total costs: free units, increments, tiers; and items and pages one by one.

Invariant: shares nothing with ``rating``; a total is priced as a whole, from its first unit.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from cli.sim.audit.terms import MICROS, Words, micros
from cli.sim.audit.used import Use

FORWARD = ("forward", "jump")


class Rung(NamedTuple):
    """A part of a total's price.

    Args:
        rate: Name of the tier, or nothing.
        quantity: Units.
        exact: What they cost, in micro-units.
    """

    rate: str
    quantity: int
    exact: Fraction


def charged_units(words: Words, total: int) -> int:
    """Units that are paid: above the free ones, every started increment."""
    increment = int(words.get("increment", 1))
    above = max(0, total - int(words.get("free", 0)))
    return -(-above // increment) * increment


def price_of_total(words: Words, total: int) -> list[Rung]:
    """What a total costs by itself; one rung per tier, of nothing where none of its units is used.

    Of a ladder whose ``mode`` is ``volume`` see ``growth_in_tier``.
    """
    units, per = charged_units(words, total), int(words.get("per", 1))
    tiers: list[dict[str, Any]] = words.get("tiers") or []
    if not tiers:
        return [Rung("", total, units * Fraction(words["price"]) * MICROS / per)]
    rungs: list[Rung] = []
    below = 0
    for number, tier in enumerate(tiers, 1):
        top = units if tier.get("up_to") is None else min(units, int(tier["up_to"]))
        inside = max(0, top - below)
        fee = micros(tier.get("fee", "0")) if inside else 0
        rungs.append(Rung(f"tier {number}", inside, inside * _each(tier, per) + fee))
        below = max(below, top)
    return rungs


def growth(words: Words, before: int, after: int) -> Iterator[Rung]:
    """What it costs that a total grew from one to another, each unit at its tier's price."""
    for old, new in zip(price_of_total(words, before), price_of_total(words, after), strict=True):
        yield Rung(new.rate, new.quantity - old.quantity, new.exact - old.exact)


def growth_in_tier(
    words: Words, before: int, after: int, whole: int, *, owes_fee: bool
) -> Iterator[Rung]:
    """What it costs that a total grew, all units at the price of the tier that the whole is in.

    Args:
        words: A component whose ``mode`` is ``volume``.
        before: What the total was.
        after: What it is.
        whole: What it comes to in the end.
        owes_fee: Whether its charged units are the last that grew.
    """
    units = charged_units(words, after) - charged_units(words, before)
    number, tier = _tier_of(words, charged_units(words, whole))
    fee = micros(tier.get("fee", "0")) if owes_fee else 0
    yield Rung(f"tier {number}", units, units * _each(tier, int(words.get("per", 1))) + fee)


def _tier_of(words: Words, units: int) -> tuple[int, Words]:
    for number, tier in enumerate(words["tiers"], 1):
        if tier.get("up_to") is None or units <= int(tier["up_to"]):
            return number, tier
    raise ValueError(words)


def _each(tier: Words, per: int) -> Fraction:
    return Fraction(tier["price"]) * MICROS / per


def items_of(words: Words, use: Use, from_ms: int, until_ms: int) -> Iterator[tuple[str, Rung]]:
    """What items cost, used from a moment to another."""
    prices = words.get("prices", {})
    for item, quantity in sorted(use.items(from_ms, until_ms).items()):
        price = prices.get(item, words.get("other") or "0")
        yield item, Rung("", quantity, Fraction(quantity * micros(price)))


def pages_of(words: Words, use: Use, from_ms: int, until_ms: int) -> Iterator[tuple[str, Rung]]:
    """What page moves cost, made from a moment to another."""
    is_both = words.get("direction", "forward") == "both"
    for direction, moves in sorted(use.pages(from_ms, until_ms).items()):
        if is_both or direction in FORWARD:
            yield direction, Rung("", moves, Fraction(moves * micros(words["price"])))
