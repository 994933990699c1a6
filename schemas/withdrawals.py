"""Withdrawals: money that leaves to an account outside, as wire, state and answers tell it.

Invariant: an account is known by an opaque reference alone, such as the token of whoever pays out;
nothing of a bank's stands in log, state or ledger. From the request on the money is in no lot; it
is paid once, or goes back to the lots that it came from. It does not own the rules
(``shard.withdrawing``).
"""

from enum import StrEnum
from typing import Final

import msgspec

from schemas.buckets import Parts

# Of a member.
ACCOUNTS_MAX: Final = 8
ACCOUNT_CHARS_MAX: Final = 128
REFERENCE_CHARS_MAX: Final = 256
# Of a wallet: those that go on, and as many of the ended as there is room for.
KEPT_MAX: Final = 32
# What limits of a day sum over, back from each request.
DAY_MS: Final = 86_400_000
# Who approved what the tenant's terms let pass by themselves.
BY_RULE: Final = "rule"


class WithdrawalState(StrEnum):
    """Where a withdrawal stands."""

    REQUESTED = "requested"
    APPROVED = "approved"
    PAID = "paid"
    REJECTED = "rejected"
    FAILED = "failed"
    RETURNED = "returned"


class Account(msgspec.Struct, frozen=True, array_like=True):
    """Where a member's money may go.

    Args:
        id: Opaque reference to it at whoever pays out.
        is_proved: Whether somebody has made sure that it is the member's.
    """

    id: str
    is_proved: bool = False


class Withdrawal(msgspec.Struct, frozen=True, array_like=True):
    """Money of a member that is to leave, has left, or came back.

    Args:
        id: Its number among the wallet's.
        account: Where it goes.
        amount_micros: What left the lots.
        fee_micros: What of it the tenant keeps once it is paid, as agreed at the request.
        state: A ``WithdrawalState``.
        requested_ms: When the request was decided.
        changed_ms: When it came to its state.
        parts: The lots that it came from; empty once it has gone back.
        reference: The caller's own name for it.
        approver: API key id of who approved it, or ``BY_RULE``, or empty.
        outside: The payment's reference at whoever paid, or empty.
        reason: Why it was rejected, failed or was returned, or empty.
    """

    id: int
    account: str
    amount_micros: int
    fee_micros: int
    state: str
    requested_ms: int
    changed_ms: int
    parts: Parts = ()
    reference: str = ""
    approver: str = ""
    outside: str = ""
    reason: str = ""

    @property
    def is_aside(self) -> bool:
        """Whether its money stands between wallet and world."""
        return self.state in {WithdrawalState.REQUESTED, WithdrawalState.APPROVED}

    @property
    def counts(self) -> bool:
        """Whether the limit of its day counts it: it may be paid, or was and stayed so."""
        return self.is_aside or self.state == WithdrawalState.PAID


class KeepAccount(
    msgspec.Struct, frozen=True, array_like=True, tag="keep_account", tag_field="command"
):
    """An account is registered for a member, or proved to be theirs.

    Args:
        account: Its reference.
        is_proved: Whether it is proved; False of a proved one changes nothing.
    """

    account: str
    is_proved: bool


class DropAccount(
    msgspec.Struct, frozen=True, array_like=True, tag="drop_account", tag_field="command"
):
    """Nothing more goes to an account.

    Args:
        account: Its reference.
    """

    account: str


class AskWithdrawal(
    msgspec.Struct, frozen=True, array_like=True, tag="ask_withdrawal", tag_field="command"
):
    """A member wants money out.

    Args:
        account: Where to; registered and proved.
        amount_micros: What leaves the wallet, the fee in it; more than that.
        currency: ISO 4217 code; must be the wallet's.
        reference: The caller's own name for it.
    """

    account: str
    amount_micros: int
    currency: str
    reference: str = ""


class DecideWithdrawal(
    msgspec.Struct, frozen=True, array_like=True, tag="decide_withdrawal", tag_field="command"
):
    """What becomes of a withdrawal.

    Args:
        withdrawal: Its number.
        to: The ``WithdrawalState`` that it comes to.
        said: Of one that was paid the bank's reference, of one that goes back the reason.
    """

    withdrawal: int
    to: str
    said: str = ""


WithdrawalOrder = KeepAccount | DropAccount | AskWithdrawal | DecideWithdrawal
