"""Which life of its session an event belongs to, by when it happened.

A tariff whose uses begin anew after an end has a life for each: it ends with a stop, with more
silence than its timeout, or at its input limit. Ends are decisions: an open life takes
all that comes, whatever the gap, until a stop or a tick ends it, and a stop that comes after later
use ends nothing. Invariant: an event never stretches a life over an end that was decided. Lives
before the current one are linked by ``previous`` and looked through ``LIVES_BACK_MAX`` deep; beyond
that the late path is asked.
It does not own merging (``rating.session``) nor late events (``shard.lives``).
"""

from typing import NamedTuple

from rating.session import ENDINGS, Session, begin, editable, past_field
from schemas.usage import UsageEvent
from shard.domain import watermark_of
from shard.ending import is_idle, parts
from shard.lives import LIVES_BACK_MAX, is_past_reopening, next_incarnation
from shard.settling import terms_of
from shard.state import ShardState
from shard.working import Working


class BeyondLives(Exception):
    """More lives lie between the event and the current one than are looked through."""


class Place(NamedTuple):
    """Where the lives of one session are found.

    Args:
        state: Read only, but for the number of a new life.
        field: Where the current one is stored.
        path: Ingest path of the events.
        workings: Lives that are in work.
    """

    state: ShardState
    field: str
    path: str
    workings: list[Working]


def current_life(place: Place, event: UsageEvent) -> Working:
    """The session's current life, or its first, begun by this event."""
    known = place.state.session(place.field)
    if known is None:
        number = next_incarnation(place.state)
        return Working(begin(event, path=place.path, incarnation=number), None, None)
    return Working(editable(known), None, known)


def pick(place: Place, current: Working, event: UsageEvent) -> Working:
    """The life that an event belongs to; a new one where it belongs to none.

    Args:
        place: Of the session.
        current: Its current life.
        event: Not a late one.

    Raises:
        BeyondLives: It is of a life further back; the late path sees all of them.
    """
    session = current.session
    if event.event_at_ms > session.last_ms:
        if session.is_open and session.stop_ms < session.last_ms and not _is_idle(place, session):
            return current
        return _after(place, current, event)
    if event.event_at_ms < session.start_ms:
        return _before(place, current, event)
    return current


def _is_idle(place: Place, session: Session) -> bool:
    # Looked at for each event: without an event that tells of no input, not further.
    if session.idle_ms <= session.input_ms:
        return False
    return is_idle(session, terms_of(place.state, session))


def _after(place: Place, current: Working, event: UsageEvent) -> Working:
    """Use after an end goes on with the current life or begins another, as the tariff says."""
    session = current.session
    is_beyond = not session.is_open and is_past_reopening(place.state, session)
    if not is_beyond and (event.type in ENDINGS or _goes_on(place.state, session, event)):
        return current
    number = next_incarnation(place.state, session.incarnation)
    begun = begin(event, path=place.path, incarnation=number, previous=session.incarnation)
    return Working(begun, None, None, replaces=current)


def _before(place: Place, current: Working, event: UsageEvent) -> Working:
    """Use before the current life: of an earlier one, the begin of a later, or between two."""
    following, at_ms = current, event.event_at_ms
    for _ in range(LIVES_BACK_MAX):
        earlier = _previous(place, following)
        began = earlier is not None and at_ms >= earlier.session.start_ms
        if earlier is not None and began and _holds(earlier.session, event):
            return earlier
        # Only what lies behind the life before can be the beginning of the one that follows it.
        if (earlier is None or began) and _reaches_back(place.state, following.session, event):
            return following
        if earlier is None:
            break
        if began:
            if _goes_on(place.state, earlier.session, event):
                return earlier
            break
        following = earlier
    else:
        raise BeyondLives
    if _was_silent_after(place.state, following.session, event):
        return _between(place, current, following, event)
    return following


def _between(place: Place, current: Working, following: Working, event: UsageEvent) -> Working:
    """A life of its own, linked in before the one that follows it."""
    known = (each.session.incarnation for each in place.workings)
    number = next_incarnation(place.state, current.session.incarnation, *known)
    before = following.session.previous
    begun = begin(event, path=place.path, incarnation=number, previous=before)
    return Working(begun, past_field(place.field, number), None, precedes=following)


def _previous(place: Place, life: Working) -> Working | None:
    """The life before, in work or as it is held; None where there is none any more."""
    number = life.session.previous
    if not number:
        return None
    if life.replaces is not None and life.replaces.session.incarnation == number:
        return life.replaces
    where = past_field(place.field, number)
    for each in place.workings:
        if each.place == where:
            return each
    stored = place.state.past_session(where)
    return None if stored is None else Working(editable(stored), where, stored)


def _holds(life: Session, event: UsageEvent) -> bool:
    """Whether an event behind the first of a life is surely its own: before its end, or the end."""
    return event.type in ENDINGS or event.event_at_ms <= life.reach_ms


def _goes_on(state: ShardState, life: Session, event: UsageEvent) -> bool:
    """Whether use behind the last event of a life is still part of it."""
    terms = terms_of(state, life)
    return terms is None or terms.tariff.reopens or not parts(life, terms, event)


def _reaches_back(state: ShardState, life: Session, event: UsageEvent) -> bool:
    """Whether use before the first event of a life is its beginning."""
    terms = terms_of(state, life)
    if terms is None or (terms.tariff.reopens and not life.previous):
        return True
    near = life.start_ms - event.event_at_ms <= terms.tariff.timeout_ms
    return near and event.type not in ENDINGS


def _was_silent_after(state: ShardState, following: Session, event: UsageEvent) -> bool:
    """Whether silence behind the event would have been decided by now, had it come in its time."""
    terms = terms_of(state, following)
    mark_ms = watermark_of(state.domain(following.domain), following.paths)
    return terms is not None and event.event_at_ms + terms.tariff.timeout_ms <= mark_ms
