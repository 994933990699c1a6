"""What changed between two cumulative prices of one scope, line by line.

Invariant: the old lines and their difference add up to the new lines, per (kind, meter).
It does not own the movement of money that follows (``wallet.moves``).
"""

from collections.abc import Sequence

from schemas.ledger import ChargeLine


def difference(
    old_lines: Sequence[ChargeLine], new_lines: Sequence[ChargeLine]
) -> tuple[ChargeLine, ...]:
    """The lines that lead from an old price to a new one.

    Args:
        old_lines: Charged so far; (kind, meter) is unique among them.
        new_lines: To be charged in all; likewise.

    Returns:
        Changes of quantity and amount that are not nothing: in the order of the new price, then
        what the old one had and the new one has not.
    """
    known = {(line.kind, line.meter): line for line in old_lines}
    changes: list[ChargeLine] = []
    for line in new_lines:
        before = known.pop((line.kind, line.meter), None)
        quantity = line.quantity - (before.quantity if before else 0)
        amount = line.amount_micros - (before.amount_micros if before else 0)
        if quantity or amount:
            changes.append(ChargeLine(line.kind, line.meter, quantity, amount))
    changes.extend(
        ChargeLine(line.kind, line.meter, -line.quantity, -line.amount_micros)
        for line in known.values()
        if line.quantity or line.amount_micros
    )
    return tuple(changes)
