"""What a tenant is told of its members' wallets: money in and out, levels crossed, money that ends.

Invariant: what is said follows from the wallets before and after one record and from its
transfers, in the order of these, then of the wallets' fields; so any grouping of records says the
same. A level is said once when the balance falls to it, and again only after it rose above.
A tenant that asks for nothing has the outputs and the state that it had without this file.
"""

from typing import NamedTuple

import msgspec

from rating.catalogue import TenantTerms
from rating.wallet_events import WalletEventTerms
from schemas.ids import LIVE, member_field
from schemas.ledger import Cause, Transfer
from schemas.wallet_events import WalletEvent, WalletEventKind
from shard.domain import low_watermark
from shard.emission import Emission
from shard.state import ShardState
from shard.waking import wake_for
from wallet.available import available, posted
from wallet.lots import anything
from wallet.wallet import UNJUDGED, Wallet, new_wallet

# Of each cause that is said the kind has the same name.
_MOVED = frozenset({
    Cause.TOP_UP, Cause.CREDIT, Cause.SENT, Cause.RECEIVED, Cause.RETURNED, Cause.CARD_REDEEMED,
})  # fmt: skip
_ABOVE, _LOW, _ZERO, _DEBT = range(4)
_FELL_TO: dict[int, str] = {
    _LOW: WalletEventKind.BALANCE_LOW,
    _ZERO: WalletEventKind.BALANCE_ZERO,
    _DEBT: WalletEventKind.DEBT,
}


def tell_wallets(state: ShardState, out: Emission) -> None:
    """Says what a record, or a slice of it, did to wallets.

    Args:
        state: Changed where a wallet's level is another; forgets how wallets were before.
        out: Gets the events; has all transfers of the record.
    """
    catalogue = state.catalogues.get(state.meta.catalogue)
    if catalogue is None or not catalogue.tells_wallets or not state.before:
        state.before.clear()
        return
    told: dict[str, _Told] = {}
    for field in sorted(state.before):
        wallet = state.wallet(field)
        tenant = None if wallet is None else catalogue.tenant(wallet.tenant)
        if wallet is not None and tenant is not None and tenant.wallet_events is not None:
            before = state.before[field] or _unseen(wallet)
            told[field] = _Told(field, before, wallet, tenant, tenant.wallet_events)
    causes = _say_moved(out, told)
    for field, each in told.items():
        transfer, number = causes.get(field, (None, -1))
        event = _event(each, out, transfer, _name(state, number))
        _say_frozen(each, out, event)
        _say_level(state, each, out, event)
        _say_ends(state, each, out, _event(each, out, None, ""))
        if each.events.notice_ms and any(lot.expires_ms for lot in each.wallet.lots):
            wake_for(state, field, each.wallet, each.tenant.horizon_ms)
    state.before.clear()


class _Told(NamedTuple):
    """A wallet that a record changed, of a tenant that wants to know."""

    field: str
    before: Wallet
    wallet: Wallet
    tenant: TenantTerms
    events: WalletEventTerms


def _unseen(wallet: Wallet) -> Wallet:
    """How a wallet was before there was one."""
    return new_wallet(wallet.tenant, wallet.member, wallet.currency)


def _name(state: ShardState, number: int) -> str:
    return f"{state.shard}-{number}" if number >= 0 else ""


def _say_moved(out: Emission, told: dict[str, _Told]) -> dict[str, tuple[Transfer, int]]:
    """Says what came and went; returns the last transfer of each wallet, with its sequence."""
    causes: dict[str, tuple[Transfer, int]] = {}
    first = out.next_transfer - len(out.transfers)
    for number, transfer in enumerate(out.transfers, first):
        each = told.get(member_field(transfer.tenant, transfer.member))
        if each is None:
            continue
        causes[each.field] = (transfer, number)
        own = f"member/{transfer.member}/"
        amount = sum(one.amount_micros for one in transfer.entries if one.account.startswith(own))
        if transfer.cause in _MOVED and amount:
            event = _event(each, out, transfer, f"{out.shard}-{number}")
            _say(each, out, msgspec.structs.replace(event, amount_micros=amount), transfer.cause)
    return causes


def _event(each: _Told, out: Emission, transfer: Transfer | None, name: str) -> WalletEvent:
    """An event of no kind yet, with the balance after the record and what caused it."""
    wallet, stamp_ms = each.wallet, out.record.stamp_ms
    limit = each.tenant.credit_limit_micros(wallet.member)
    return WalletEvent(
        kind="",
        tenant=wallet.tenant,
        member=wallet.member,
        at_ms=stamp_ms if transfer is None else transfer.event_at_ms,
        currency=wallet.currency,
        amount_micros=0,
        posted_micros=posted(wallet),
        available_micros=available(wallet, limit, anything(stamp_ms)),
        transfer=name,
        key=out.command_key if transfer is None else transfer.key,
        actor=out.command_actor if transfer is None else transfer.actor,
        reference="" if transfer is None else transfer.reference,
        peer="" if transfer is None else transfer.peer,
    )


def _say(each: _Told, out: Emission, event: WalletEvent, kind: str) -> None:
    if kind in each.events.kinds:
        out.events.append(msgspec.structs.replace(event, kind=str(kind)))


def _say_frozen(each: _Told, out: Emission, event: WalletEvent) -> None:
    """Also where another reason is said."""
    if each.wallet.frozen != each.before.frozen:
        kind = WalletEventKind.FROZEN if each.wallet.frozen else WalletEventKind.UNFROZEN
        _say(each, out, msgspec.structs.replace(event, reason=each.wallet.frozen), kind)


def _say_level(state: ShardState, each: _Told, out: Emission, event: WalletEvent) -> None:
    """Each level that the balance fell to, the highest first; what it rose above is forgotten."""
    mark = each.events.low_balance_micros(each.wallet.member)
    known, level = each.before.level_told, _level(each.wallet, mark)
    if known == UNJUDGED:
        known = _level(each.before, mark)
    for fell_to in range(known + 1, level + 1):
        about = event
        if fell_to == _LOW:
            if not mark:
                continue
            about = msgspec.structs.replace(event, mark_micros=mark)
        _say(each, out, about, _FELL_TO[fell_to])
    if level != each.wallet.level_told:
        state.put_wallet(each.field, msgspec.structs.replace(each.wallet, level_told=level))


def _level(wallet: Wallet, mark_micros: int) -> int:
    balance = posted(wallet)
    if balance < 0:
        return _DEBT
    if balance == 0:
        return _ZERO
    return _LOW if balance <= mark_micros else _ABOVE


def _say_ends(state: ShardState, each: _Told, out: Emission, event: WalletEvent) -> None:
    """Lots that are near their end since this record, the soonest first, as far as any is left."""
    mark_ms = low_watermark(state.domain(LIVE))
    fresh = set(each.wallet.ends_told) - set(each.before.ends_told)
    for lot in sorted(each.wallet.lots, key=lambda one: (one.expires_ms, one.id)):
        if (lot.expires_ms, lot.id) in fresh and lot.amount_micros and lot.expires_ms > mark_ms:
            about = msgspec.structs.replace(
                event,
                at_ms=out.record.stamp_ms,
                amount_micros=lot.amount_micros,
                lot=lot.id,
                bucket=lot.bucket,
                expires_ms=lot.expires_ms,
            )
            _say(each, out, about, WalletEventKind.EXPIRY_NEAR)
