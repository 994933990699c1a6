"""From a merged session to its price, its entries and its CDR.

Invariant: settling computes on copies; nothing of the state changes until ``commit``, so an event
that breaks an invariant leaves no trace. What was charged and what is due never part.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from rating.catalogue import ContentTerms, TenantTerms
from rating.passes import passes
from rating.price import price
from rating.scopes import brought_in
from rating.session import Session, billable
from schemas.errors import InvalidEvent
from schemas.ids import member_field
from schemas.ledger import Cause, ChargeLine, Transfer
from shard.bought import stretches
from shard.counters import NOTHING_MOVED, Moved, Owner, move
from shard.earned import NOTHING_EARNED, Earned, earned_by
from shard.earning import send_earned
from shard.emission import Emission
from shard.ending import paid_until_ms
from shard.posting import NOTHING, Charged, Posted, Scope, charged_for, pass_field, post, session_of
from shard.shadowing import (
    ShadowDue,
    Span,
    Trial,
    commit_shadow,
    note_pending,
    shadow_of_session,
)
from shard.state import ShardState
from shard.stored import Counter, PassSold
from shard.timelines import with_announced
from shard.waking import wake_again
from wallet.holds import heard_of, with_used, without_grant
from wallet.wallet import Wallet, new_wallet, with_session, without_session

ORPHAN_TIMEOUT_MS = 90_000


class PassDue(NamedTuple):
    """A pass to be sold: where it is kept and the transfer that pays it."""

    field: str
    line: ChargeLine
    transfer: Transfer


class Settled(NamedTuple):
    """What settling a scope came to, not yet part of the state.

    Args:
        wallet: After all of it.
        transfer: The charge, or None where nothing moves.
        passes: Passes to be sold before it.
        counters: Of calendar periods, after it.
        shadow: What its shadow came to, where it has one.
        is_unpriced: Whether its content is on sale without a tariff.
        earned: What a member earns by the charge.
    """

    wallet: Wallet
    transfer: Transfer | None
    passes: tuple[PassDue, ...]
    counters: Mapping[str, Counter] = {}
    shadow: ShadowDue | None = None
    is_unpriced: bool = False
    earned: Earned = NOTHING_EARNED


class Pending:
    """What uses that are settled together have done, before any of it is part of the state.

    Attributes:
        sold: Fields of passes that are about to be sold.
        counters: Of calendar periods.
    """

    def __init__(self) -> None:
        self.sold: set[str] = set()
        self.counters: dict[str, Counter] = {}


def terms_of(state: ShardState, session: Session) -> ContentTerms | None:
    """The terms that the session was begun under, with the prices that were announced since.

    None while its content is unknown.
    """
    number, latest = session.catalogue, state.meta.catalogue
    if not number:
        return None
    tenant = state.catalogues[number].tenant(session.tenant)
    terms = None if tenant is None else tenant.content(session.content)
    if terms is None or number == latest:
        return terms
    return with_announced(state, number, session.tenant, terms)


def timeout_ms(state: ShardState, session: Session) -> int:
    """Covered silence after which the session has ended."""
    terms = terms_of(state, session)
    return ORPHAN_TIMEOUT_MS if terms is None else terms.tariff.timeout_ms


def wallet_of(state: ShardState, tenant: str, member: str) -> Wallet:
    """The member's wallet; a member that was never seen has an empty one."""
    known = state.wallet(member_field(tenant, member))
    if known is not None:
        return known
    terms = state.catalogues[state.meta.catalogue].tenant(tenant)
    return new_wallet(tenant, member, "XXX" if terms is None else terms.currency)


def check_currency(tenant: TenantTerms, wallet: Wallet) -> None:
    """Numbers of one currency are never taken from a wallet of another.

    Raises:
        InvalidEvent: The tenant's currency is not that of the member's wallet.
    """
    if tenant.currency != wallet.currency:
        raise InvalidEvent(
            "currency-mismatch",
            f"the wallet of {wallet.member!r} is in {wallet.currency}, tenant {tenant.id!r} prices "
            f"in {tenant.currency}; put the currency of the catalogue back",
        )


