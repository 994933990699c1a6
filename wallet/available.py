"""What a wallet holds and what of it may be spent.

Invariant: ``available`` is the one answer to "may this be spent"; nobody else computes it.
"""

from schemas.money import AMOUNT_MAX
from wallet.wallet import Wallet


def posted(wallet: Wallet) -> int:
    """What entries have moved, in micro-units: cash less debt; negative in debt."""
    return wallet.cash_micros - wallet.debt_micros


def available(wallet: Wallet, credit_limit_micros: int) -> int:
    """What may still be spent: spendable cash, less holds, plus the credit limit, less debt.

    No wallet has holds yet, so they are 0 here.

    Args:
        wallet: Whose.
        credit_limit_micros: How far below zero it may go, at least 0.

    Returns:
        Micro-units; negative when use went beyond the limit. At most the largest amount, beyond
        which nothing can be asked for at once.
    """
    return min(posted(wallet) + credit_limit_micros, AMOUNT_MAX)
