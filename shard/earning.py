"""What a member earns by another's use: by a leg from that one's shard into the earner's.

Invariant: on ``transit`` stands what was earned and not yet taken, as with what members send; a
correction takes back what it gave, into debt where it was spent. What nobody can take stands on
``unclaimed``; it is not the payer's again. Source: design, idea 10; docs/adr/0027.
"""

import msgspec

from rating.catalogue import TenantTerms
from schemas.buckets import PRIORITIES, Bucket
from schemas.errors import BrokenInvariant
from schemas.ids import member_field
from schemas.ledger import TRANSIT, UNCLAIMED, Cause, Entry, Transfer
from schemas.legs import Leg, LegKind
from shard.arriving import leg_transfer, receiver_fault
from shard.earned import Earned
from shard.emission import Emission
from shard.freezing import stranger_fault
from shard.leaving import put_out, returning
from shard.refusal import Refusal
from shard.state import ShardState
from shard.waking import wake_again
from wallet.lots import Lot
from wallet.moves import Moved, bring_in, earn
from wallet.wallet import Wallet, new_wallet


def send_earned(state: ShardState, out: Emission, transfer: Transfer, earned: Earned) -> None:
    """Puts out what a charge that was just posted lets its payee earn.

    Args:
        state: Changed.
        out: Gets the leg; its last transfer is the charge.
        transfer: It.
        earned: Of it, by another member.
    """
    put_out(
        state,
        out,
        Leg(
            source=state.shard,
            target=earned.shard,
            number=0,
            kind=LegKind.EARN,
            tenant=transfer.tenant,
            sender=transfer.member,
            receiver=earned.payee,
            amount_micros=earned.delta_micros,
            currency=transfer.currency,
            name=f"{state.shard}-{out.next_transfer - 1}",
            memo=transfer.content,
            bucket=earned.bucket,
            ends_ms=earned.ends_ms,
        ),
    )


def take_earned(state: ShardState, leg: Leg, out: Emission, tenant: TenantTerms | None) -> None:
    """Lets a member have what another's use came to, or puts it on its way back.

    Args:
        state: Changed.
        leg: From the log, the next of its source.
        out: Gets the transfer, and the leg that goes back.
        tenant: Of both members; None where no catalogue names it.
    """
    field = member_field(leg.tenant, leg.receiver)
    known = state.wallet(field)
    wallet = known or new_wallet(leg.tenant, leg.receiver, leg.currency)
    is_member = tenant is not None and stranger_fault(tenant, leg.receiver, known) is None
    done = _credited(wallet, leg, is_member=is_member)
    if isinstance(done, Refusal):
        out.transfer(_moved(leg, leg.receiver, Cause.TURNED_BACK, [Entry(TRANSIT, 0)], out))
        put_out(state, out, returning(leg, LegKind.UNEARNED, done))
        return
    state.put_wallet(field, done.wallet)
    wake_again(state, field, done.wallet)
    entries = [Entry(TRANSIT, -leg.amount_micros), *done.entries]
    out.transfer(_moved(leg, leg.receiver, Cause.EARNED, entries, out))


def take_unearned(leg: Leg, out: Emission) -> None:
    """What nobody could take waits for an operator."""
    amount = leg.amount_micros
    entries = [Entry(TRANSIT, -amount), Entry(UNCLAIMED, amount)]
    out.transfer(_moved(leg, leg.sender, Cause.RETURNED, entries, out))


def _credited(wallet: Wallet, leg: Leg, *, is_member: bool) -> Moved | Refusal:
    fault = receiver_fault(wallet, leg, is_member=is_member)
    if fault is not None:
        return fault
    bucket = Bucket(leg.bucket)
    lot = Lot(0, bucket, max(0, leg.amount_micros), PRIORITIES[bucket], leg.ends_ms)
    try:
        if leg.amount_micros < 0:
            return earn(wallet, leg.amount_micros, lot)[0]
        return bring_in(wallet, lot)
    except BrokenInvariant as broken:
        return Refusal("balance-too-large", str(broken))


def _moved(leg: Leg, member: str, cause: Cause, entries: list[Entry], out: Emission) -> Transfer:
    moved = leg_transfer(leg, member, cause, entries, out)
    return msgspec.structs.replace(moved, scope=f"charge:{leg.name}", content=leg.memo)
