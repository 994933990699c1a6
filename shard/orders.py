"""What a command does: once per key, with a stored result, refusals included.

Invariant: the first command of a key decides; the same key again changes nothing, whatever it
asks. Who compares request hashes and answers the caller is the API.
"""

from typing import assert_never

import msgspec

from rating.catalogue import TenantTerms
from schemas.card_orders import ActivateCards, BlockCards, CloseCards, RedeemCard, RegisterCards
from schemas.commands import (
    AskGrant,
    BuyPass,
    CancelPass,
    CaptureHold,
    Command,
    CorrectPrice,
    EndGrant,
    FreezeWallet,
    GiveCredit,
    GrantMandate,
    Outcome,
    PlaceHold,
    ReleaseHold,
    Result,
    RevokeConsent,
    SendMoney,
    TopUp,
)
from schemas.grants import Grant
from schemas.ids import joined
from schemas.legs import Leg
from schemas.passes import BoughtPass
from schemas.withdrawals import AskWithdrawal, DecideWithdrawal, DropAccount, KeepAccount
from shard.cards import Ordered, order_cards
from shard.consenting import change_consents
from shard.correcting import correct_price
from shard.crediting import BroughtIn, take_credit, take_top_up
from shard.emission import Emission
from shard.freezing import freeze
from shard.granting import ask_grant, end_grant
from shard.holding import Held, capture_hold, place_hold, release_hold
from shard.leaving import put_out
from shard.redeeming import redeem_card
from shard.refusal import Refusal
from shard.selling import buy_pass, cancel_pass
from shard.sending import send_money
from shard.signals import signal_wallet
from shard.state import ShardState
from shard.withdrawing import Ordered as Withdrawn
from shard.withdrawing import order_withdrawal
from wallet.available import available, posted
from wallet.lots import anything
from wallet.wallet import Wallet, new_wallet


def apply_command(state: ShardState, command: Command, out: Emission) -> None:
    """Does a command that was not done before.

    Args:
        state: Changed.
        command: From the log.
        out: Gets its transfer and signals.
    """
    field = result_field(command.tenant, command.member, command.key)
    if state.result(field) is not None:
        return
    catalogue = state.catalogues.get(state.meta.catalogue)
    tenant = None if catalogue is None else catalogue.tenant(command.tenant)
    if tenant is None:
        refused = _refused(state, command, out, "tenant-unknown", "no catalogue names the tenant")
        state.put_result(field, refused)
        return
    if out.record.stamp_ms > command.deadline_ms:
        late = _result(state, command, out, tenant, Outcome.EXPIRED, "expired", -1)
        state.put_result(field, late)
        return
    result = _done(state, command, out, tenant)
    state.put_result(field, result)
    signal_wallet(state, out, tenant, command.member, ())


def result_field(tenant: str, member: str, key: str) -> str:
    """Storage field of a command's result."""
    return joined(tenant, member, key)


def _done(state: ShardState, command: Command, out: Emission, tenant: TenantTerms) -> Result:
    """What a command comes to that is in time."""
    match command.body:
        case TopUp():
            came = take_top_up(state, command, command.body, out, tenant)
            return _brought_result(state, command, out, tenant, came)
        case GiveCredit():
            came = take_credit(state, command, command.body, out, tenant)
            return _brought_result(state, command, out, tenant, came)
        case FreezeWallet():
            stranger = freeze(state, command, command.body, tenant)
            return _changed_result(state, command, out, tenant, stranger)
        case SendMoney():
            sent = send_money(state, command, command.body, out, tenant)
            if isinstance(sent, Refusal):
                return _refused(state, command, out, sent.reason, sent.detail)
            return _result(state, command, out, tenant, Outcome.SENT, "", sent)
        case RedeemCard():
            asked = redeem_card(state, command, command.body, out, tenant)
            return _asked_result(state, command, out, tenant, asked)
        case RegisterCards() | ActivateCards() | BlockCards() | CloseCards():
            ordered = order_cards(state, command, command.body, out, tenant)
            return _ordered_result(state, command, out, tenant, ordered)
        case PlaceHold():
            held = place_hold(state, command, command.body, out, tenant)
            return _held_result(state, command, out, tenant, held)
        case CaptureHold():
            held = capture_hold(state, command, command.body, out, tenant)
            return _held_result(state, command, out, tenant, held)
        case ReleaseHold():
            held = release_hold(state, command, command.body, tenant)
            return _held_result(state, command, out, tenant, held)
        case KeepAccount() | DropAccount() | AskWithdrawal() | DecideWithdrawal():
            withdrawn = order_withdrawal(state, command, command.body, out, tenant)
            return _withdrawn_result(state, command, out, tenant, withdrawn)
        case AskGrant():
            granted = ask_grant(state, command, command.body, out, tenant)
            return _granted_result(state, command, out, tenant, granted)
        case EndGrant():
            granted = end_grant(state, command, command.body, tenant)
            return _granted_result(state, command, out, tenant, granted)
        case BuyPass():
            sequence = out.next_transfer
            done = buy_pass(state, command, command.body, out, tenant)
            return _pass_result(state, command, out, tenant, done, sequence)
        case CancelPass():
            done = cancel_pass(state, command, command.body, tenant)
            return _pass_result(state, command, out, tenant, done, -1)
        case CorrectPrice():
            corrected = correct_price(state, command, command.body, out)
            if isinstance(corrected, Refusal):
                return _refused(state, command, out, corrected.reason, corrected.detail)
            outcome = Outcome.DONE if corrected < 0 else Outcome.POSTED
            return _result(state, command, out, tenant, outcome, "", corrected)
        case GrantMandate() | RevokeConsent():
            owner = joined(command.tenant, command.member)
            fault = change_consents(state, owner, command.body, out.record.stamp_ms)
            return _changed_result(state, command, out, tenant, fault)
        case _:
            assert_never(command.body)


