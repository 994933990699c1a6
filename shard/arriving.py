"""What became of money that came by a leg, kept for whoever asked for it.

Invariant: it stands under a key that follows from the leg's name and that no caller can use.
"""

from rating.catalogue import TenantTerms
from schemas.cards import RedeemedCard
from schemas.commands import Outcome, Result
from schemas.ids import joined
from schemas.legs import Leg, arrival_key
from shard.emission import Emission
from shard.refusal import Refusal
from shard.state import ShardState
from wallet.available import available, posted
from wallet.lots import anything
from wallet.wallet import Wallet


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
