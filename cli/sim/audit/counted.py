"""What a total costs: free units, increments, tiers; and items and pages one by one.

Invariant: shares nothing with ``rating``; a total is priced as a whole, from its first unit.
"""

from collections.abc import Iterator, Mapping
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


def row(
    words: Words, before: int, by_rate: Mapping[int, int], whole: int, *, owes_fee: bool
) -> Iterator[tuple[int, Rung]]:
    """What it costs that a total grew by units of several rates, by tier, then by rate.

    All of them stand in one row, the dearest first, and each costs as if the row were of its rate.

    Args:
        words: A component with rates.
        before: What the total was.
        by_rate: Units by place of the rate: 0 for the base, then as declared.
        whole: What the total comes to in the end.
        owes_fee: See ``growth_in_tier``.
    """
    found: list[tuple[int, int, Rung]] = []
    for place in sorted(by_rate, key=lambda each: (*(-p for p in _prices(words, each)), each)):
        after = before + by_rate[place]
        own = _at_rate(words, place)
        if words.get("tiers") and words.get("mode") == "volume":
            rungs = [*growth_in_tier(own, before, after, whole, owes_fee=owes_fee)]
            owes_fee = owes_fee and not any(rung.quantity for rung in rungs)
            if not any(rung.quantity for rung in rungs):
                rungs = []
        else:
            rungs = [*growth(own, before, after)]
        name = words["rates"][place - 1]["name"] if place else ""
        for rung in rungs:
            called = rung._replace(rate=f"{rung.rate} {name}".strip())
            found.append((int(rung.rate.removeprefix("tier ") or 0), place, called))
        before = after
    yield from ((place, rung) for _, place, rung in sorted(found, key=lambda each: each[:2]))


def _at_rate(words: Words, place: int) -> Words:
    """A component whose prices are those of one rate."""
    prices = _texts(words, place)
    if words.get("tiers"):
        tiers = [
            {**tier, "price": price} for tier, price in zip(words["tiers"], prices, strict=True)
        ]
        return {**words, "tiers": tiers}
    return {**words, "price": prices[0]}


def _texts(words: Words, place: int) -> list[str]:
    if place:
        rate = words["rates"][place - 1]
        return list(rate.get("prices") or [rate["price"]])
    if words.get("tiers"):
        return [tier["price"] for tier in words["tiers"]]
    # Of a period: a rate that it does not know, and no price outside rates.
    return [words.get("price") or max((r["price"] for r in words["rates"]), key=Fraction)]


def _prices(words: Words, place: int) -> list[Fraction]:
    return [Fraction(text) for text in _texts(words, place)]


def _tier_of(words: Words, units: int) -> tuple[int, Words]:
    for number, tier in enumerate(words["tiers"], 1):
        if tier.get("up_to") is None or units <= int(tier["up_to"]):
            return number, tier
    raise ValueError(words)


def _each(tier: Words, per: int) -> Fraction:
    return Fraction(tier["price"]) * MICROS / per


def items_of(
    words: Words, use: Use, from_ms: int, until_ms: int, rate: Words | None = None
) -> Iterator[tuple[str, Rung]]:
    """What items cost, used from a moment to another; at a rate by the clock if one is given."""
    prices = words.get("prices", {})
    for item, quantity in sorted(use.items(from_ms, until_ms).items()):
        price = prices.get(item, words.get("other") or "0")
        if rate is not None:
            price = rate.get("prices", {}).get(item, rate.get("other") or price)
        name = "" if rate is None else rate["name"]
        yield item, Rung(name, quantity, Fraction(quantity * micros(price)))


def pages_of(
    words: Words, use: Use, from_ms: int, until_ms: int, rate: Words | None = None
) -> Iterator[tuple[str, Rung]]:
    """What page moves cost, made from a moment to another; at a rate if one is given."""
    price, name = (words.get("price"), "") if rate is None else (rate["price"], rate["name"])
    is_both = words.get("direction", "forward") == "both"
    for direction, moves in sorted(use.pages(from_ms, until_ms).items()):
        if is_both or direction in FORWARD:
            yield direction, Rung(name, moves, Fraction(moves * micros(price or "0")))
