"""What becomes due in wallets by the log's time: lots that expire.

Invariant: a lot leaves its wallet once no use in time can be of a moment before its expiry any
more: when the live watermark is the tenant's horizon behind it. Until then it pays for such use
alone. A tick wakes at most ``SLICE_ITEMS`` members, those who are due first, and leaves the others
to the next.
"""

from collections.abc import Sequence

from schemas.frames import Tick
from schemas.ids import LIVE
from schemas.ledger import BREAKAGE, Cause, Entry, Transfer
from shard.domain import low_watermark
from shard.emission import Emission
from shard.state import HORIZON_MS, ShardState
from wallet.lots import Lot, is_expired
from wallet.moves import take_expired
from wallet.wallet import Wallet

SLICE_ITEMS = 500


def wake_for(state: ShardState, field: str, wallet: Wallet, horizon_ms: int) -> None:
    """Notes when the first of a wallet's lots leaves it.

    Args:
        state: Changed.
        field: Storage field of the wallet.
        wallet: It.
        horizon_ms: The tenant's.
    """
    expiries = [lot.expires_ms for lot in wallet.lots if lot.expires_ms]
    if expiries:
        state.put_wake(field, min(expiries) + horizon_ms)
    else:
        state.drop_wake(field)


def wake_again(state: ShardState, field: str, wallet: Wallet) -> None:
    """Notes it anew after money was given back, perhaps to a lot that had left."""
    if any(lot.expires_ms for lot in wallet.lots):
        wake_for(state, field, wallet, _horizon_ms(state, wallet.tenant))


def wake_members(state: ShardState, out: Emission) -> None:
    """Takes out what has expired, as far as a tick of the live clock has shown it.

    Args:
        state: Changed; the clock has moved on.
        out: Gets the transfers.
    """
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
        state.put_wallet(field, wallet)
        wake_for(state, field, wallet, horizon_ms)


def may_wake(state: ShardState, ticks: Sequence[Tick], commands: int) -> list[str]:
    """Storage fields of wallets that ticks may look at; see ``shard.agenda``."""
    live = state.meta.domains.get(LIVE)
    return state.wakes.may_pop(live, ticks, commands, SLICE_ITEMS)


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


def _horizon_ms(state: ShardState, name: str) -> int:
    catalogue = state.catalogues.get(state.meta.catalogue)
    tenant = None if catalogue is None else catalogue.tenant(name)
    return HORIZON_MS if tenant is None else tenant.horizon_ms
