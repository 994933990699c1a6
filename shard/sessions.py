"""Merging a frame's events of one session into its incarnations, and what that changes.

Invariant: all incarnations that a group touches are settled on copies before the first is
committed, so a group either counts whole or not at all.
"""

from typing import NamedTuple

from rating.catalogue import TenantTerms
from rating.session import (
    UNKNOWN_MS,
    Added,
    Session,
    editable,
    is_stopped,
    learn_tariff,
    merge,
    past_field,
    stop_cause,
)
from schemas.applied import AppliedUsage, Cdr
from schemas.frames import LateVerdict
from schemas.usage import UsageEvent
from shard.bought import cuts
from shard.emission import Emission
from shard.ending import end_in_silence
from shard.items import applied_item
from shard.lives import life_of
from shard.picking import Place, current_life, pick
from shard.settling import (
    Pending,
    Settled,
    cdr_of,
    check_currency,
    commit_session,
    settle_session,
    terms_of,
    timeout_ms,
    wallet_of,
)
from shard.state import ShardState
from shard.working import Working


class Done(NamedTuple):
    """What became of a scope's events.

    Args:
        rows: Items of the applied ones, with their places in the frame.
        cdrs: Of sessions that ended or were corrected.
        refused: Event, reason and detail.
    """

    rows: list[tuple[int, AppliedUsage]]
    cdrs: list[Cdr]
    refused: list[tuple[UsageEvent, str, str]]


class SessionGroup(NamedTuple):
    """Events of one session in one frame; of a late event, which is alone, with its verdict."""

    tenant: TenantTerms
    field: str
    path: str
    events: list[tuple[int, UsageEvent]]
    verdict: LateVerdict | None = None


def settle_group(state: ShardState, out: Emission, group: SessionGroup) -> Done:
    """Merges, prices and commits.

    Raises:
        BrokenInvariant: An amount or balance would be beyond the largest; nothing was changed.
        InvalidEvent: The event is late and its session cannot be restored.
    """
    done = Done([], [], [])
    workings: list[Working] = []
    place = Place(state, group.field, group.path, workings)
    current: Working | None = None
    for index, event in group.events:
        if group.verdict is None:
            current = current or current_life(place, event)
            working = pick(place, current, event)
        else:
            working = current = _restored(state, group.field, group.verdict)
        session = working.session
        if event.content is not None and event.content != session.content:
            fault = _content_fault(group.tenant, session, event)
            if fault is not None:
                done.refused.append((event, *fault))
                if current.original is None and not current.merged:
                    current = None
                continue
            session.content = event.content
            session.catalogue = state.meta.catalogue
            terms = terms_of(state, session)
            if terms is not None:
                learn_tariff(session, terms.tariff, cuts(state, session, terms))
        if working not in workings:
            _take_up(state, workings, working, group.field)
        if working.place is None:
            current = working
        working.merged.append((index, event, _merged(state, group, session, event)))
    _finish(state, out, group, workings, done)
    return done


def _merged(state: ShardState, group: SessionGroup, session: Session, event: UsageEvent) -> Added:
    terms = terms_of(state, session)
    if terms is None:
        return merge(session, event, group.path)
    return merge(session, event, group.path, terms.tariff, cuts(state, session, terms))


def _restored(state: ShardState, field: str, verdict: LateVerdict) -> Working:
    """The incarnation that a late event belongs to."""
    life = life_of(state, field, verdict)
    old = None
    if life.replaces is not None:
        old = Working(editable(life.replaces), None, life.replaces)
    if life.is_new:
        return Working(life.session, life.place, None, replaces=old)
    return Working(editable(life.session), life.place, life.session)


def _take_up(state: ShardState, workings: list[Working], working: Working, field: str) -> None:
    old = working.replaces
    if old is not None:
        if old not in workings:
            workings.append(old)
        old.place = past_field(field, old.session.incarnation)
    following = working.precedes
    if following is not None:
        number = following.session.previous = working.session.incarnation
        # The current life does not lead on to its number, so the next one must be told.
        state.meta.lives_high = max(state.meta.lives_high, number)
        state.touch_meta()
        if following not in workings:
            workings.append(following)
    workings.append(working)


def _content_fault(
    tenant: TenantTerms, session: Session, event: UsageEvent
) -> tuple[str, str] | None:
    """Why an event that names another content than its session cannot count, if it cannot."""
    if session.content:
        detail = (
            f"session {event.session!r} is of content {session.content!r}, the event says "
            f"{event.content!r}; begin a new session for another content"
        )
        return "content-changed", detail
    if tenant.content(event.content or "") is None:
        return "content-unknown", f"tenant {event.tenant!r} has no content {event.content!r}"
    return None


def _finish(
    state: ShardState,
    out: Emission,
    group: SessionGroup,
    workings: list[Working],
    done: Done,
) -> None:
    first = group.events[0][1]
    wallet = wallet_of(state, first.tenant, first.subject)
    check_currency(group.tenant, wallet)
    settled: list[tuple[Working, Settled]] = []
    pending = Pending()
    for working in workings:
        _conclude(state, working, is_late=group.verdict is not None)
        each = settle_session(
            state,
            wallet,
            working.session,
            field=group.field,
            place=working.place,
            is_late=not working.was_open and not working.session.is_open,
            pending=pending,
            since_ms=working.since_ms,
        )
        settled.append((working, each))
        wallet = each.wallet
    for working, each in settled:
        _commit(state, out, group, working, each, done)


def _commit(  # noqa: PLR0917 -- one incarnation's way into the state and the outputs
    state: ShardState,
    out: Emission,
    group: SessionGroup,
    working: Working,
    settled: Settled,
    done: Done,
) -> None:
    session, path = working.session, group.path
    sequence = commit_session(state, out, settled, session, field=group.field, place=working.place)
    incarnation, content = session.incarnation, session.content
    for at, event, (duration_ms, meters, flags, _) in working.merged:
        item = applied_item(event, path, sequence, incarnation, content, duration_ms, meters, flags)
        done.rows.append((at, item))
    if session.is_open:
        if working.is_watched_anew:
            state.watch(session, session.received_ms + timeout_ms(state, session))
    elif working.tells_news:
        done.cdrs.append(cdr_of(state, session, f"event {working.merged[-1][1].id}"))


def _conclude(state: ShardState, working: Working, *, is_late: bool) -> None:
    """Says whether the incarnation goes on, now that all events are merged.

    One that is not the current one, or that was closed or unknown when a late event came, ends
    where silence would have ended it.
    """
    session = working.session
    if is_stopped(session):
        terms = terms_of(state, session)
        session.is_open = False
        session.cause = stop_cause(session)
        session.decided_at_ms = session.stop_ms
        session.supplement_ms = 0
        session.unpaid = (
            session.stop_is_error and terms is not None and not terms.tariff.charge_errors
        )
    elif working.original is None:
        if is_late or working.place is not None:
            _end_silent(state, session)
    elif not working.was_open:
        if working.is_later and not is_late and working.place is None:
            _reopen(session)
        elif working.is_later or working.learned_content:
            _end_silent(state, session)


def _reopen(session: Session) -> None:
    session.is_open = True
    session.cause = ""
    session.decided_at_ms = UNKNOWN_MS
    session.supplement_ms = 0
    session.unpaid = False
    # What its server was told belonged to the use that ended; if it is to stop, it is told again.
    session.is_cut = False


def _end_silent(state: ShardState, session: Session) -> None:
    end_in_silence(session, terms_of(state, session))
    session.decided_at_ms = max(session.decided_at_ms, session.received_ms)
