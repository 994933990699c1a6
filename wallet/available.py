"""What a wallet holds and what of it may be spent.

Invariant: ``available`` is the one answer to "may this be spent"; nobody else computes it.
"""

from schemas.money import AMOUNT_MAX
from wallet.lots import Use, fits
from wallet.wallet import Wallet


def posted(wallet: Wallet) -> int:
    """What entries have moved, in micro-units: all lots less debt; negative in debt."""
    return wallet.lots_micros - wallet.debt_micros


def spendable(wallet: Wallet, use: Use) -> int:
    """What the lots hold that may pay for a use, in micro-units."""
    return sum(lot.amount_micros for lot in wallet.lots if fits(lot, use))


def available(wallet: Wallet, credit_limit_micros: int, use: Use) -> int:
    """What may still be spent: spendable lots, less holds, plus the credit limit, less debt.

    No wallet has holds yet, so they are 0 here. A lot that pays for some kinds of charges alone
    counts whole.

    Args:
        wallet: Whose.
        credit_limit_micros: How far below zero it may go, at least 0.
        use: What for, and when.

    Returns:
        Micro-units; negative when use went beyond the limit. At most the largest amount, beyond
        which nothing can be asked for at once.
    """
    return min(spendable(wallet, use) - wallet.debt_micros + credit_limit_micros, AMOUNT_MAX)
