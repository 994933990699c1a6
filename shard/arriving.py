"""Money that came by a leg: who cannot have it, how the books tell it, what became of it.

Invariant: what became of it is kept under a key that follows from the leg's name and that no
caller can use. It does not own what a leg does (``shard.sending``, ``.earning``, ``.redeeming``).
"""

from rating.catalogue import TenantTerms
from schemas.cards import RedeemedCard
from schemas.commands import Outcome, Result
from schemas.ids import joined
from schemas.ledger import Cause, Entry, Transfer
from schemas.legs import Leg, arrival_key
from shard.emission import Emission
from shard.refusal import Refusal
from shard.state import ShardState
from wallet.available import available, posted
from wallet.lots import anything
from wallet.wallet import Wallet


def receiver_fault(wallet: Wallet, leg: Leg, *, is_member: bool) -> Refusal | None:
    """Why a leg's receiver cannot have its money, whatever else is there."""
    if not is_member:
        return Refusal("member-unknown", f"{leg.receiver!r} is no member of {leg.tenant!r}")
    if wallet.currency != leg.currency:
        detail = f"the wallet of {leg.receiver!r} is in {wallet.currency}, not in {leg.currency}"
        return Refusal("currency-mismatch", detail)
    return None


def leg_transfer(
    leg: Leg, member: str, cause: Cause, entries: list[Entry], out: Emission
) -> Transfer:
    """What a leg moves in the books of one of its two members; the other one is its peer."""
    return Transfer(
        tenant=leg.tenant,
        member=member,
        cause=cause,
        currency=leg.currency,
        entries=entries,
        lines=[],
        event_at_ms=out.record.stamp_ms,
        reference=leg.reason,
        peer=leg.receiver if member == leg.sender else leg.sender,
    )


def tell_arrival(  # noqa: PLR0917 -- the parts of a result, each of another type
    state: ShardState,
    leg: Leg,
    out: Emission,
    tenant: TenantTerms | None,
    wallet: Wallet,
    fault: Refusal,
    came: tuple[int, int, RedeemedCard | None] = (-1, 0, None),
) -> None:
    """Keeps how it ended.

    Args:
        state: Changed.
        leg: That arrived.
        out: Of the record.
        tenant: Of the receiver; None where no catalogue names it.
        wallet: The receiver's, after it.
        fault: Why it cannot have the money; of no reason where it has.
        came: Ledger sequence, or -1, lot, or 0, and the card that it was of.
    """
    sequence, lot, card = came
    limit = 0 if tenant is None else tenant.credit_limit_micros(leg.receiver)
    told = Result(
        request_hash=b"",
        outcome=Outcome.REFUSED if fault.reason else Outcome.POSTED,
        reason=fault.reason,
        detail=fault.detail,
        shard=state.shard,
        ledger_sequence=sequence,
        posted_micros=posted(wallet),
        available_micros=available(wallet, limit, anything(out.record.stamp_ms)),
        currency=wallet.currency,
        posted_at_ms=out.record.stamp_ms,
        lot=lot,
        card=card,
    )
    state.put_result(joined(leg.tenant, leg.receiver, arrival_key(leg.name)), told)
