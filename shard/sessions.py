"""Merging a frame's events of one session into its incarnations, and what that changes.

Invariant: all incarnations that a group touches are settled on copies before the first is
committed, so a group either counts whole or not at all.
"""

from typing import NamedTuple

from rating.catalogue import TenantTerms
from rating.session import (
    Added,
    Session,
    begin,
    editable,
    is_stopped,
    merge,
    past_field,
    stop_cause,
)
from schemas.applied import Cdr
from schemas.ids import domain_of
from schemas.usage import EventType, UsageEvent
from shard.emission import Emission
from shard.settling import (
    Settled,
    cdr_of,
    commit_session,
    settle_session,
    terms_of,
    timeout_ms,
    wallet_of,
)
from shard.state import ShardState

ENDINGS = frozenset({EventType.STOP, EventType.ERROR})


class Row(NamedTuple):
    """What became of one applied event."""

    ledger_sequence: int
    session: str
    incarnation: int
    content: str
    duration_ms: int
    meters: dict[str, int]
    flags: str


class Done(NamedTuple):
    """What became of a scope's events.

    Args:
        rows: Of the applied ones, with their places in the frame.
        cdrs: Of sessions that ended or were corrected.
        refused: Event, reason and detail.
    """

    rows: list[tuple[int, Row]]
    cdrs: list[Cdr]
    refused: list[tuple[UsageEvent, str, str]]


class SessionGroup(NamedTuple):
    """Events of one session in one frame."""

    tenant: TenantTerms
    field: str
    path: str
    events: list[tuple[int, UsageEvent]]


class Working:
    """One incarnation while events are merged into a copy of it.

    Args:
        session: The editable copy.
        place: Field of a replaced incarnation, or None for the current one.
        is_new: Whether no event of it was known.
        replaces: The incarnation that it takes the place of, if any.
    """

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
        self.before = (session.start_ms, session.stop_ms, session.stop_reason)
        self.merged: list[tuple[int, UsageEvent, Added]] = []

    @property
    def is_later(self) -> bool:
        """Whether any event is later than all that was known."""
        return any(added.is_later for _, _, added in self.merged)

    @property
    def changed(self) -> bool:
        """Whether any event said something new."""
        session = self.session
        after = (session.start_ms, session.stop_ms, session.stop_reason)
        return after != self.before or any(
            added.duration_ms or added.meters or added.is_later for _, _, added in self.merged
        )


def settle_group(state: ShardState, out: Emission, group: SessionGroup) -> Done:
    """Merges, prices and commits.

    Raises:
        BrokenInvariant: An amount or balance would be beyond the largest; nothing was changed.
    """
    refused: list[tuple[UsageEvent, str, str]] = []
    workings: list[Working] = []
    for index, event in group.events:
        working = _pick(state, group, workings, event)
        fault = _content_fault(group.tenant, working.session, event)
        if fault is not None:
            refused.append((event, *fault))
            continue
        _take_up(workings, working, group.field)
        if event.content is not None and not working.session.content:
            working.session.content = event.content
            working.session.catalogue = state.meta.catalogue
        working.merged.append((index, event, merge(working.session, event, group.path)))
    return _finish(state, out, group, workings, refused)


def _pick(
    state: ShardState, group: SessionGroup, workings: list[Working], event: UsageEvent
) -> Working:
    """The incarnation that an event belongs to."""
    current = next((each for each in reversed(workings) if each.place is None), None)
    if current is None:
        known = state.session(group.field)
        if known is None:
            return Working(_begun(group, event, 1), None, is_new=True)
        current = Working(editable(known), None)
    session = current.session
    if event.event_at_ms < session.start_ms and session.incarnation > 1:
        place = past_field(group.field, session.incarnation - 1)
        past = next((each for each in workings if each.place == place), None)
        if past is None:
            stored = state.past_session(place)
            past = None if stored is None else Working(editable(stored), place)
        if past is not None and event.event_at_ms <= past.session.end_ms:
            return past
    has_ended = not session.is_open or is_stopped(session)
    is_fresh_use = event.event_at_ms > session.last_ms and event.type not in ENDINGS
    terms = terms_of(state, session)
    if has_ended and is_fresh_use and terms is not None and not terms.tariff.reopens:
        begun = _begun(group, event, session.incarnation + 1)
        return Working(begun, None, is_new=True, replaces=current)
    return current


def _begun(group: SessionGroup, event: UsageEvent, incarnation: int) -> Session:
    return begin(
        event,
        session=event.session or "",
        domain=domain_of(event.tenant, recorded=event.recorded),
        path=group.path,
        incarnation=incarnation,
    )


def _take_up(workings: list[Working], working: Working, field: str) -> None:
    if working in workings:
        return
    old = working.replaces
    if old is not None:
        if old not in workings:
            workings.append(old)
        old.place = past_field(field, old.session.incarnation)
    workings.append(working)


def _content_fault(
    tenant: TenantTerms, session: Session, event: UsageEvent
) -> tuple[str, str] | None:
    if event.content is None or event.content == session.content:
        return None
    if session.content:
        detail = (
            f"session {event.session!r} is of content {session.content!r}, the event says "
            f"{event.content!r}; begin a new session for another content"
        )
        return "content-changed", detail
    if tenant.content(event.content) is None:
        return "content-unknown", f"tenant {event.tenant!r} has no content {event.content!r}"
    return None


def _finish(
    state: ShardState,
    out: Emission,
    group: SessionGroup,
    workings: list[Working],
    refused: list[tuple[UsageEvent, str, str]],
) -> Done:
    first = group.events[0][1]
    wallet = wallet_of(state, first.tenant, first.subject)
    settled: list[Settled] = []
    sold: set[str] = set()
    for working in workings:
        _conclude(state, working)
        each = settle_session(
            state,
            wallet,
            working.session,
            place=working.place,
            is_late=not working.was_open and not working.session.is_open,
            sold=sold,
        )
        settled.append(each)
        wallet = each.wallet
    done = Done([], [], refused)
    for working, each in zip(workings, settled, strict=True):
        session = working.session
        sequence = commit_session(state, out, each, session, working.place)
        done.rows.extend((at, _row(session, sequence, added)) for at, _, added in working.merged)
        if not session.is_open and (working.was_open or working.changed):
            done.cdrs.append(cdr_of(state, session, f"event {working.merged[-1][1].id}"))
        if session.is_open and (
            working.is_new or not working.was_open or session.paths != working.paths
        ):
            state.watch(session, session.received_ms + timeout_ms(state, session))
    return done


def _conclude(state: ShardState, working: Working) -> None:
    """Says whether the incarnation goes on, now that all events are merged."""
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
    elif not working.was_open and working.is_later:
        session.is_open = True
        session.cause = ""
        session.decided_at_ms = -1
        session.supplement_ms = 0
        session.unpaid = False


def _row(session: Session, sequence: int, added: Added) -> Row:
    return Row(
        ledger_sequence=sequence,
        session=session.session,
        incarnation=session.incarnation,
        content=session.content,
        duration_ms=added.duration_ms,
        meters=added.meters,
        flags=added.flags,
    )
