"""What a command does: once per key, with a stored result, refusals included.

Invariant: the first command of a key decides; the same key again changes nothing, whatever it
asks. Who compares request hashes and answers the caller is the API.
"""

from typing import NamedTuple, assert_never

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
from schemas.holds import Hold
from schemas.ids import joined
from schemas.passes import BoughtPass
from schemas.withdrawals import (
    AskWithdrawal,
    DecideWithdrawal,
    DropAccount,
    KeepAccount,
    Withdrawal,
)
from shard.cards import order_cards
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
        unknown = Refusal("tenant-unknown", "no catalogue names the tenant")
        state.put_result(field, _refused(state, command, out, unknown))
        return
    if out.record.stamp_ms > command.deadline_ms:
        state.put_result(field, _result(state, command, out, tenant, None))
        return
    done = _done(state, command, out, tenant)
    if isinstance(done, Refusal):
        state.put_result(field, _refused(state, command, out, done))
    else:
        state.put_result(field, _result(state, command, out, tenant, done))
    signal_wallet(state, out, tenant, command.member, ())


def result_field(tenant: str, member: str, key: str) -> str:
    """Storage field of a command's result."""
    return joined(tenant, member, key)


class _Told(NamedTuple):
    """What a command that was done comes to, beside the wallet after it.

    Args:
        sequence: Of its transfer in the ledger, or -1.
        is_sent: Whether another shard has the rest to say.

    The others are fields of ``Result``.
    """

    sequence: int = -1
    is_sent: bool = False
    bought: BoughtPass | None = None
    lot: int = 0
    hold: Hold | None = None
    grant: Grant | None = None
    cards: int = 0
    withdrawal: Withdrawal | None = None

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        if self.is_sent:
            return Outcome.SENT
        return Outcome.DONE if self.sequence < 0 else Outcome.POSTED


def _done(
    state: ShardState, command: Command, out: Emission, tenant: TenantTerms
) -> _Told | Refusal:
    """What a command comes to that is in time."""
    match command.body:
        case TopUp():
            return _brought(take_top_up(state, command, command.body, out, tenant))
        case GiveCredit():
            return _brought(take_credit(state, command, command.body, out, tenant))
        case FreezeWallet():
            return freeze(state, command, command.body, tenant) or _Told()
        case SendMoney():
            sent = send_money(state, command, command.body, out, tenant)
            return sent if isinstance(sent, Refusal) else _Told(sent, is_sent=True)
        case RedeemCard():
            asked = redeem_card(state, command, command.body, out, tenant)
            if isinstance(asked, Refusal):
                return asked
            put_out(state, out, asked)
            return _Told(is_sent=True)
        case RegisterCards() | ActivateCards() | BlockCards() | CloseCards():
            order = order_cards(state, command, command.body, out, tenant)
            return order if isinstance(order, Refusal) else _Told(order.sequence, cards=order.cards)
        case PlaceHold():
            return _held(place_hold(state, command, command.body, out, tenant))
        case CaptureHold():
            return _held(capture_hold(state, command, command.body, out, tenant))
        case ReleaseHold():
            return _held(release_hold(state, command, command.body, tenant))
        case KeepAccount() | DropAccount() | AskWithdrawal() | DecideWithdrawal():
            left = order_withdrawal(state, command, command.body, out, tenant)
            if isinstance(left, Refusal):
                return left
            return _Told(left.sequence, withdrawal=left.withdrawal)
        case AskGrant():
            grant = ask_grant(state, command, command.body, out, tenant)
            return grant if isinstance(grant, Refusal) else _Told(grant=grant)
        case EndGrant():
            return _Told(grant=end_grant(state, command, command.body, tenant))
        case BuyPass():
            sequence = out.next_transfer
            bought = buy_pass(state, command, command.body, out, tenant)
            return bought if isinstance(bought, Refusal) else _Told(sequence, bought=bought)
        case CancelPass():
            bought = cancel_pass(state, command, command.body, tenant)
            return bought if isinstance(bought, Refusal) else _Told(bought=bought)
        case CorrectPrice():
            corrected = correct_price(state, command, command.body, out)
            return corrected if isinstance(corrected, Refusal) else _Told(corrected)
        case GrantMandate() | RevokeConsent():
            owner = joined(command.tenant, command.member)
            fault = change_consents(state, owner, command.body, out.record.stamp_ms)
            return _Told() if fault is None else Refusal(*fault)
        case _:
            assert_never(command.body)


def _brought(done: BroughtIn | Refusal) -> _Told | Refusal:
    return done if isinstance(done, Refusal) else _Told(done.sequence, lot=done.lot)


def _held(done: Held | Refusal) -> _Told | Refusal:
    return done if isinstance(done, Refusal) else _Told(done.sequence, hold=done.hold)


def _result(
    state: ShardState, command: Command, out: Emission, tenant: TenantTerms, told: _Told | None
) -> Result:
    """The result of a command that was done, or, without what it comes to, came too late."""
    known: Wallet | None = state.wallet(joined(command.tenant, command.member))
    wallet = known or new_wallet(command.tenant, command.member, tenant.currency)
    done = told or _Told()
    return Result(
        request_hash=command.request_hash,
        outcome=Outcome.EXPIRED if told is None else done.outcome,
        reason="expired" if told is None else "",
        detail="the deadline had passed when its turn came; ask again" if told is None else "",
        shard=state.shard,
        ledger_sequence=done.sequence,
        posted_micros=posted(wallet),
        available_micros=available(
            wallet, tenant.credit_limit_micros(command.member), anything(out.record.stamp_ms)
        ),
        currency=wallet.currency,
        posted_at_ms=out.record.stamp_ms,
        bought=done.bought,
        lot=done.lot,
        hold=done.hold,
        grant=done.grant,
        cards=done.cards,
        withdrawal=done.withdrawal,
    )


def _refused(state: ShardState, command: Command, out: Emission, why: Refusal) -> Result:
    return Result(
        request_hash=command.request_hash,
        outcome=Outcome.REFUSED,
        reason=why.reason,
        detail=why.detail,
        shard=state.shard,
        ledger_sequence=-1,
        posted_micros=0,
        available_micros=0,
        currency="",
        posted_at_ms=out.record.stamp_ms,
    )
