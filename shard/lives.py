"""Which life of a session a late event belongs to, the shard's own or one restored from its CDR.

Invariant: the life that the shard holds is newer than its sealed state; a life that a late event
restores or begins is never open, so nothing that happens now goes on with it.
It does not own merging and settling (``shard.sessions``) nor when a verdict counts
(``shard.verdicts``).
"""

from typing import NamedTuple

from rating.session import (
    ENDINGS,
    Session,
    begin,
    decode_session,
    nearest,
    past_field,
)
from schemas.errors import InvalidEvent, ShardStopped
from schemas.frames import LateVerdict
from schemas.moment import HOUR_MS
from schemas.usage import UsageEvent
from shard.ending import parts
from shard.settling import terms_of
from shard.state import ShardState

# Each is one more look at the store, and rarely needed; ``shard.loading`` allows for as many.
LIVES_BACK_MAX = 6


class Life(NamedTuple):
    """A life that an event is to be merged into.

    Args:
        session: As it is held, or sealed; a new one may be changed.
        place: Where it is stored, None for the session's current life.
        is_new: Whether no event of it was known.
        replaces: The current life whose place it takes, or None.
    """

    session: Session
    place: str | None
    is_new: bool = False
    replaces: Session | None = None


def unsealed(sealed: bytes) -> Session | None:
    """A life by its CDR's state, alone: what it replaced is older, and leads to nothing by now.

    None where there is none, or none that can be read.
    """
    try:
        session = decode_session(sealed) if sealed else None
    except ShardStopped:
        # What asks for it is refused then; an old CDR must not stop a shard.
        return None
    if session is not None:
        session.previous = 0
    return session


def is_past_reopening(state: ShardState, session: Session) -> bool:
    """Whether a closed session was silent for longer than the horizon: later use begins anew."""
    return session.last_ms // HOUR_MS < state.domain(session.domain).gone_hour


def next_incarnation(state: ShardState, *known: int) -> int:
    """A number that no life of a session has had, of those known and those let go of."""
    return max(state.meta.lives_high, *known, 0) + 1


def life_of(state: ShardState, field: str, verdict: LateVerdict) -> Life:
    """The life that a late event belongs to.

    Args:
        state: Its ``meta`` notes the number of a life that only its CDR leads to.
        field: Of the session.
        verdict: On the event.

    Raises:
        InvalidEvent: The life that it belongs to cannot be restored.
    """
    event = verdict.event
    lives = _lives(state, field, verdict)
    if not lives:
        return Life(_begun(verdict, next_incarnation(state, verdict.life), 0), None, is_new=True)
    spans = [(life.session.start_ms, life.session.reach_ms) for life in lives]
    life = lives[nearest(spans, event.event_at_ms)]
    if not _begins(state, life.session, event):
        return life
    number = next_incarnation(state, *(each.session.incarnation for each in lives))
    current = state.session(field)
    is_before = event.event_at_ms < life.session.start_ms
    if current is None or (life.place is None and not is_before):
        previous = 0 if current is None else current.incarnation
        return Life(_begun(verdict, number, previous), None, is_new=True, replaces=current)
    state.meta.lives_high = number
    state.touch_meta()
    return Life(_begun(verdict, number, 0), past_field(field, number), is_new=True)


def _lives(state: ShardState, field: str, verdict: LateVerdict) -> list[Life]:
    """All lives of the session that may be meant, as they are held."""
    lives: list[Life] = []
    current = state.session(field)
    if current is not None:
        lives.append(Life(current, None))
        while (previous := lives[-1].session.previous) and len(lives) <= LIVES_BACK_MAX:
            place = past_field(field, previous)
            past = state.past_session(place)
            if past is None:
                break
            lives.append(Life(past, place))
    if verdict.life and all(life.session.incarnation != verdict.life for life in lives):
        place = past_field(field, verdict.life)
        found = state.past_session(place) or unsealed(verdict.sealed)
        if found is not None:
            lives.append(Life(found, place))
        elif current is None or not current.start_ms <= verdict.event.event_at_ms:
            raise InvalidEvent(
                "session-not-kept",
                f"session {verdict.event.session!r} is closed, and its state was not kept with its "
                "CDR, or is of another release; correct its charge by hand",
            )
    return lives


def _begins(state: ShardState, life: Session, event: UsageEvent) -> bool:
    """Whether the tariff makes an event of the nearest life one of a life of its own."""
    terms, at_ms = terms_of(state, life), event.event_at_ms
    if terms is None or terms.tariff.reopens:
        return False
    if at_ms < life.start_ms:
        return event.type in ENDINGS or life.start_ms - at_ms > terms.tariff.timeout_ms
    if life.is_open or at_ms <= life.last_ms or event.type in ENDINGS:
        return False
    return parts(life, terms, event)


def _begun(verdict: LateVerdict, incarnation: int, previous: int) -> Session:
    return begin(verdict.event, path=verdict.path, incarnation=incarnation, previous=previous)
