"""Known mistakes about lots of money, as patches: who pays, who is given back, what expires.

Owns: one function per mistake, each of which replaces one named function of the product.
Invariant: a patch is the product's own code but for the one mistake.
"""

import msgspec
import pytest

from schemas.buckets import Parts
from shard import crediting, loading, posting, signals, waking
from shard.port import Store
from shard.state import ShardState
from wallet import available, lots, moves
from wallet.lots import Lot, Use
from wallet.moves import Moved, debit, give_back
from wallet.wallet import Wallet

_load_passes = loading._load_passes
_fits, _wake_for = lots.fits, waking.wake_for


def oldest_lot_first(patch: pytest.MonkeyPatch) -> None:
    """Lots are spent as they came, whatever ends sooner."""

    def by_age(lot: Lot) -> int:
        return lot.id

    patch.setattr(moves, "order_of", by_age)


def expired_lots_pay(patch: pytest.MonkeyPatch) -> None:
    """Use of after a lot's expiry may spend it."""

    def fits(lot: Lot, use: Use) -> bool:
        return _fits(msgspec.structs.replace(lot, expires_ms=0), use)

    for each in (moves, available):
        patch.setattr(each, "fits", fits)


def meant_for_nothing_in_particular(patch: pytest.MonkeyPatch) -> None:
    """A lot pays for everything, whatever it was meant for."""

    def fits(lot: Lot, use: Use) -> bool:
        return _fits(msgspec.structs.replace(lot, only=None), use)

    patch.setattr(moves, "fits", fits)


def given_back_as_cash(patch: pytest.MonkeyPatch) -> None:
    """What was charged too much becomes cash, whatever had paid."""

    def forgetful(before: Wallet, amount_micros: int, paid: Parts = ()) -> Moved:
        del paid
        return give_back(before, amount_micros)

    patch.setattr(posting, "give_back", forgetful)


def what_paid_not_kept(patch: pytest.MonkeyPatch) -> None:
    """Of what paid, only the last movement is known."""

    def forgetful(before: Wallet, amount_micros: int, use: Use, paid: Parts = ()) -> Moved:
        del paid
        return debit(before, amount_micros, use)

    patch.setattr(posting, "debit", forgetful)


def wakes_not_read_again(patch: pytest.MonkeyPatch) -> None:
    """An owner that takes over does not know what expires."""

    async def forgetful(store: Store, state: ShardState) -> None:
        await _load_passes(store, state)
        state.wakes.clear()

    patch.setattr(loading, "_load_passes", forgetful)


def expired_without_grace(patch: pytest.MonkeyPatch) -> None:
    """A lot leaves as soon as the watermark passes its expiry."""

    def at_once(state: ShardState, field: str, after: Wallet, horizon_ms: int) -> None:
        del horizon_ms
        _wake_for(state, field, after, 0)

    def none(_: ShardState, __: str) -> int:
        return 0

    patch.setattr(waking, "_horizon_ms", none)
    for each in (waking, crediting):
        patch.setattr(each, "wake_for", at_once)


def one_balance_for_all(patch: pytest.MonkeyPatch) -> None:
    """Servers are told of all the money, be it meant for their content or not."""

    def of_all(whose: Wallet, limit_micros: int, use: Use) -> int:
        del use
        bare = tuple(msgspec.structs.replace(lot, only=None) for lot in whose.lots)
        stripped = msgspec.structs.replace(whose, lots=bare)
        return available.available(stripped, limit_micros, lots.ANYTHING)

    patch.setattr(signals, "available", of_all)


MISTAKES = (
    oldest_lot_first, expired_lots_pay, meant_for_nothing_in_particular, given_back_as_cash,
    what_paid_not_kept, wakes_not_read_again, expired_without_grace, one_balance_for_all,
)  # fmt: skip
