"""What becomes due in wallets by the log's time: lots and holds that expire.

Invariant: a lot leaves its wallet once no use in time can be of a moment before its expiry any
more: when the live watermark is the tenant's horizon behind it. Until then it pays for such use
alone. A hold ends when the watermark passes its expiry, and is forgotten a horizon later.
A tick wakes at most ``SLICE_ITEMS`` members, those who are due first, and leaves the others
to the next.
"""

from collections.abc import Sequence

from rating.catalogue import TenantTerms
from schemas.frames import Tick
from schemas.holds import Hold
from schemas.ids import LIVE
from schemas.ledger import BREAKAGE, Cause, Entry, Transfer
from shard.domain import low_watermark
from shard.emission import Emission
from shard.state import HORIZON_MS, ShardState
from wallet.holds import with_expired, without_hold
from wallet.lots import Lot, is_expired
from wallet.moves import take_expired
from wallet.wallet import Wallet, with_ends_told

SLICE_ITEMS = 500


def wake_for(state: ShardState, field: str, wallet: Wallet, horizon_ms: int) -> None:
    """Notes when the next thing in a wallet is due.

    Args:
        state: Changed.
        field: Storage field of the wallet.
        wallet: It.
        horizon_ms: The tenant's.
    """
    dues = [lot.expires_ms + horizon_ms for lot in wallet.lots if lot.expires_ms]
    dues += [_due_ms(hold, horizon_ms) for hold in wallet.holds]
    notice_ms = _notice_ms(state, wallet.tenant) if wallet.lots else 0
    if notice_ms:
        told = set(wallet.ends_told)
        ends = (lot for lot in wallet.lots if lot.expires_ms)
        dues += [lot.expires_ms - notice_ms for lot in ends if (lot.expires_ms, lot.id) not in told]
    if dues:
        state.put_wake(field, min(dues))
    else:
        state.drop_wake(field)


def wake_again(state: ShardState, field: str, wallet: Wallet) -> None:
    """Notes it anew after money was given back, perhaps to a lot that had left."""
    if wallet.holds or any(lot.expires_ms for lot in wallet.lots):
        wake_for(state, field, wallet, _horizon_ms(state, wallet.tenant))


def wake_members(state: ShardState, out: Emission) -> list[tuple[str, str]]:
    """Ends what has expired, as far as a tick of the live clock has shown it.

    Args:
        state: Changed; the clock has moved on.
        out: Gets the transfers.

    Returns:
        Members who may spend more than before, in order.
    """
    members: dict[tuple[str, str], None] = {}
    mark_ms = low_watermark(state.domain(LIVE))
    for _, field in state.wakes.pop(mark_ms, SLICE_ITEMS):
        wallet = state.wallet(field)
        if wallet is None:
            state.drop_wake(field)
            continue
        horizon_ms = _horizon_ms(state, wallet.tenant)
        for lot in wallet.lots:
            if is_expired(lot, mark_ms - horizon_ms):
                wallet = _expire(wallet, lot, out)
        for hold in wallet.holds:
            if _due_ms(hold, horizon_ms) <= mark_ms:
                is_over = hold.is_expired or bool(hold.session)
                wallet = without_hold(wallet, hold) if is_over else with_expired(wallet, hold)
                members[wallet.tenant, wallet.member] = None
        notice_ms = _notice_ms(state, wallet.tenant)
        if notice_ms:
            wallet = with_ends_told(wallet, mark_ms, notice_ms)
        state.put_wallet(field, wallet)
        wake_for(state, field, wallet, horizon_ms)
    return [*members]


def may_wake(state: ShardState, ticks: Sequence[Tick], changes: int) -> list[str]:
    """Storage fields of wallets that ticks may look at; see ``shard.agenda``."""
    live = state.meta.domains.get(LIVE)
    return state.wakes.may_pop(live, ticks, changes, SLICE_ITEMS)


def _due_ms(hold: Hold, horizon_ms: int) -> int:
    return hold.expires_ms + horizon_ms if hold.is_expired else hold.expires_ms


def _expire(wallet: Wallet, lot: Lot, out: Emission) -> Wallet:
    moved = take_expired(wallet, lot)
    if moved.entries:
        out.transfer(
            Transfer(
                tenant=wallet.tenant,
                member=wallet.member,
                cause=Cause.EXPIRY,
                currency=wallet.currency,
                entries=[*moved.entries, Entry(BREAKAGE, lot.amount_micros)],
                lines=[],
                scope=f"lot:{lot.id}",
                event_at_ms=lot.expires_ms,
            )
        )
    return moved.wallet


def _tenant(state: ShardState, name: str) -> TenantTerms | None:
    catalogue = state.catalogues.get(state.meta.catalogue)
    return None if catalogue is None else catalogue.tenant(name)


def _horizon_ms(state: ShardState, name: str) -> int:
    tenant = _tenant(state, name)
    return HORIZON_MS if tenant is None else tenant.horizon_ms


def _notice_ms(state: ShardState, name: str) -> int:
    """How long before money ends a tenant wants to know it; 0 for never."""
    tenant = _tenant(state, name)
    events = None if tenant is None else tenant.wallet_events
    return 0 if events is None else events.notice_ms
