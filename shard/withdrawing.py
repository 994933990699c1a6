"""Withdrawals: asked for where there is the money, approved, paid, or back where it came from.

Invariant: from the request on the money stands on ``withdrawals`` and in no lot, so nobody spends
it and a payment finds it; that account is what the wallets' own withdrawals say is aside. Each step
is taken from one state alone, so none is paid twice, nor paid and given back but by a return.
It does not own who pays, nor what an account stands for.
"""

from typing import Final, NamedTuple, assert_never

import msgspec

from rating.catalogue import PayoutTerms, TenantTerms
from schemas.commands import Command
from schemas.errors import BrokenInvariant
from schemas.ids import id_fault, member_field
from schemas.ledger import FEES, WITHDRAWALS, WORLD, Cause, Entry, Transfer
from schemas.money import text_from_amount
from schemas.withdrawals import (
    ACCOUNT_CHARS_MAX,
    BY_RULE,
    REFERENCE_CHARS_MAX,
    AskWithdrawal,
    DecideWithdrawal,
    DropAccount,
    KeepAccount,
    Withdrawal,
    WithdrawalOrder,
    WithdrawalState,
)
from shard.emission import Emission
from shard.exposure import exposed
from shard.freezing import frozen_fault, wallet_or_fault
from shard.refusal import Refusal
from shard.state import ShardState
from shard.waking import wake_for
from wallet.available import lasting, leaving
from wallet.moves import give_back, pay_out
from wallet.wallet import Wallet
from wallet.withdrawals import (
    AccountsTooMany,
    WithdrawalsTooMany,
    account_of,
    asked_since,
    with_account,
    with_changed,
    with_withdrawal,
    withdrawal_of,
    without_account,
)

# From which state each other one is reached, and the cause of what it moves.
_STEPS: Final[dict[str, tuple[WithdrawalState, Cause | None]]] = {
    WithdrawalState.APPROVED: (WithdrawalState.REQUESTED, None),
    WithdrawalState.REJECTED: (WithdrawalState.REQUESTED, Cause.WITHDRAWAL_REJECTED),
    WithdrawalState.PAID: (WithdrawalState.APPROVED, Cause.WITHDRAWAL_PAID),
    WithdrawalState.FAILED: (WithdrawalState.APPROVED, Cause.WITHDRAWAL_FAILED),
    WithdrawalState.RETURNED: (WithdrawalState.PAID, Cause.WITHDRAWAL_RETURNED),
}


class Ordered(NamedTuple):
    """The ledger sequence of its transfer, or -1, and the withdrawal; None of an account."""

    sequence: int = -1
    withdrawal: Withdrawal | None = None


def order_withdrawal(
    state: ShardState, command: Command, body: WithdrawalOrder, out: Emission, tenant: TenantTerms
) -> Ordered | Refusal:
    """Does what a command says of a member's withdrawals and accounts.

    Args:
        state: Changed where it is done.
        command: From the log.
        body: Of it.
        out: Gets the transfer.
        tenant: The member's tenant.
    """
    field = member_field(command.tenant, command.member)
    wallet = wallet_or_fault(state, command, tenant)
    if isinstance(wallet, Refusal):
        return wallet
    match body:
        case KeepAccount():
            kept = _kept(wallet, body)
        case DropAccount():
            kept = _dropped(wallet, body)
        case AskWithdrawal():
            return _ask(state, command, body, out, tenant, wallet)
        case DecideWithdrawal():
            return _decide(state, command, body, out, tenant, wallet)
        case _:
            assert_never(body)
    if isinstance(kept, Refusal):
        return kept
    state.put_wallet(field, kept)
    return Ordered()


def _kept(wallet: Wallet, body: KeepAccount) -> Wallet | Refusal:
    fault = id_fault(body.account)
    if fault is not None or len(body.account) > ACCOUNT_CHARS_MAX:
        detail = fault or f"is longer than {ACCOUNT_CHARS_MAX} characters"
        return Refusal("account-invalid", f"account {detail}")
    try:
        return with_account(wallet, body.account, is_proved=body.is_proved)
    except AccountsTooMany as many:
        return Refusal("accounts-too-many", str(many))


