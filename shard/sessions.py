"""Merging a frame's events of one session into its incarnations, and what that changes.

Invariant: all incarnations that a group touches are settled on copies before the first is
committed, so a group either counts whole or not at all.
"""

from typing import NamedTuple

from rating.catalogue import TenantTerms
from rating.merging import Added, learn_tariff, merge
from rating.session import UNKNOWN_MS, Session, editable, is_stopped, past_field, stop_cause
from schemas.applied import UNPRICED, AppliedUsage, Cause, Cdr
from schemas.frames import LateVerdict
from schemas.moment import HOUR_MS
from schemas.usage import UsageEvent
from shard.bought import cuts
from shard.cdrs import cdr_of
from shard.consenting import Consenting, consenting_of
from shard.emission import Emission
from shard.ending import end_idle, end_in_silence, evidence_of, input_end_ms, is_idle
from shard.items import applied_item
from shard.limits import ROOM, Claim, claim_room, has_room, supersede
from shard.lives import life_of
from shard.picking import Place, current_life, pick
from shard.settling import (
    Pending,
    Settled,
    check_currency,
    commit_session,
    settle_session,
    terms_of,
    timeout_ms,
    wallet_of,
)
from shard.shadowing import learn_shadow, note_shadow
from shard.state import ShardState
from shard.working import Working


