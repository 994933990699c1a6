"""Money that comes in: top-ups, and credits with conditions.

Invariant: what comes in is posted whole or refused whole; what is owed is collected from it first,
where it was paid for and may be spent on anything (``wallet.moves``).
"""

from typing import NamedTuple

from rating.catalogue import TenantTerms
from schemas.buckets import NAMES_MAX, PRIORITIES, PRIORITY_MAX, Bucket
from schemas.commands import Command, GiveCredit, TopUp
from schemas.errors import BrokenInvariant
from schemas.ids import member_field
from schemas.ledger import POINTS, PROMOTION, WORLD, Cause, Entry, Transfer
from shard.emission import Emission
from shard.refusal import Refusal
from shard.state import ShardState
from shard.waking import wake_for
from wallet.lots import Lot, plain_lot
from wallet.moves import LotsTooMany, bring_in
from wallet.wallet import new_wallet

_FROM: dict[str, str] = {
    Bucket.CARD: WORLD,
    Bucket.POINTS: POINTS,
    Bucket.PROMOTION: PROMOTION,
}


class BroughtIn(NamedTuple):
    """Ledger sequence of the transfer, and the number of its lot; 0 where all of it paid debt."""

    sequence: int
    lot: int


def take_top_up(
    state: ShardState, command: Command, body: TopUp, out: Emission, tenant: TenantTerms
) -> BroughtIn | Refusal:
    """Cash from outside.

    Args:
        state: Changed where it is taken.
        command: From the log.
        body: Of it.
        out: Gets the transfer.
        tenant: The member's tenant.
    """
    lot = plain_lot(0, Bucket.CASH, body.amount_micros)
    return _take(state, command, out, tenant, lot, body)


def take_credit(
    state: ShardState, command: Command, body: GiveCredit, out: Emission, tenant: TenantTerms
) -> BroughtIn | Refusal:
    """Money with conditions; see ``take_top_up``."""
    fault = _fault(body, out.record.stamp_ms)
    if fault is not None:
        return fault
    priority = PRIORITIES[body.bucket] if body.priority is None else body.priority
    lot = Lot(0, body.bucket, body.amount_micros, priority, body.expires_ms, body.only)
    return _take(state, command, out, tenant, lot, body)


def _fault(body: GiveCredit, stamp_ms: int) -> Refusal | None:
    if body.bucket not in _FROM:
        return Refusal("bucket-invalid", f"{body.bucket!r} is none of {', '.join(_FROM)}")
    if body.priority is not None and not 0 <= body.priority <= PRIORITY_MAX:
        return Refusal("priority-invalid", f"a priority is 0 to {PRIORITY_MAX}")
    if body.expires_ms and body.expires_ms <= stamp_ms:
        return Refusal("expiry-invalid", "it had expired when its turn came; say a later moment")
    only = body.only
    names = () if only is None else (only.contents, only.providers, only.kinds)
    if any(len(each) > NAMES_MAX for each in names):
        return Refusal("restriction-invalid", f"at most {NAMES_MAX} names of each sort")
    return None


def _take(  # noqa: PLR0917 -- the parts of a command, each of another type
    state: ShardState,
    command: Command,
    out: Emission,
    tenant: TenantTerms,
    lot: Lot,
    body: TopUp | GiveCredit,
) -> BroughtIn | Refusal:
    field = member_field(command.tenant, command.member)
    wallet = state.wallet(field) or new_wallet(command.tenant, command.member, tenant.currency)
    if lot.amount_micros <= 0:
        return Refusal("amount-invalid", "what comes in is more than zero")
    if body.currency != wallet.currency:
        detail = f"the wallet is in {wallet.currency}, the request in {body.currency}"
        return Refusal("currency-mismatch", detail)
    try:
        moved = bring_in(wallet, lot)
    except LotsTooMany as many:
        return Refusal("lots-too-many", str(many))
    except BrokenInvariant as broken:
        return Refusal("balance-too-large", str(broken))
    state.put_wallet(field, moved.wallet)
    if lot.expires_ms:
        wake_for(state, field, moved.wallet, tenant.horizon_ms)
    sequence = out.transfer(
        Transfer(
            tenant=command.tenant,
            member=command.member,
            cause=Cause.TOP_UP if isinstance(body, TopUp) else Cause.CREDIT,
            currency=wallet.currency,
            entries=[Entry(_FROM.get(lot.bucket, WORLD), -lot.amount_micros), *moved.entries],
            lines=[],
            scope="command",
            event_at_ms=out.record.stamp_ms,
            key=command.key,
            reference=body.reference,
            actor=command.actor,
        )
    )
    made = moved.wallet.lots_made
    return BroughtIn(sequence, made if made > wallet.lots_made else 0)
