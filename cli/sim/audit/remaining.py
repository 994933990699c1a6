"""What a low-balance signal says can still be used, checked against the catalogue's words.

Invariant: shares nothing with ``rating``: what is told must be paid for by the amount left, and one
unit more must not; what is not told must not run out within the product's bounds.
It does not own whether the signal had to come (``book``).
"""

from collections.abc import Iterator
from typing import Any

from cli.sim.audit.lives import Life
from cli.sim.audit.logged import Told
from cli.sim.audit.prices import Tariff, Totals, cost

Thing = tuple[str, str]
TIME: Thing = ("time", "s")
BOUND_S = 2_678_400
BOUND_UNITS = 2**40


def check_remaining(told: Told, life: Life) -> Iterator[str]:
    """Faults of one low-balance signal about an open life."""
    tariff, used = life.tariff, life.used()
    if tariff is None:
        yield f"record {told.log_offset}: low_balance for {told.name} of unknown content"
        return
    paid = cost(tariff, used)
    said = {(kind, meter): units for kind, meter, units in told.remaining}
    things = _things(tariff)
    if list(said) != [each for each in things if each in said]:
        yield f"record {told.log_offset}: {told.name} may still use {list(said)} of {things}"
    for thing in things:
        bound = BOUND_S if thing == TIME else BOUND_UNITS
        units = said.get(thing, bound)
        if cost(tariff, _more(used, thing, units)) - paid > told.available:
            yield f"record {told.log_offset}: {units} of {thing} are not paid for {told.name}"
        if thing in said and cost(tariff, _more(used, thing, units + 1)) - paid <= told.available:
            yield f"record {told.log_offset}: more than {units} of {thing} are paid {told.name}"


def _things(tariff: Tariff) -> list[Thing]:
    """All that the tariff counts, in the order in which it is told."""
    parts: list[dict[str, Any]] = tariff.words["components"]
    kinds = {part["kind"] for part in parts}
    meters = sorted(part["meter"] for part in parts if part["kind"] == "volume")
    pages = [part.get("direction", "forward") for part in parts if part["kind"] == "page"]
    ways = ["backward", "forward", "jump"] if "both" in pages else ["forward", "jump"]
    return [
        *([TIME] if "time" in kinds else []),
        *(("volume", meter) for meter in meters),
        *(("page", way) for way in ways if pages),
    ]


def _more(used: Totals, thing: Thing, units: int) -> Totals:
    kind, name = thing
    if kind == "time":
        return used._replace(duration_ms=used.duration_ms + units * 1_000)
    counted = used.meters if kind == "volume" else used.pages
    more = {**counted, name: counted.get(name, 0) + units}
    return used._replace(meters=more) if kind == "volume" else used._replace(pages=more)
