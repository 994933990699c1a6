"""Passes that renew themselves: in log time, once each, again every hour while money is missing.

Invariant: what a tick renews is a pure function of the log up to it; a tick tries at most
``SLICE_ITEMS``, the earliest first, and leaves the rest to the next.
"""

from collections.abc import Iterator, Sequence

import msgspec

from rating.catalogue import TenantTerms
from rating.periods import PeriodKind
from schemas.frames import Tick
from schemas.ids import LIVE, SEPARATOR, joined, member_field
from schemas.moment import HOUR_MS
from schemas.passes import NEVER_MS, BoughtPass
from shard.bought import passes_of
from shard.domain import low_watermark
from shard.emission import Emission
from shard.refusal import Refusal
from shard.selling import Deal, keep, offer_of, sell
from shard.state import ShardState
from wallet.wallet import Wallet

SLICE_ITEMS = 500
RETRY_MS = HOUR_MS
GIVES_UP_MS = 72 * HOUR_MS
_PERIODS: dict[str, PeriodKind] = {"day": "day", "week": "week", "month": "month"}


def renew_passes(state: ShardState, out: Emission) -> list[tuple[str, str]]:
    """Renews what a tick of the live clock has shown to be at its end.

    Args:
        state: Changed; the clock has moved on.
        out: Gets the transfers.

    Returns:
        Members whose wallets moved, in order.
    """
    members: dict[tuple[str, str], None] = {}
    mark_ms = low_watermark(state.domain(LIVE))
    for due_ms, field in state.renewals.pop(mark_ms, SLICE_ITEMS):
        tenant, member, tariff = field.split(SEPARATOR)
        if _renew(state, out, (tenant, member), tariff, due_ms):
            members[tenant, member] = None
    return [*members]


def may_be_due(
    state: ShardState, ticks: Sequence[Tick], commands: int
) -> Iterator[tuple[str, str]]:
    """Members whose passes ticks may renew.

    Args:
        state: Read only.
        ticks: Of a batch.
        commands: How many are in the batch: each may make room for another of the passes.
    """
    live = state.meta.domains.get(LIVE)
    for field in state.renewals.may_pop(live, ticks, commands, SLICE_ITEMS):
        tenant, member, _ = field.split(SEPARATOR)
        yield tenant, member


def _renew(
    state: ShardState, out: Emission, owner: tuple[str, str], tariff: str, due_ms: int
) -> bool:
    """Whether money moved."""
    passes = passes_of(state, *owner, tariff)
    wallet = state.wallet(member_field(*owner))
    if not passes or wallet is None:
        state.drop_renewal(joined(*owner, tariff))
        return False
    last = passes[-1]
    done = _try(state, out, wallet, last, due_ms)
    if not isinstance(done, Refusal):
        return True
    next_ms = due_ms + RETRY_MS
    if done.reason != "insufficient-funds" or next_ms > last.to_ms + GIVES_UP_MS:
        next_ms = NEVER_MS
    later = msgspec.structs.replace(last, renews_at_ms=next_ms)
    keep(state, wallet, (*passes[:-1], later))
    return False


def _try(
    state: ShardState, out: Emission, wallet: Wallet, last: BoughtPass, due_ms: int
) -> BoughtPass | Refusal:
    tenant = _tenant(state, wallet)
    if tenant is None or tenant.currency != wallet.currency:
        return Refusal("tenant-unknown", "no catalogue prices the pass in the wallet's currency")
    offer = offer_of(tenant, last.content, _PERIODS[last.period], due_ms)
    if isinstance(offer, Refusal):
        return offer
    if offer.content.tariff.id != last.tariff or not offer.terms.renews:
        return Refusal("pass-renews-not", "the content's tariff does not renew the pass any more")
    return sell(state, out, wallet, offer, Deal(due_ms, renews=True, reference=last.id))


def _tenant(state: ShardState, wallet: Wallet) -> TenantTerms | None:
    catalogue = state.catalogues.get(state.meta.catalogue)
    return None if catalogue is None else catalogue.tenant(wallet.tenant)