class Done(NamedTuple):
    """What became of a scope's events.

    Args:
        rows: Items of the applied ones, with their places in the frame.
        cdrs: Of sessions that ended or were corrected.
        refused: Event, reason and detail.
        limited: Sessions whose servers are to be told that a limit is reached.
    """

    rows: list[tuple[int, AppliedUsage]]
    cdrs: list[Cdr]
    refused: list[tuple[UsageEvent, str, str]]
    limited: list[Session]


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
        InvalidEvent: The event is late and its session cannot be restored, or a session more than
            the tariff allows would be open.
    """
    done = Done([], [], [], [])
    workings: list[Working] = []
    place = Place(state, group.field, group.path, workings)
    current: Working | None = None
    consenting = consenting_of(state, group.tenant, group.events[0][1].subject)
    for index, event in group.events:
        if group.verdict is None:
            current = current or current_life(place, event)
            working = pick(place, current, event)
        else:
            working = current = _restored(state, group.field, group.verdict)
        session = working.session
        names_content = event.content is not None and event.content != session.content
        fault = _content_fault(group.tenant, session, event) if names_content else None
        if fault is None and consenting is not None:
            fault = consenting.bind(session, event)
        if fault is not None:
            done.refused.append((event, *fault))
            if current.original is None and not current.merged:
                current = None
            continue
        if names_content and event.content is not None:
            session.content = event.content
            session.catalogue = state.meta.catalogue
            terms = terms_of(state, session)
            if terms is not None:
                learn_shadow(session, terms)
                learn_tariff(session, terms.tariff, cuts(state, session, terms))
        if working not in workings:
            _take_up(state, workings, working, group.field)
        if working.place is None:
            current = working
        working.merged.append((index, event, _merged(state, group, session, event)))
    _finish(state, out, group, workings, done, consenting)
    return done


def _merged(state: ShardState, group: SessionGroup, session: Session, event: UsageEvent) -> Added:
    terms = terms_of(state, session)
    sealed_ms = state.domain(session.domain).gone_hour * HOUR_MS
    note_shadow(session, event, terms, sealed_ms)
    if terms is None:
        return merge(session, event, group.path)
    between = cuts(state, session, terms)
    return merge(session, event, group.path, terms.tariff, between, sealed_ms=sealed_ms)


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


def _finish(  # noqa: PLR0917 -- all that a group has come to
    state: ShardState,
    out: Emission,
    group: SessionGroup,
    workings: list[Working],
    done: Done,
    consenting: Consenting | None,
) -> None:
    first = group.events[0][1]
    wallet = wallet_of(state, first.tenant, first.subject)
    check_currency(group.tenant, wallet)
    settled: list[tuple[Working, Settled]] = []
    pending = Pending()
    is_late, claim = group.verdict is not None, ROOM
    for working in workings:
        _conclude(state, working, is_late=is_late)
        if working.place is None and not is_late and not working.is_counted:
            claim = claim_room(state, working, is_alone=len(group.events) == 1)
        before_micros = working.session.moved_micros
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
        if consenting is not None:
            consenting.count(working.session, before_micros, each.passes)
        settled.append((working, each))
        wallet = each.wallet
    for working, each in settled:
        _commit(state, out, group, working, each, done)
    _take_place(state, workings, claim, done)
    if consenting is not None:
        consenting.commit()


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
        words = flags
        if settled.is_unpriced:
            words = f"{flags},{UNPRICED}" if flags else UNPRICED
        item = applied_item(event, path, sequence, incarnation, content, duration_ms, meters, words)
        done.rows.append((at, item))
    if session.is_open:
        if working.is_watched_anew:
            state.watch(session, session.received_ms + timeout_ms(state, session))
        return
    terms = terms_of(state, session)
    if working.tells_news:
        evidence = evidence_of(session, terms)
        if not working.was_open:
            evidence += f"; corrected by event {(working.merged or group.events)[-1][1].id}"
        done.cdrs.append(cdr_of(state, session, evidence))
    is_told = working.merged and working.place is None and group.verdict is None
    if is_told and not is_stopped(session) and (session.superseded_by or is_idle(session, terms)):
        done.limited.append(session)


def _take_place(state: ShardState, workings: list[Working], claim: Claim, done: Done) -> None:
    """Ends the sessions whose place the current life takes, which it knows to be one too many."""
    if claim == ROOM:
        return
    session = next(each.session for each in workings if each.place is None)
    if claim.is_beyond:
        done.limited.append(session)
    for old in claim.ended:
        closed, cdr = supersede(state, old, session)
        done.cdrs.append(cdr)
        done.limited.append(closed)


def _conclude(state: ShardState, working: Working, *, is_late: bool) -> None:
    """Says whether the incarnation goes on, now that all events are merged.

    One that is not the current one, or that was closed or unknown when a late event came, ends
    where silence would have ended it.
    """
    session = working.session
    if session.superseded_by and not _is_freed(working, is_late=is_late):
        _stay_superseded(state, session)
    elif session.idle_ms > session.input_ms and is_idle(session, terms_of(state, session)):
        _end_idle(state, session)
    elif is_stopped(session):
        _stop(state, session)
    elif working.was_open:
        # One that another took the place of just now may turn out not to have ended by itself.
        if working.place is not None or (is_late and working.original is None):
            _end_silent(state, session)
    elif working.original is not None:
        is_refuted = working.original.cause == Cause.IDLE and is_idle(
            working.original, terms_of(state, working.original)
        )
        goes_on = working.is_later or (is_refuted and has_room(state, session))
        if goes_on and not is_late and working.place is None:
            _reopen(session)
        elif working.is_later or working.learned_content or is_refuted:
            _end_silent(state, session)


def _is_freed(working: Working, *, is_late: bool) -> bool:
    """Whether a session whose place was taken is one of its own again.

    It had ended before that, as is known only now; or its use was begun anew since.
    """
    session = working.session
    has_ended = is_stopped(session) and session.stop_ms <= session.decided_at_ms
    is_anew = working.begins_anew and working.place is None and not is_late
    if has_ended or is_anew:
        session.superseded_by = ""
    return has_ended or is_anew


def _stay_superseded(state: ShardState, session: Session) -> None:
    terms, session.supplement_ms = terms_of(state, session), 0
    if terms is not None and is_idle(session, terms):
        session.supplement_ms = input_end_ms(session, terms) - session.last_ms


def _end_idle(state: ShardState, session: Session) -> None:
    terms = terms_of(state, session)
    if terms is not None:
        end_idle(session, terms)


def _stop(state: ShardState, session: Session) -> None:
    terms = terms_of(state, session)
    session.is_open = False
    session.cause = stop_cause(session)
    session.decided_at_ms = session.stop_ms
    session.supplement_ms = 0
    session.unpaid = session.stop_is_error and terms is not None and not terms.tariff.charge_errors


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
