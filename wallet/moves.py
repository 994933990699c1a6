"""Movements of a wallet: each returns the wallet after it and the ledger entries that say so.

Invariant: a movement's entries sum to the change of the posted balance; cash and debt are never
both positive, because use takes cash before it makes debt and money in pays debt before cash.
It does not own the entries' counterparts (provider, platform, world).
"""

from typing import NamedTuple

import msgspec

from schemas.errors import BrokenInvariant
from schemas.ledger import Entry, member_account
from schemas.money import checked
from wallet.wallet import Wallet

CASH = "cash"
DEBT = "debt"


class Moved(NamedTuple):
    """What a movement came to: the wallet after it, and its entries, none of them of zero."""

    wallet: Wallet
    entries: tuple[Entry, ...]


def debit(wallet: Wallet, amount_micros: int) -> Moved:
    """Books use: cash first, and what cash does not cover as debt. Use is never refused here.

    Args:
        wallet: Before.
        amount_micros: At least 0.

    Raises:
        BrokenInvariant: A negative amount, or an amount or debt beyond the largest.
    """
    amount = _positive(amount_micros)
    from_cash = min(amount, wallet.cash_micros)
    return _moved(wallet, -from_cash, from_cash - amount)


def give_back(wallet: Wallet, amount_micros: int) -> Moved:
    """Returns what was taken too much: debt shrinks first, the rest is cash again.

    Args:
        wallet: Before.
        amount_micros: At least 0.

    Raises:
        BrokenInvariant: A negative amount, or an amount or cash beyond the largest.
    """
    return _credit(wallet, amount_micros)


def top_up(wallet: Wallet, amount_micros: int) -> Moved:
    """Books money from outside: debt is collected first, the rest is cash.

    Args:
        wallet: Before.
        amount_micros: At least 0.

    Raises:
        BrokenInvariant: A negative amount, or an amount or cash beyond the largest.
    """
    return _credit(wallet, amount_micros)


def _credit(wallet: Wallet, amount_micros: int) -> Moved:
    amount = _positive(amount_micros)
    to_debt = min(amount, wallet.debt_micros)
    return _moved(wallet, amount - to_debt, to_debt)


def _positive(amount_micros: int) -> int:
    if amount_micros < 0:
        raise BrokenInvariant(f"amount {amount_micros} to move is negative")
    return checked(amount_micros)


def _moved(wallet: Wallet, to_cash: int, to_debt: int) -> Moved:
    """Moves signed amounts; a debt bucket's balance is negative, so a gain makes debt smaller."""
    cash = checked(wallet.cash_micros + to_cash)
    debt = checked(wallet.debt_micros - to_debt)
    entries: list[Entry] = []
    if to_cash:
        entries.append(Entry(member_account(wallet.member, CASH), to_cash, cash))
    if to_debt:
        entries.append(Entry(member_account(wallet.member, DEBT), to_debt, -debt))
    if not entries:
        return Moved(wallet, ())
    # Money in pays debt before it is cash, and its entries stand in that order.
    if to_debt > 0:
        entries.reverse()
    after = msgspec.structs.replace(wallet, cash_micros=cash, debt_micros=debt)
    return Moved(after, tuple(entries))
