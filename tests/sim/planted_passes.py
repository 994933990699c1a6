"""Known mistakes in passes that members buy, as patches.

Owns: one function per mistake, each of which replaces one named function of the product.
Invariant: a patch is the product's own code but for the one mistake.
"""

import pytest

from rating.catalogue import ContentTerms
from rating.session import Session
from schemas.passes import BoughtPass
from shard import loading, renewing, selling
from shard.emission import Emission
from shard.port import Store
from shard.refusal import Refusal
from shard.selling import Deal, Offer, sell
from shard.state import ShardState
from wallet.available import available
from wallet.lots import Use
from wallet.wallet import Wallet

_CREDIT = 50_000_000
_load_passes = loading._load_passes
_renew = renewing._try


def counts_not_kept_apart(patch: pytest.MonkeyPatch) -> None:
    """What was counted inside a pass is not told from what was counted before it."""

    def none(_: ShardState, __: Session, ___: ContentTerms) -> tuple[int, ...]:
        return ()

    patch.setattr("shard.sessions.cuts", none)


def renewed_from_the_tick(patch: pytest.MonkeyPatch) -> None:
    """The next pass begins when a tick was appended, not where the last one ended."""

    def late(
        state: ShardState, out: Emission, wallet: Wallet, offer: Offer, deal: Deal
    ) -> BoughtPass | Refusal:
        return sell(state, out, wallet, offer, deal._replace(at_ms=out.record.stamp_ms))

    patch.setattr(renewing, "sell", late)


def renewals_not_read_again(patch: pytest.MonkeyPatch) -> None:
    """An owner that takes over does not know what is to renew."""

    async def forgetful(store: Store, state: ShardState) -> None:
        await _load_passes(store, state)
        state.renewals.clear()

    patch.setattr(loading, "_load_passes", forgetful)


def passes_on_credit(patch: pytest.MonkeyPatch) -> None:
    """A pass is sold to whoever may still use."""

    def with_credit(wallet: Wallet, limit: int, use: Use) -> int:
        return available(wallet, limit + _CREDIT, use)

    patch.setattr(selling, "available", with_credit)


def renewed_only_once(patch: pytest.MonkeyPatch) -> None:
    """Where money is missing at its end, a pass lapses at once."""

    def refused(
        state: ShardState, out: Emission, wallet: Wallet, last: BoughtPass, due_ms: int
    ) -> BoughtPass | Refusal:
        done = _renew(state, out, wallet, last, due_ms)
        return done._replace(reason="lapsed") if isinstance(done, Refusal) else done

    patch.setattr(renewing, "_try", refused)


MISTAKES = (
    counts_not_kept_apart, renewed_from_the_tick, renewals_not_read_again, passes_on_credit,
    renewed_only_once,
)  # fmt: skip
