"""What a low-balance signal says can still be used, checked against the catalogue's words.

Invariant: shares nothing with ``rating``: what is told must be paid for by the amount left, and one
unit more must not; what is not told must not run out within the product's bounds.
It does not own whether the signal had to come (``book``).
"""

from collections.abc import Iterator

from cli.sim.audit.lives import Life
from cli.sim.audit.logged import Told
from cli.sim.audit.prices import price_of
from cli.sim.audit.terms import Tariff
from cli.sim.audit.used import More, Use

Thing = tuple[str, str]
TIME: Thing = ("time", "s")
BOUND_S = 2_678_400
BOUND_UNITS = 2**40


def check_remaining(told: Told, life: Life) -> Iterator[str]:
    """Faults of one low-balance signal about an open life."""
    tariff, used = life.terms, life.use
    if tariff is None:
        yield f"record {told.log_offset}: low_balance for {told.name} of unknown content"
        return
    paid = price_of(tariff, used).total
    said = {(kind, meter): units for kind, meter, units in told.remaining}
    things = _things(tariff, used.end_ms)
    if list(said) != [each for each in things if each in said]:
        yield f"record {told.log_offset}: {told.name} may still use {list(said)} of {things}"
    for thing in things:
        bound = BOUND_S if thing == TIME else BOUND_UNITS
        units = said.get(thing, bound)
        if _cost(tariff, used, thing, units) - paid > told.available:
            yield f"record {told.log_offset}: {units} of {thing} are not paid for {told.name}"
        if thing in said and _cost(tariff, used, thing, units + 1) - paid <= told.available:
            yield f"record {told.log_offset}: more than {units} of {thing} are paid {told.name}"


def _things(tariff: Tariff, at_ms: int) -> list[Thing]:
    """All that the tariff counts at a moment, in the order in which it is told."""
    parts = tariff.version_at(at_ms).components
    kinds = {part["kind"] for part in parts}
    meters = sorted(part["meter"] for part in parts if part["kind"] == "volume")
    pages = [part.get("direction", "forward") for part in parts if part["kind"] == "page"]
    ways = ["backward", "forward", "jump"] if "both" in pages else ["forward", "jump"]
    return [
        *([TIME] if "time" in kinds else []),
        *(("volume", meter) for meter in meters),
        *(("page", way) for way in ways if pages),
    ]


def _cost(tariff: Tariff, used: Use, thing: Thing, units: int) -> int:
    """What the use comes to with so much more of one thing."""
    kind, name = thing
    if kind == "time":
        more = used._replace(end_ms=used.end_ms + units * 1_000)
    else:
        more = used._replace(more=[More(used.end_ms, kind, name, units)])
    return price_of(tariff, more).total