def _dropped(wallet: Wallet, body: DropAccount) -> Wallet | Refusal:
    return _account_fault(wallet, body.account) or without_account(wallet, body.account)


def _ask(  # noqa: PLR0917 -- the parts of a command, each of another type
    state: ShardState,
    command: Command,
    body: AskWithdrawal,
    out: Emission,
    tenant: TenantTerms,
    wallet: Wallet,
) -> Ordered | Refusal:
    terms, stamp_ms = tenant.payouts, out.record.stamp_ms
    fault = _ask_fault(wallet, body, terms, stamp_ms)
    if fault is not None:
        return fault
    lots = leaving(wallet, terms.buckets, stamp_ms)
    needed = exposed(state, wallet)
    # What stays for sessions and holds has to last, and to be of money that pays them.
    if sum(lot.amount_micros for lot in lots) - needed < body.amount_micros:
        return _too_little(wallet, body)
    moved = pay_out(wallet, body.amount_micros, lots)
    if lasting(moved.wallet) < needed:
        return _too_little(wallet, body)
    today = asked_since(wallet, stamp_ms) + body.amount_micros
    by_rule = today <= terms.approved_up_to
    asked = Withdrawal(
        0,
        body.account,
        body.amount_micros,
        terms.fee,
        WithdrawalState.APPROVED if by_rule else WithdrawalState.REQUESTED,
        stamp_ms,
        stamp_ms,
        moved.paid,
        body.reference,
        BY_RULE if by_rule else "",
    )
    try:
        after = with_withdrawal(moved.wallet, asked)
    except WithdrawalsTooMany as many:
        return Refusal("withdrawals-too-many", str(many))
    made = after.withdrawals[-1]
    entries = [*moved.entries, Entry(WITHDRAWALS, body.amount_micros)]
    return _done(state, command, out, tenant, after, made, Cause.WITHDRAWAL_REQUESTED, entries)


def _decide(  # noqa: PLR0917 -- the parts of a command, each of another type
    state: ShardState,
    command: Command,
    body: DecideWithdrawal,
    out: Emission,
    tenant: TenantTerms,
    wallet: Wallet,
) -> Ordered | Refusal:
    known = withdrawal_of(wallet, body.withdrawal)
    fault = _decide_fault(wallet, body, known)
    if known is None or fault is not None:
        return fault or _unknown(wallet, body)
    cause = _STEPS[body.to][1]
    amount, fee = known.amount_micros, known.fee_micros
    paid = [Entry(WORLD, amount - fee), *([Entry(FEES, fee)] if fee else [])]
    aside = [Entry(WITHDRAWALS, -amount)]
    changed = msgspec.structs.replace(known, state=body.to, changed_ms=out.record.stamp_ms)
    if cause is None:
        changed = msgspec.structs.replace(changed, approver=command.actor)
        return _done(state, command, out, tenant, with_changed(wallet, changed), changed)
    if cause is Cause.WITHDRAWAL_PAID:
        changed = msgspec.structs.replace(changed, outside=body.said)
        after = with_changed(wallet, changed)
        return _done(state, command, out, tenant, after, changed, cause, [*aside, *paid])
    try:
        moved = give_back(wallet, amount, known.parts)
    except BrokenInvariant as broken:
        return Refusal("balance-too-large", str(broken))
    # The fee comes back too: nothing was paid out for it.
    source = paid if cause is Cause.WITHDRAWAL_RETURNED else [Entry(WITHDRAWALS, amount)]
    back = [Entry(each.account, -each.amount_micros) for each in source]
    changed = msgspec.structs.replace(changed, parts=(), reason=body.said)
    after = with_changed(moved.wallet, changed)
    return _done(state, command, out, tenant, after, changed, cause, [*back, *moved.entries])


