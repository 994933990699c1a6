"""Withdrawals of a wallet, and the accounts that they go to: asked for, changed, forgotten.

Invariant: every function is pure and moves no money; one that goes on, or was asked for within the
last day, is never forgotten, so no limit of a day forgets what it counted.
"""

import msgspec

from schemas.errors import BrokenInvariant
from schemas.withdrawals import ACCOUNTS_MAX, DAY_MS, KEPT_MAX, Account, Withdrawal
from wallet.wallet import Wallet


class AccountsTooMany(BrokenInvariant):
    """A wallet cannot keep another account."""


class WithdrawalsTooMany(BrokenInvariant):
    """A wallet cannot keep another withdrawal."""


def account_of(wallet: Wallet, name: str) -> Account | None:
    """A registered account, or None."""
    return next((each for each in wallet.accounts if each.id == name), None)


def with_account(wallet: Wallet, name: str, *, is_proved: bool) -> Wallet:
    """The wallet with an account; what was proved stays so.

    Raises:
        AccountsTooMany: It has ``ACCOUNTS_MAX`` others.
    """
    known = account_of(wallet, name)
    others = tuple(each for each in wallet.accounts if each.id != name)
    if len(others) >= ACCOUNTS_MAX:
        raise AccountsTooMany(
            f"member {wallet.member!r} has {ACCOUNTS_MAX} accounts; remove one of them first"
        )
    made = Account(name, is_proved or (known is not None and known.is_proved))
    accounts = tuple(sorted((*others, made), key=lambda each: each.id))
    return msgspec.structs.replace(wallet, accounts=accounts)


def without_account(wallet: Wallet, name: str) -> Wallet:
    """The wallet without an account."""
    accounts = tuple(each for each in wallet.accounts if each.id != name)
    return msgspec.structs.replace(wallet, accounts=accounts)


def withdrawal_of(wallet: Wallet, number: int) -> Withdrawal | None:
    """One that goes on, or of the latest that ended."""
    return next((each for each in wallet.withdrawals if each.id == number), None)


def asked_since(wallet: Wallet, at_ms: int) -> int:
    """What was asked for within the day before a moment and may be paid, or was."""
    return sum(
        each.amount_micros
        for each in wallet.withdrawals
        if each.counts and each.requested_ms > at_ms - DAY_MS
    )


def with_withdrawal(wallet: Wallet, asked: Withdrawal) -> Wallet:
    """The wallet with one more, under the next number.

    Where there is no room, the oldest that has ended makes it.

    Args:
        wallet: After its money left the lots.
        asked: Its number is given here.

    Raises:
        WithdrawalsTooMany: Of ``KEPT_MAX`` none may be forgotten yet.
    """
    kept = wallet.withdrawals
    if len(kept) >= KEPT_MAX:
        until_ms = asked.requested_ms - DAY_MS
        gone = next((e for e in kept if not e.is_aside and e.requested_ms <= until_ms), None)
        if gone is None:
            raise WithdrawalsTooMany(
                f"member {wallet.member!r} has {KEPT_MAX} withdrawals that go on or are of today"
            )
        kept = tuple(each for each in kept if each.id != gone.id)
    number = wallet.withdrawals_made + 1
    made = msgspec.structs.replace(asked, id=number)
    return msgspec.structs.replace(wallet, withdrawals=(*kept, made), withdrawals_made=number)


def with_changed(wallet: Wallet, changed: Withdrawal) -> Wallet:
    """The wallet with what became of one."""
    withdrawals = tuple(changed if e.id == changed.id else e for e in wallet.withdrawals)
    return msgspec.structs.replace(wallet, withdrawals=withdrawals)
