"""What a wallet holds and what of it may be spent.

Invariant: ``available`` is the one answer to "may this be spent"; nobody else computes it.
"""

from schemas.money import AMOUNT_MAX
from wallet.lots import CAPTURE, Use, fits
from wallet.wallet import Wallet


def posted(wallet: Wallet) -> int:
    """What entries have moved, in micro-units: all lots less debt; negative in debt."""
    return wallet.lots_micros - wallet.debt_micros


def spendable(wallet: Wallet, use: Use) -> int:
    """What the lots hold that may pay for a use, in micro-units."""
    return sum(lot.amount_micros for lot in wallet.lots if fits(lot, use))


def held(wallet: Wallet, use: Use) -> int:
    """What of the lots that may pay for a use is set aside for others, in micro-units.

    A hold is covered first by lots that may pay for it and not for this use. What stands behind
    the grant of the session that uses it is not set aside for others.
    """
    holds = [each for each in wallet.holds if not each.session or each.session != use.session]
    if not holds:
        return 0
    beside = {lot.id: lot.amount_micros for lot in wallet.lots if not fits(lot, use)}
    if not beside:
        return sum(each.held_micros for each in holds)
    total = 0
    for hold in holds:
        left = hold.held_micros
        its_use = Use(use.at_ms, hold.content, hold.provider, CAPTURE)
        for lot in wallet.lots:
            if left and beside.get(lot.id) and fits(lot, its_use):
                part = min(left, beside[lot.id])
                beside[lot.id] -= part
                left -= part
        total += left
    return total


def available(wallet: Wallet, credit_limit_micros: int, use: Use) -> int:
    """What may still be spent: spendable lots, less holds, plus the credit limit, less debt.

    Nothing of a frozen wallet may be spent. A lot that pays for some kinds of charges alone counts
    whole, unless the use is of others.

    Args:
        wallet: Whose.
        credit_limit_micros: How far below zero it may go, at least 0.
        use: What for, and when.

    Returns:
        Micro-units; negative when use went beyond the limit. At most the largest amount, beyond
        which nothing can be asked for at once.
    """
    free = spendable(wallet, use) - held(wallet, use) - wallet.debt_micros
    return min(free + credit_limit_micros, 0 if wallet.frozen else AMOUNT_MAX)


def giveable(wallet: Wallet, use: Use) -> int:
    """Cash that may leave for another's wallet: what is available without credit, at most all cash.

    Args:
        wallet: Whose.
        use: None of content; when.
    """
    return min(wallet.cash_micros, available(wallet, 0, use))