def settle_session(
    state: ShardState,
    wallet: Wallet,
    session: Session,
    *,
    field: str,
    place: str | None,
    is_late: bool,
    pending: Pending,
    since_ms: int,
    buys_passes: bool = True,
) -> Settled:
    """Prices a session anew and posts the difference.

    Args:
        state: Read only.
        wallet: Of its member, before.
        session: An editable copy; its charge fields are set.
        field: Where its current incarnation is stored.
        place: Field of a replaced incarnation, or None for the current one.
        buys_passes: Whether passes that its use needs are bought; silence never buys one.
        is_late: Whether it was closed before this record.
        pending: Of what is settled together with it; grows.
        since_ms: Nothing that it had used before this moment has changed.

    Raises:
        BrokenInvariant: An amount is beyond the largest.
    """
    if place is None:
        wallet = _heard(wallet, session, field)
    terms = terms_of(state, session)
    if terms is None:
        return Settled(wallet, None, ())
    tariff = terms.tariff
    due: list[PassDue] = []
    use_ms = (session.start_ms, session.last_ms)
    if buys_passes and tariff.has_passes:
        until_ms = paid_until_ms(session, terms)
        scope = session_scope(session, terms)
        wallet, due = passes_due(state, wallet, scope, terms, use_ms, pending, until_ms)
    covered = stretches(state, session.tenant, session.member, terms, session.start_ms)
    usage = billable(session, tariff, covered)
    lines = price(tariff, usage)
    beside, after = NOTHING_MOVED, session.scopes
    if tariff.finest is not None:
        owner = Owner(session.tenant, session.member, terms, session.catalogue)
        after = brought_in(tariff, usage, lines, session.scopes, since_ms)
        beside = move(state, owner, session.scopes, after, pending.counters)
    bought_ms = use_ms if buys_passes else None
    shadow = _shadow(state, wallet, session, terms, pending, since_ms, bought_ms)
    old = Charged(session.lines, session.charged_micros, session.provider_micros)
    is_same = lines == session.lines and not beside.changed
    new = old if is_same else charged_for(lines, tariff)
    earned = earned_by(session, tariff, new.total_micros + beside.total_micros)
    if is_same and not earned.delta_micros:
        # The same tariff and the same lines: no part of them can have moved.
        return Settled(wallet, None, tuple(due), shadow=shadow, is_unpriced=not tariff.id)
    posted = post(
        wallet,
        old,
        new,
        session_scope(session, terms),
        last=session.last_transfer,
        is_late=is_late,
        beside=beside,
        paid=session.paid,
        earned=earned,
    )
    wallet, transfer = posted.wallet, posted.transfer
    if transfer is not None:
        _note_told(session, new, beside, posted)
    session.scopes = after
    counters = beside.untold() if transfer is None else beside.told()
    pending.counters.update(counters)
    return Settled(wallet, transfer, tuple(due), counters, shadow, earned=posted.earned)


def _note_told(session: Session, new: Charged, beside: Moved, posted: Posted) -> None:
    """Only what a transfer tells: what was used free of charge is told with the next one."""
    session.lines, session.charged_micros, session.provider_micros = new
    session.scoped_micros += beside.total_micros
    session.scoped_provider_micros += sum(beside.providers.values())
    session.paid, session.earned_lot = posted.paid, posted.earned.lot
    session.earned_micros += posted.earned.delta_micros


def _heard(wallet: Wallet, session: Session, field: str) -> Wallet:
    """The member's wallet knows which sessions are open; their grants hold on, others' are over."""
    if not session.is_open:
        return without_grant(without_session(wallet, field), field)
    return heard_of(with_session(wallet, field), field, session.received_ms)


def _shadow(  # noqa: PLR0917 -- one shadow's inputs, each of another type
    state: ShardState,
    wallet: Wallet,
    session: Session,
    terms: ContentTerms,
    pending: Pending,
    since_ms: int,
    use_ms: tuple[int, int] | None,
) -> ShadowDue | None:
    """What the content's shadow comes to, where it has one; the terms are the real ones."""
    if terms.shadow is None:
        return None
    span = Span(since_ms, use_ms, paid_until_ms(session, terms))
    scope = session_scope(session, terms.shadow)
    trial = Trial(state, wallet, terms.shadow, scope, pending.sold, pending.counters)
    due = shadow_of_session(trial, session, span)
    if due is not None:
        note_pending(due, pending.sold, pending.counters)
    return due


