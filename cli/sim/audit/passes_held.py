"""Bought passes as they were paid and as they are kept, held against what they must be.

Invariant: every comparison names both sides. It does not own either (``memberships``, ``outputs``).
"""

from collections import Counter
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from cli.sim.audit.book import Book
from cli.sim.audit.logged import Member
from cli.sim.audit.outputs import Outputs
from cli.sim.stores import Shelf

T = TypeVar("T")
# Member, tariff, content, period, beginning, end and price of a pass.
Paid = tuple[Member, str, str, str, int, int, int]


def check_passes(book: Book, outputs: Outputs, shelf: Shelf) -> Iterator[str]:
    """Each pass was paid once, for the stretch that it must cover, and renews when it must."""
    must: Counter[Paid] = Counter()
    renewing: Counter[tuple[Member, str, int]] = Counter()
    for member, held in book.accounts.memberships.all():
        tariff = held.tariff
        must[
            member, tariff.id, tariff.content, held.period, held.from_ms, held.to_ms, held.amount
        ] += 1
        if held.next_ms is not None:
            renewing[member, tariff.id, held.next_ms] += 1
    for paid, side in _differing(must, _paid(outputs)):
        yield f"pass {paid} {side}"
    for due, side in _differing(renewing, _renewing(shelf)):
        yield f"renewal {due} {side}"
    index: Counter[tuple[Member, str, int]] = Counter()
    for field, value in shelf.now.contents().get("renewals", {}).items():
        tenant, name, tariff_id = field.decode().split("\x1f")
        index[(tenant, name), tariff_id, msgspec.msgpack.decode(value[1:])[0]] += 1
    for due, side in _differing(renewing, index):
        yield f"renewal {due} {side} where ticks look for it"


def _differing(must: Counter[T], found: Counter[T]) -> Iterator[tuple[T, str]]:
    for each in {*must, *found}:
        if must[each] != found[each]:
            yield each, f"is there {found[each]} times, must be {must[each]} times"


def _paid(outputs: Outputs) -> Counter[Paid]:
    found: Counter[Paid] = Counter()
    for _, transfer in outputs.transfers:
        if transfer.cause == "pass" and transfer.lines[0].to_ms:
            (line,) = transfer.lines
            member = (transfer.tenant, transfer.member)
            found[
                member, transfer.tariff, transfer.content, line.meter,
                line.from_ms, line.to_ms, line.amount_micros,
            ] += 1  # fmt: skip
    return found


def _renewing(shelf: Shelf) -> Counter[tuple[Member, str, int]]:
    found: Counter[tuple[Member, str, int]] = Counter()
    for field, value in shelf.now.contents().get("bought", {}).items():
        tenant, name = field.decode().split("\x1f")
        (by_tariff,) = msgspec.msgpack.decode(value[1:])
        for tariff, passes in by_tariff.items():
            for each in passes:
                if each[7]:
                    found[(tenant, name), tariff, each[7]] += 1
    return found
