"""Ends that nobody sent: what a tick decides about sessions that were not heard of.

Invariant: an end is decided once, by a tick in the log; a session ends only when every path that
it used vouches for its silence. A tick with much to end is done in slices, in key order.
"""

import heapq
from collections.abc import Iterable

from rating.session import Session, editable
from schemas.errors import BrokenInvariant
from schemas.frames import Tick
from schemas.ids import LIVE
from shard.cdrs import cdr_of
from shard.consenting import count_silent
from shard.domain import NEVER_MS, advance, uncovered_ms, watermark_of
from shard.emission import Emission
from shard.ending import end_in_silence, evidence_of
from shard.expiry import expire_hours
from shard.renewing import renew_passes
from shard.settling import (
    Pending,
    Settled,
    commit_session,
    settle_session,
    terms_of,
    timeout_ms,
    wallet_of,
)
from shard.signals import limit_signal, signal_wallet
from shard.state import ShardState
from shard.waking import wake_members
from wallet.holds import without_grant
from wallet.wallet import without_session

SLICE_ITEMS = 500


def apply_tick(state: ShardState, tick: Tick, out: Emission, part: int) -> bool:
    """Moves a clock domain on and ends the sessions that it proves silent.

    Args:
        state: Changed.
        tick: From the log.
        out: Gets entries and CDRs.
        part: Slice of the tick, from 0; only the first moves the clock.

    Returns:
        Whether the tick is done; otherwise the next slice goes on.
    """
    members: dict[tuple[str, str], None] = {}
    if part == 0:
        advance(state.domain(tick.domain), tick)
        expire_hours(state, tick.domain, out.next_applied)
        state.touch_meta()
        if tick.domain == LIVE:
            members.update(dict.fromkeys(renew_passes(state, out)))
            members.update(dict.fromkeys(wake_members(state, out)))
    due = sorted(_due(state, tick.domain))
    for field, decided_ms in due[:SLICE_ITEMS]:
        session = state.session(field)
        if session is not None:
            _end(state, field, session, decided_ms, out)
            members[session.tenant, session.member] = None
    _signal(state, members, out)
    for field, decided_ms in due[SLICE_ITEMS:]:
        session = state.session(field)
        if session is not None:
            state.watch(session, decided_ms)
    return len(due) <= SLICE_ITEMS


def _due(state: ShardState, domain_name: str) -> list[tuple[str, int]]:
    """Silent sessions as (field, moment of certainty); their heap entries are consumed."""
    domain = state.domain(domain_name)
    found: dict[str, int] = {}
    for key in sorted(state.deadlines):
        name, paths = key
        mark_ms = watermark_of(domain, paths) if name == domain_name else NEVER_MS
        heap = state.deadlines[key]
        while heap and heap[0][0] <= mark_ms:
            _, field = heapq.heappop(heap)
            session = state.sessions.get(field)
            if session is None or not session.is_open or _key(session) != key:
                # Of an earlier life, perhaps by another clock: it is watched under its own.
                continue
            allowed_ms = timeout_ms(state, session)
            uncovered = uncovered_ms(domain, paths, session.received_ms, mark_ms)
            due_ms = session.received_ms + allowed_ms + uncovered
            if due_ms <= mark_ms:
                found[field] = due_ms
            else:
                state.watch(session, due_ms)
    return list(found.items())


def _key(session: Session) -> tuple[str, tuple[str, ...]]:
    return session.domain, session.paths


def _signal(state: ShardState, members: Iterable[tuple[str, str]], out: Emission) -> None:
    """An end may give money back or take more: the member's other sessions are told."""
    # Without a catalogue there is no session yet either, and so no member.
    catalogue = state.catalogues.get(state.meta.catalogue)
    for name, member in members:
        tenant = None if catalogue is None else catalogue.tenant(name)
        if tenant is not None:
            signal_wallet(state, out, tenant, member, ())


def _end(state: ShardState, field: str, silent: Session, decided_ms: int, out: Emission) -> None:
    session = editable(silent)
    terms = terms_of(state, session)
    end_in_silence(session, terms)
    session.decided_at_ms = decided_ms
    wallet, before_micros = wallet_of(state, session.tenant, session.member), session.moved_micros
    try:
        settled = settle_session(
            state,
            wallet,
            session,
            field=field,
            place=None,
            is_late=False,
            pending=Pending(),
            since_ms=session.start_ms if session.unpaid else min(session.last_ms, session.end_ms),
            buys_passes=False,
        )
    except BrokenInvariant:
        # The end itself is certain; what cannot be posted is only what silence would add.
        session.supplement_ms, session.unpaid = 0, False
        settled = Settled(without_grant(without_session(wallet, field), field), None, ())
    commit_session(state, out, settled, session, field=field, place=None)
    count_silent(state, session, before_micros)
    evidence = f"{evidence_of(session, terms)}, tick of record {out.record.offset}"
    out.applied.append(cdr_of(state, session, evidence))
    limits = None if terms is None else terms.tariff.limits
    tenant = state.catalogues[state.meta.catalogue].tenant(session.tenant)
    if limits is not None and limits.is_silence and tenant is not None:
        out.signals.append(limit_signal(state, tenant, session))