def session_scope(session: Session, terms: ContentTerms) -> Scope:
    """A session as a scope of prices."""
    return Scope(
        name="session",
        source=session.source,
        session=session.session,
        incarnation=session.incarnation,
        content=session.content,
        provider=terms.provider,
        tariff=terms.tariff.id,
        catalogue=session.catalogue,
        event_at_ms=session.last_ms,
        paid_from=terms.tariff.paid_from,
        sponsor=terms.tariff.sponsor,
    )


def passes_due(  # noqa: PLR0917 -- one price rule's inputs, each of another type
    state: ShardState,
    wallet: Wallet,
    scope: Scope,
    terms: ContentTerms,
    use_ms: tuple[int, int],
    pending: Pending,
    until_ms: int | None = None,
) -> tuple[Wallet, list[PassDue]]:
    """Passes that use in [start, end] needs and the member has not got.

    A pass is a scope of its own: whichever session comes first pays it, and no session owns it.

    Args:
        state: Read only.
        wallet: Before.
        scope: Of the use.
        terms: Of the content.
        use_ms: First and last moment of the use.
        pending: Of what is settled together with it; grows.
        until_ms: Passes of later periods are not due; None for all of the use.

    Returns:
        The wallet after them, and the passes.
    """
    due: list[PassDue] = []
    for each in passes(terms.tariff, use_ms[0], use_ms[1], terms.zone):
        if until_ms is not None and each.start_ms > until_ms:
            break
        field = pass_field(wallet.tenant, wallet.member, terms.tariff.id, each.kind, each.period)
        if field in pending.sold or state.pass_sold(field) is not None:
            continue
        pending.sold.add(field)
        line = ChargeLine("flat", each.period, 1, each.amount_micros, "", each.version)
        new = charged_for((line,), terms.tariff)
        own = scope._replace(
            name=f"pass:{terms.tariff.id}:{each.period}",
            source="",
            session="",
            incarnation=0,
            event_at_ms=each.start_ms,
            spent_at_ms=scope.event_at_ms,
        )
        wallet, transfer, *_ = post(wallet, NOTHING, new, own, is_late=False)
        if transfer is not None:
            if wallet.holds:
                wallet = with_used(wallet, session_of(scope, wallet), each.amount_micros)
            paid = msgspec.structs.replace(transfer, cause=Cause.PASS)
            due.append(PassDue(field, line, paid))
    return wallet, due


def commit(state: ShardState, out: Emission, settled: Settled) -> int:
    """Makes what was settled part of the state.

    Returns:
        Ledger sequence of the charge, or -1 where nothing moved.
    """
    for due in settled.passes:
        sequence = out.transfer(due.transfer)
        state.put_pass(due.field, PassSold(due.line.amount_micros, sequence, due.line))
    for name, counter in settled.counters.items():
        state.put_counter(name, counter)
    if settled.shadow is not None:
        out.applied.extend(commit_shadow(state, settled.shadow))
    wallet = settled.wallet
    field = member_field(wallet.tenant, wallet.member)
    if state.wallets.get(field) is not wallet:
        state.put_wallet(field, wallet)
        if settled.transfer is not None:
            is_correction = settled.transfer.cause == Cause.CORRECTION
            if is_correction or (settled.earned.ends_ms and settled.earned.is_own):
                wake_again(state, field, wallet)
    if settled.transfer is None:
        return -1
    sequence = out.transfer(settled.transfer)
    if settled.earned.delta_micros and not settled.earned.is_own:
        send_earned(state, out, settled.transfer, settled.earned)
    return sequence


def commit_session(
    state: ShardState,
    out: Emission,
    settled: Settled,
    session: Session,
    *,
    field: str,
    place: str | None,
) -> int:
    """Makes a settled session part of the state.

    Args:
        state: Changed.
        out: Gets its transfers.
        settled: Of it.
        session: The editable copy.
        field: Where its current incarnation is stored.
        place: Field of a replaced incarnation, or None for the current one.

    Returns:
        Ledger sequence of the charge, or -1 where nothing moved.
    """
    sequence = commit(state, out, settled)
    if sequence >= 0:
        session.last_transfer = sequence
    if settled.shadow is not None:
        session.shadow = settled.shadow.after
    if not session.is_open:
        state.note_closed(place or field, session)
    if place:
        state.put_past(place, session)
    else:
        state.put_session(field, session)
    return sequence
