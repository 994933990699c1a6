"""What changed between two cumulative prices of one scope, line by line.

Invariant: the old lines and their difference add up to the new lines, per (kind, meter, rate,
version). It does not own the movement of money that follows (``wallet.moves``).
"""

from collections.abc import Sequence

from schemas.ledger import ChargeLine


def difference(
    old_lines: Sequence[ChargeLine], new_lines: Sequence[ChargeLine]
) -> tuple[ChargeLine, ...]:
    """The lines that lead from an old price to a new one.

    Args:
        old_lines: Charged so far; (kind, meter, rate, version) is unique among them.
        new_lines: To be charged in all; likewise.

    Returns:
        Changes of quantity and amount that are not nothing: in the order of the new price, then
        what the old one had and the new one has not. Time that only grew at its end begins where
        the old line ended.
    """
    changes: list[ChargeLine] = []
    if len(old_lines) == len(new_lines):
        for line, before in zip(new_lines, old_lines, strict=True):
            if (
                line.kind != before.kind
                or line.meter != before.meter
                or line.rate != before.rate
                or line.version != before.version
            ):
                break
            _compare(line, before, changes)
        else:
            return tuple(changes)
        changes = []
    known = {(line.kind, line.meter, line.rate, line.version): line for line in old_lines}
    for line in new_lines:
        old = known.pop((line.kind, line.meter, line.rate, line.version), None)
        if old is not None:
            _compare(line, old, changes)
        elif line.quantity or line.amount_micros:
            changes.append(line)
    changes.extend(
        _changed(line, -line.quantity, -line.amount_micros, line.from_ms)
        for line in known.values()
        if line.quantity or line.amount_micros
    )
    return tuple(changes)


def _compare(line: ChargeLine, before: ChargeLine, changes: list[ChargeLine]) -> None:
    quantity = line.quantity - before.quantity
    amount = line.amount_micros - before.amount_micros
    if quantity or amount:
        grew = before.from_ms == line.from_ms and line.to_ms > before.to_ms
        from_ms = before.to_ms if grew else line.from_ms
        changes.append(_changed(line, quantity, amount, from_ms))


def _changed(line: ChargeLine, quantity: int, amount: int, from_ms: int) -> ChargeLine:
    return ChargeLine(
        line.kind,
        line.meter,
        quantity,
        amount,
        line.rate,
        line.version,
        line.price,
        from_ms,
        line.to_ms,
    )
