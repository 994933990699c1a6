"""Money from one member to another: out of the sender's shard by a leg, into the receiver's.

Invariant: what has left a wallet stands on ``transit`` until the leg is taken; a leg that the
receiver's shard cannot take returns, and a returning leg is always taken: so ``transit`` of all
shards together is what is on its way. Only cash that nobody waits for may be sent.
Source: design, idea 10.
"""

import msgspec

from rating.catalogue import TenantTerms
from schemas.buckets import Bucket
from schemas.commands import Command, SendMoney
from schemas.errors import BrokenInvariant
from schemas.ids import member_field
from schemas.ledger import TRANSIT, UNCLAIMED, Cause, Entry, Transfer
from schemas.legs import MEMO_CHARS_MAX, Leg, LegKind
from schemas.money import text_from_amount
from shard.arriving import leg_transfer, receiver_fault, tell_arrival
from shard.earning import take_earned, take_unearned
from shard.emission import Emission
from shard.exposure import exposed
from shard.freezing import frozen_fault, stranger_fault
from shard.leaving import put_out, returning, taken_field
from shard.redeeming import ASKS, take_card_leg
from shard.refusal import Refusal
from shard.signals import signal_wallet
from shard.state import ShardState
from wallet.available import giveable
from wallet.moves import LotsTooMany, Moved, give_back, pay_out, top_up
from wallet.wallet import Wallet, new_wallet


def send_money(
    state: ShardState, command: Command, body: SendMoney, out: Emission, tenant: TenantTerms
) -> int | Refusal:
    """Takes money out of the sender's wallet and puts it on its way.

    Args:
        state: Changed where it is sent.
        command: From the log.
        body: Of it.
        out: Gets the transfer and the leg.
        tenant: Of both members.

    Returns:
        Ledger sequence of the transfer.
    """
    field = member_field(command.tenant, command.member)
    wallet = state.wallet(field) or new_wallet(command.tenant, command.member, tenant.currency)
    fault = _fault(state, command, body, wallet)
    if fault is not None:
        return fault
    cash = [lot for lot in wallet.lots if lot.bucket == Bucket.CASH]
    moved = pay_out(wallet, body.amount_micros, cash)
    state.put_wallet(field, moved.wallet)
    name = f"{state.shard}-{out.next_transfer}"
    sequence = out.transfer(
        Transfer(
            tenant=command.tenant,
            member=command.member,
            cause=Cause.SENT,
            currency=wallet.currency,
            entries=[*moved.entries, Entry(TRANSIT, body.amount_micros)],
            lines=[],
            scope=f"transfer:{name}",
            event_at_ms=out.record.stamp_ms,
            key=command.key,
            reference=body.memo,
            actor=command.actor,
            peer=body.receiver,
        )
    )
    leg = Leg(
        source=state.shard,
        target=body.target,
        number=0,
        kind=LegKind.SEND,
        tenant=command.tenant,
        sender=command.member,
        receiver=body.receiver,
        amount_micros=body.amount_micros,
        currency=wallet.currency,
        name=name,
        memo=body.memo,
    )
    put_out(state, out, leg)
    return sequence


def take_leg(state: ShardState, leg: Leg, out: Emission) -> None:
    """Takes a leg that is the next of its source; any other was taken, or is not yet to be.

    Args:
        state: Changed where it is taken.
        leg: From the log.
        out: Gets the transfer, and the leg that returns.
    """
    field = taken_field(leg.source)
    if leg.number != state.legs.get(field, 0) or leg.target != state.shard:
        return
    state.put_leg(field, leg.number + 1)
    catalogue = state.catalogues.get(state.meta.catalogue)
    tenant = None if catalogue is None else catalogue.tenant(leg.tenant)
    if leg.card is not None:
        answer = take_card_leg(state, leg, out, tenant)
        if answer is not None:
            put_out(state, out, answer)
    elif leg.kind == LegKind.RETURN:
        _take_back(state, leg, out)
    elif leg.kind == LegKind.EARN:
        take_earned(state, leg, out, tenant)
    elif leg.kind == LegKind.UNEARNED:
        take_unearned(leg, out)
    else:
        _receive(state, leg, out, tenant)
    if tenant is not None and leg.kind not in ASKS:
        member = leg.sender if leg.kind == LegKind.RETURN else leg.receiver
        signal_wallet(state, out, tenant, member, ())


