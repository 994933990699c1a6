"""Merging a frame's events of one session into its incarnations, and what that changes.

Invariant: all incarnations that a group touches are settled on copies before the first is
committed, so a group either counts whole or not at all.
"""

from typing import NamedTuple

from rating.catalogue import TenantTerms
from rating.session import (
    ENDINGS,
    UNKNOWN_MS,
    Added,
    Session,
    begin,
    editable,
    is_stopped,
    merge,
    past_field,
    stop_cause,
)
from schemas.applied import AppliedUsage, Cdr
from schemas.frames import LateVerdict
from schemas.ids import domain_of
from schemas.usage import UsageEvent
from shard.emission import Emission
from shard.ending import end_in_silence
from shard.items import applied_item
from shard.lives import is_past_reopening, life_of, next_incarnation
from shard.settling import (
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


class Working:
    """One incarnation while events are merged into a copy of it.

    Args:
        session: The editable copy.
        place: Field of a replaced incarnation, or None for the current one.
        is_new: Whether no event of it was known.
        replaces: The incarnation that it takes the place of, if any.
    """

    __slots__ = (
        "before",
        "catalogue",
        "is_new",
        "merged",
        "paths",
        "place",
        "replaces",
        "session",
        "was_open",
    )

    def __init__(
        self,
        session: Session,
        place: str | None,
        *,
        is_new: bool = False,
        replaces: "Working | None" = None,
    ) -> None:
        self.session = session
        self.place = place
        self.is_new = is_new
        self.replaces = replaces
        self.was_open = session.is_open
        self.paths = session.paths
        self.catalogue = session.catalogue
        self.before = (session.start_ms, session.stop_ms, session.stop_reason, session.content)
        self.merged: list[tuple[int, UsageEvent, Added]] = []

    @property
    def is_later(self) -> bool:
        """Whether any event is later than all that was known."""
        return any(added.is_later for _, _, added in self.merged)

    @property
    def changed(self) -> bool:
        """Whether any event said something new."""
        session = self.session
        after = (session.start_ms, session.stop_ms, session.stop_reason, session.content)
        return after != self.before or any(
            added.duration_ms or added.meters or added.is_later for _, _, added in self.merged
        )


def settle_group(state: ShardState, out: Emission, group: SessionGroup) -> Done:
    """Merges, prices and commits.

    Raises:
        BrokenInvariant: An amount or balance would be beyond the largest; nothing was changed.
        InvalidEvent: The event is late and its session cannot be restored.
    """
    done = Done([], [], [])
    workings: list[Working] = []
    current: Working | None = None
    for index, event in group.events:
        if group.verdict is None:
            current = current or _current(state, group, event)
            working = _pick(state, group, workings, current, event)
        else:
            working = current = _restored(state, group.field, group.verdict)
        session = working.session
        if event.content is not None and event.content != session.content:
            fault = _content_fault(group.tenant, session, event)
            if fault is not None:
                done.refused.append((event, *fault))
                if current.is_new and not current.merged:
                    current = None
                continue
            session.content = event.content
            session.catalogue = state.meta.catalogue
        if not working.merged:
            _take_up(workings, working, group.field)
        if working.place is None:
            current = working
        working.merged.append((index, event, merge(session, event, group.path)))
    _finish(state, out, group, workings, done)
    return done


def _current(state: ShardState, group: SessionGroup, event: UsageEvent) -> Working:
    """The current incarnation, or the first one, begun by this event."""
    known = state.session(group.field)
    if known is None:
        return Working(_begun(group, event, next_incarnation(state)), None, is_new=True)
    return Working(editable(known), None)


def _restored(state: ShardState, field: str, verdict: LateVerdict) -> Working:
    """The incarnation that a late event belongs to."""
    life = life_of(state, field, verdict)
    old = None if life.replaces is None else Working(life.replaces, None)
    return Working(life.session, life.place, is_new=life.is_new, replaces=old)


def _pick(
    state: ShardState,
    group: SessionGroup,
    workings: list[Working],
    current: Working,
    event: UsageEvent,
) -> Working:
    """The incarnation that an event belongs to."""
    session = current.session
    at_ms = event.event_at_ms
    if at_ms > session.last_ms:
        if session.is_open and session.stop_ms < session.last_ms:
            return current
        return _after_end(state, group, current, event)
    if at_ms < session.start_ms and session.previous:
        return _past(state, group, workings, current, at_ms)
    return current


def _after_end(
    state: ShardState, group: SessionGroup, current: Working, event: UsageEvent
) -> Working:
    """Use after an end reopens the incarnation or begins a new one, as the tariff says."""
    session = current.session
    if session.is_open or not is_past_reopening(state, session):
        if event.type in ENDINGS:
            return current
        terms = terms_of(state, session)
        if terms is None or terms.tariff.reopens:
            return current
    begun = _begun(group, event, next_incarnation(state, session.incarnation))
    begun.previous = session.incarnation
    return Working(begun, None, is_new=True, replaces=current)


def _past(
    state: ShardState,
    group: SessionGroup,
    workings: list[Working],
    current: Working,
    at_ms: int,
) -> Working:
    """The incarnation before the current one where it lasted until then, else the current one."""
    place = past_field(group.field, current.session.previous)
    past = next((each for each in workings if each.place == place), None)
    if past is None:
        stored = state.past_session(place)
        past = None if stored is None else Working(editable(stored), place)
    return past if past is not None and at_ms <= past.session.end_ms else current


def _begun(group: SessionGroup, event: UsageEvent, incarnation: int) -> Session:
    return begin(
        event,
        session=event.session or "",
        domain=domain_of(event.tenant, recorded=event.recorded),
        path=group.path,
        incarnation=incarnation,
    )


def _take_up(workings: list[Working], working: Working, field: str) -> None:
    old = working.replaces
    if old is not None:
        if old not in workings:
            workings.append(old)
        old.place = past_field(field, old.session.incarnation)
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
    sold: set[str] = set()
    for working in workings:
        _conclude(state, working, is_late=group.verdict is not None)
        each = settle_session(
            state,
            wallet,
            working.session,
            field=group.field,
            place=working.place,
            is_late=not working.was_open and not working.session.is_open,
            sold=sold,
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
        if (
            working.is_new
            or not working.was_open
            or session.paths != working.paths
            # Its content has become known, and with it a timeout that may be shorter.
            or session.catalogue != working.catalogue
        ):
            state.watch(session, session.received_ms + timeout_ms(state, session))
    elif working.was_open or working.changed:
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
    elif is_late and working.is_new:
        _end_silent(state, session)
    elif not working.was_open and working.is_later:
        if is_late or working.place is not None:
            _end_silent(state, session)
            return
        session.is_open = True
        session.cause = ""
        session.decided_at_ms = UNKNOWN_MS
        session.supplement_ms = 0
        session.unpaid = False


def _end_silent(state: ShardState, session: Session) -> None:
    end_in_silence(session, terms_of(state, session))
    session.decided_at_ms = max(session.decided_at_ms, session.received_ms)
