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
    parts = list(paid)
    for part in more:
        if parts and parts[-1][:2] == part[:2]:
            known = parts.pop().amount_micros
            parts.append(Part(part.lot, part.bucket, known + part.amount_micros))
        else:
            parts.append(part)
    return tuple(parts) if len(parts) <= PARTS_MAX else _shortened(parts)


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
        back.append(Part(part.lot, part.bucket, taken))
        if taken < part.amount_micros:
            parts.append(Part(part.lot, part.bucket, part.amount_micros - taken))
    if amount_micros:
        back.append(Part(0, Bucket.CASH, amount_micros))
    return tuple(parts), back


def _shortened(parts: list[Part]) -> Parts:
    """The newest parts, and before them the others by bucket."""
    newest = parts[-PARTS_MAX // 2 :]
    older: dict[str, int] = {}
    for part in parts[: -PARTS_MAX // 2]:
        older[part.bucket] = older.get(part.bucket, 0) + part.amount_micros
    return (*(Part(0, bucket, amount) for bucket, amount in older.items()), *newest)