def _done(  # noqa: PLR0917 -- the parts of a transfer, each of another type
    state: ShardState,
    command: Command,
    out: Emission,
    tenant: TenantTerms,
    wallet: Wallet,
    done: Withdrawal,
    cause: Cause | None = None,
    entries: list[Entry] | None = None,
) -> Ordered:
    field = member_field(command.tenant, command.member)
    state.put_wallet(field, wallet)
    wake_for(state, field, wallet, tenant.horizon_ms)
    if cause is None:
        return Ordered(-1, done)
    sequence = out.transfer(
        Transfer(
            tenant=command.tenant,
            member=command.member,
            cause=cause,
            currency=wallet.currency,
            entries=entries or [],
            lines=[],
            scope=f"withdrawal:{done.id}",
            event_at_ms=out.record.stamp_ms,
            key=command.key,
            reference=done.reason or done.outside or done.reference,
            actor=command.actor,
        )
    )
    return Ordered(sequence, done)


def _ask_fault(
    wallet: Wallet, body: AskWithdrawal, terms: PayoutTerms, at_ms: int
) -> Refusal | None:
    """Why nothing may be withdrawn, however much there is."""
    amount = body.amount_micros
    if amount <= terms.fee:
        fee = text_from_amount(terms.fee)
        return Refusal("amount-invalid", f"what is withdrawn is more than the fee of {fee}")
    if body.currency != wallet.currency:
        detail = f"the wallet is in {wallet.currency}, the request in {body.currency}"
        return Refusal("currency-mismatch", detail)
    if len(body.reference) > REFERENCE_CHARS_MAX:
        return Refusal("reference-invalid", f"at most {REFERENCE_CHARS_MAX} characters")
    fault = frozen_fault(wallet) or _account_fault(wallet, body.account, proved=True)
    if fault is not None:
        return fault
    before = asked_since(wallet, at_ms)
    for most, asked, per in (
        (terms.per_request, amount, "request"),
        (terms.per_day, before + amount, "24 hours"),
    ):
        if asked > most:
            detail = f"at most {text_from_amount(most)} {wallet.currency} per {per}"
            return Refusal("withdrawal-limit", f"{detail}; this comes to {text_from_amount(asked)}")
    return None


def _decide_fault(
    wallet: Wallet, body: DecideWithdrawal, known: Withdrawal | None
) -> Refusal | None:
    if known is None:
        return _unknown(wallet, body)
    step = _STEPS.get(body.to)
    if step is None or len(body.said) > REFERENCE_CHARS_MAX:
        return Refusal(
            "reference-invalid", f"{body.to!r}: at most {REFERENCE_CHARS_MAX} characters"
        )
    if known.state != step[0]:
        detail = f"withdrawal {known.id} is {known.state}; only one that is {step[0]}"
        return Refusal("withdrawal-state", f"{detail} can be {body.to}")
    if body.to == WithdrawalState.APPROVED:
        return frozen_fault(wallet) or _account_fault(wallet, known.account, proved=True)
    return None


def _account_fault(wallet: Wallet, name: str, *, proved: bool = False) -> Refusal | None:
    account = account_of(wallet, name)
    if account is None:
        return Refusal("account-unknown", f"member {wallet.member!r} has no account {name!r}")
    if proved and not account.is_proved:
        return Refusal("account-unproved", f"nobody has proved that account {name!r} is theirs")
    return None


def _unknown(wallet: Wallet, body: DecideWithdrawal) -> Refusal:
    detail = f"member {wallet.member!r} has no withdrawal {body.withdrawal}, or it ended long ago"
    return Refusal("withdrawal-unknown", detail)


def _too_little(wallet: Wallet, body: AskWithdrawal) -> Refusal:
    detail = (
        f"{text_from_amount(body.amount_micros)} {wallet.currency} are asked for: what is set "
        "aside, owed, meant for something or needed by open sessions stays"
    )
    return Refusal("insufficient-funds", detail)