def _brought_result(
    state: ShardState,
    command: Command,
    out: Emission,
    tenant: TenantTerms,
    done: BroughtIn | Refusal,
) -> Result:
    if isinstance(done, Refusal):
        return _refused(state, command, out, done.reason, done.detail)
    result = _result(state, command, out, tenant, Outcome.POSTED, "", done.sequence)
    return msgspec.structs.replace(result, lot=done.lot)


def _held_result(
    state: ShardState,
    command: Command,
    out: Emission,
    tenant: TenantTerms,
    done: Held | Refusal,
) -> Result:
    if isinstance(done, Refusal):
        return _refused(state, command, out, done.reason, done.detail)
    outcome = Outcome.DONE if done.sequence < 0 else Outcome.POSTED
    result = _result(state, command, out, tenant, outcome, "", done.sequence)
    return msgspec.structs.replace(result, hold=done.hold)


def _changed_result(
    state: ShardState,
    command: Command,
    out: Emission,
    tenant: TenantTerms,
    fault: tuple[str, str] | None,
) -> Result:
    """Of a command that moves no money."""
    if fault is not None:
        return _refused(state, command, out, *fault)
    return _result(state, command, out, tenant, Outcome.DONE, "", -1)


def _asked_result(
    state: ShardState, command: Command, out: Emission, tenant: TenantTerms, asked: Leg | Refusal
) -> Result:
    """Of a command whose answer is to come from another shard."""
    if isinstance(asked, Refusal):
        return _refused(state, command, out, asked.reason, asked.detail)
    put_out(state, out, asked)
    return _result(state, command, out, tenant, Outcome.SENT, "", -1)


def _ordered_result(
    state: ShardState,
    command: Command,
    out: Emission,
    tenant: TenantTerms,
    done: Ordered | Refusal,
) -> Result:
    if isinstance(done, Refusal):
        return _refused(state, command, out, done.reason, done.detail)
    outcome = Outcome.DONE if done.sequence < 0 else Outcome.POSTED
    result = _result(state, command, out, tenant, outcome, "", done.sequence)
    return msgspec.structs.replace(result, cards=done.cards)


def _withdrawn_result(
    state: ShardState,
    command: Command,
    out: Emission,
    tenant: TenantTerms,
    done: Withdrawn | Refusal,
) -> Result:
    if isinstance(done, Refusal):
        return _refused(state, command, out, done.reason, done.detail)
    outcome = Outcome.DONE if done.sequence < 0 else Outcome.POSTED
    result = _result(state, command, out, tenant, outcome, "", done.sequence)
    return msgspec.structs.replace(result, withdrawal=done.withdrawal)


def _granted_result(
    state: ShardState,
    command: Command,
    out: Emission,
    tenant: TenantTerms,
    done: Grant | Refusal,
) -> Result:
    if isinstance(done, Refusal):
        return _refused(state, command, out, done.reason, done.detail)
    result = _result(state, command, out, tenant, Outcome.DONE, "", -1)
    return msgspec.structs.replace(result, grant=done)


def _pass_result(  # noqa: PLR0917 -- the parts of a result, each of another type
    state: ShardState,
    command: Command,
    out: Emission,
    tenant: TenantTerms,
    done: BoughtPass | Refusal,
    sequence: int,
) -> Result:
    if isinstance(done, Refusal):
        return _refused(state, command, out, done.reason, done.detail)
    outcome = Outcome.DONE if sequence < 0 else Outcome.POSTED
    result = _result(state, command, out, tenant, outcome, "", sequence)
    return msgspec.structs.replace(result, bought=done)


def _result(  # noqa: PLR0917 -- the parts of a result, each of another type
    state: ShardState,
    command: Command,
    out: Emission,
    tenant: TenantTerms,
    outcome: Outcome,
    reason: str,
    sequence: int,
) -> Result:
    known: Wallet | None = state.wallet(joined(command.tenant, command.member))
    wallet = known or new_wallet(command.tenant, command.member, tenant.currency)
    return Result(
        request_hash=command.request_hash,
        outcome=outcome,
        reason=reason,
        detail="the deadline had passed when its turn came; ask again" if reason else "",
        shard=state.shard,
        ledger_sequence=sequence,
        posted_micros=posted(wallet),
        available_micros=available(
            wallet, tenant.credit_limit_micros(command.member), anything(out.record.stamp_ms)
        ),
        currency=wallet.currency,
        posted_at_ms=out.record.stamp_ms,
    )


def _refused(
    state: ShardState, command: Command, out: Emission, reason: str, detail: str
) -> Result:
    return Result(
        request_hash=command.request_hash,
        outcome=Outcome.REFUSED,
        reason=reason,
        detail=detail,
        shard=state.shard,
        ledger_sequence=-1,
        posted_micros=0,
        available_micros=0,
        currency="",
        posted_at_ms=out.record.stamp_ms,
    )
