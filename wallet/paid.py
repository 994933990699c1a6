"""What paid for a use, and where what is given back of it goes.

Invariant: the parts sum to what the use has cost; what was paid last is given back first, so a use
that is charged more, then less, then more again comes back to where it was.
"""

from collections.abc import Sequence

from schemas.buckets import Bucket, Part, Parts

# Of a use; of more, the oldest are summed by bucket and their lots forgotten.
PARTS_MAX = 12


def with_parts(paid: Parts, more: Sequence[Part]) -> Parts:
    """What paid, with what pays now.

    Args:
        paid: In the order of paying.
        more: After these.
    """
    for part in more:
        paid = with_part(paid, part)
    return paid


def with_part(paid: Parts, part: Part) -> Parts:
    """What paid, with one part more."""
    if paid:
        last = paid[-1]
        if last.lot == part.lot and last.bucket == part.bucket:
            return (*paid[:-1], _of(last, last.amount_micros + part.amount_micros))
    parts = (*paid, part)
    return parts if len(parts) <= PARTS_MAX else _shortened(parts)


def taken_back(paid: Parts, amount_micros: int) -> tuple[Parts, list[Part]]:
    """Splits off what is to be given back.

    Args:
        paid: In the order of paying.
        amount_micros: To be given back, at least 0.

    Returns:
        What still pays, and the parts to be given back, those that were paid last first; what goes
        beyond all that was paid is of no known lot of cash.
    """
    parts, back = list(paid), list[Part]()
    while amount_micros and parts:
        part = parts.pop()
        taken = min(part.amount_micros, amount_micros)
        amount_micros -= taken
        back.append(_of(part, taken))
        if taken < part.amount_micros:
            parts.append(_of(part, part.amount_micros - taken))
    if amount_micros:
        back.append(Part(0, Bucket.CASH, amount_micros))
    return tuple(parts), back


def _shortened(parts: Parts) -> Parts:
    """The newest parts; before them the others by bucket, each ending with the first of them."""
    newest = parts[-PARTS_MAX // 2 :]
    older: dict[str, Part] = {}
    for part in parts[: -PARTS_MAX // 2]:
        known = older.get(part.bucket, Part(0, part.bucket, 0))
        ends = [each for each in (known.expires_ms, part.expires_ms) if each]
        amount = known.amount_micros + part.amount_micros
        older[part.bucket] = Part(0, part.bucket, amount, min(ends, default=0))
    return (*older.values(), *newest)


def _of(part: Part, amount_micros: int) -> Part:
    return Part(part.lot, part.bucket, amount_micros, part.expires_ms)