def _receive(state: ShardState, leg: Leg, out: Emission, tenant: TenantTerms | None) -> None:
    field = member_field(leg.tenant, leg.receiver)
    currency = leg.currency if tenant is None else tenant.currency
    known = state.wallet(field)
    wallet = known or new_wallet(leg.tenant, leg.receiver, currency)
    is_member = tenant is not None and stranger_fault(tenant, leg.receiver, known) is None
    done, sequence, lot = _credited(wallet, leg, is_member=is_member), -1, 0
    fault = done if isinstance(done, Refusal) else Refusal("", "")
    if isinstance(done, Refusal):
        # What goes straight back moves nobody's money; that it was here stands in the books.
        out.transfer(_moved(leg, leg.receiver, Cause.TURNED_BACK, [Entry(TRANSIT, 0)], out))
        put_out(state, out, returning(leg, LegKind.RETURN, fault))
    else:
        # No lot where all of it paid debt.
        lot = done.wallet.lots_made if done.wallet.lots_made > wallet.lots_made else 0
        wallet = done.wallet
        state.put_wallet(field, wallet)
        entries = [Entry(TRANSIT, -leg.amount_micros), *done.entries]
        sequence = out.transfer(_moved(leg, leg.receiver, Cause.RECEIVED, entries, out))
    tell_arrival(state, leg, out, tenant, wallet, fault, (sequence, lot, None))


def _credited(wallet: Wallet, leg: Leg, *, is_member: bool) -> Moved | Refusal:
    """The receiver's wallet with the money, or why it cannot have it."""
    fault = receiver_fault(wallet, leg, is_member=is_member)
    if fault is not None:
        return fault
    try:
        return top_up(wallet, leg.amount_micros)
    except LotsTooMany as many:
        return Refusal("lots-too-many", str(many))
    except BrokenInvariant as broken:
        return Refusal("balance-too-large", str(broken))


def _take_back(state: ShardState, leg: Leg, out: Emission) -> None:
    """The sender has the money again; where the wallet cannot hold it, it waits for an operator."""
    field = member_field(leg.tenant, leg.sender)
    wallet = state.wallet(field) or new_wallet(leg.tenant, leg.sender, leg.currency)
    entries: tuple[Entry, ...] = (Entry(UNCLAIMED, leg.amount_micros),)
    try:
        # Never refused for want of room, as money that comes in is.
        moved = give_back(wallet, leg.amount_micros)
    except BrokenInvariant:
        pass
    else:
        state.put_wallet(field, moved.wallet)
        entries = moved.entries
    back = [Entry(TRANSIT, -leg.amount_micros), *entries]
    out.transfer(_moved(leg, leg.sender, Cause.RETURNED, back, out))


def _moved(leg: Leg, member: str, cause: Cause, entries: list[Entry], out: Emission) -> Transfer:
    moved = leg_transfer(leg, member, cause, entries, out)
    scope, reference = f"transfer:{leg.name}", leg.reason or leg.memo
    return msgspec.structs.replace(moved, scope=scope, reference=reference)


def _fault(state: ShardState, command: Command, body: SendMoney, wallet: Wallet) -> Refusal | None:
    if body.receiver == command.member:
        return Refusal("same-member", "nobody sends money to themselves")
    if body.amount_micros <= 0:
        return Refusal("amount-invalid", "what is sent is more than zero")
    if body.currency != wallet.currency:
        detail = f"the wallet is in {wallet.currency}, the request in {body.currency}"
        return Refusal("currency-mismatch", detail)
    if len(body.memo) > MEMO_CHARS_MAX:
        return Refusal("memo-invalid", f"at most {MEMO_CHARS_MAX} characters")
    if wallet.frozen:
        return frozen_fault(wallet)
    left = giveable(wallet) - exposed(state, wallet)
    if left < body.amount_micros:
        detail = (
            f"{text_from_amount(max(left, 0))} {wallet.currency} of cash can be sent, "
            f"{text_from_amount(body.amount_micros)} are asked for: what is set aside, owed, or "
            "needed by open sessions stays"
        )
        return Refusal("insufficient-funds", detail)
    return None
