"""How many sessions one member may hold at once on a tariff, and what one more does.

Invariant: a decision of the log's order, taken once: a session that another one took the place of
does not come back by its own use. What is refused leaves nothing but its dead letter.
It does not own the limit of time without input (``shard.ending``).
"""

from typing import NamedTuple, assert_never

from rating.session import Session, editable, is_stopped
from rating.tariff import TariffTerms
from schemas.applied import Cause, Cdr
from schemas.errors import InvalidEvent
from schemas.ids import member_field
from shard.cdrs import cdr_of
from shard.ending import evidence_of
from shard.refusal import Refusal
from shard.settling import terms_of, wallet_of
from shard.state import ShardState
from shard.working import Working
from wallet.holds import without_grant
from wallet.wallet import without_session


class SessionsFull(InvalidEvent):
    """The member holds as many sessions on the tariff as it allows."""


class Claim(NamedTuple):
    """What a session's beginning does to others.

    Args:
        ended: Sessions whose place it takes, the oldest first.
        is_beyond: Whether it is one more than the tariff means to allow.
    """

    ended: tuple[Session, ...] = ()
    is_beyond: bool = False


ROOM = Claim()


def claim_room(state: ShardState, working: Working, *, is_alone: bool) -> Claim:
    """What a session that would be one more open one does, by its tariff.

    Args:
        state: Read only, as it was before.
        working: A session's current life, concluded.
        is_alone: Whether one event makes the difference; several are refused one by one.

    Raises:
        SessionsFull: The tariff refuses it.
    """
    session = working.session
    terms = terms_of(state, session)
    limits = None if terms is None else terms.tariff.limits
    if terms is None or limits is None or limits.sessions is None:
        return ROOM
    others = _others(state, session, terms.tariff)
    beyond = len(others) + 1 - limits.sessions
    if beyond <= 0:
        return ROOM
    match limits.when_full:
        case "refuse":
            if session.is_open or not is_alone or _is_of_the_refused(working):
                raise _full(session, terms.tariff, len(others))
            return ROOM
        case "end_oldest":
            return Claim(ended=tuple(others[:beyond])) if session.is_open else ROOM
        case "allow":
            return Claim(is_beyond=session.is_open)
        case _:
            assert_never(limits.when_full)


def has_room(state: ShardState, session: Session) -> bool:
    """Whether a session may be open again without anybody's place."""
    terms = terms_of(state, session)
    limits = None if terms is None else terms.tariff.limits
    if terms is None or limits is None or limits.sessions is None or limits.when_full == "allow":
        return True
    return len(_others(state, session, terms.tariff)) < limits.sessions


def room_fault(state: ShardState, session: Session) -> Refusal | None:
    """Why a session may not begin beside the others of its member, or None.

    Args:
        state: Read only.
        session: As it would begin.
    """
    terms = terms_of(state, session)
    limits = None if terms is None else terms.tariff.limits
    is_refused = limits is not None and limits.when_full == "refuse"
    if terms is None or not is_refused or has_room(state, session):
        return None
    full = _full(session, terms.tariff, len(_others(state, session, terms.tariff)))
    return Refusal(full.reason, full.detail)


def supersede(state: ShardState, old: Session, by: Session) -> tuple[Session, Cdr]:
    """Ends an open session at its last event, since another one took its place.

    Nothing moves: what it used is charged, and no more is added.

    Args:
        state: Changed.
        old: It, as it is held.
        by: The one that began, committed.

    Returns:
        It, closed, and its CDR.
    """
    session = editable(old)
    session.is_open, session.cause = False, Cause.SUPERSEDED
    session.decided_at_ms = by.last_ms
    session.superseded_by = (
        f"session {by.session} #{by.incarnation} of {by.source}, event {by.last_event}"
    )
    field = session.field
    wallet = without_grant(wallet_of(state, session.tenant, session.member), field)
    state.put_wallet(member_field(session.tenant, session.member), without_session(wallet, field))
    state.note_closed(field, session)
    state.put_session(field, session)
    return session, cdr_of(state, session, evidence_of(session, terms_of(state, session)))


def _is_of_the_refused(working: Working) -> bool:
    """Whether a use that ends at once is one that had not been let in.

    Nothing was known of it; or it goes on behind a stop, which only another use can.
    """
    original = working.original
    return original is None or (working.is_later and is_stopped(original))


def _others(state: ShardState, session: Session, tariff: TariffTerms) -> list[Session]:
    """The member's other open sessions on a tariff, the oldest first."""
    own, found = session.field, list[Session]()
    for field in wallet_of(state, session.tenant, session.member).open_sessions:
        other = state.session(field) if field != own else None
        if other is not None and other.is_open:
            terms = terms_of(state, other)
            if terms is not None and terms.tariff.id == tariff.id:
                found.append(other)
    return sorted(found, key=lambda each: (each.start_ms, each.field))


def _full(session: Session, tariff: TariffTerms, held: int) -> SessionsFull:
    return SessionsFull(
        "session-limit",
        f"member {session.member!r} holds {held} open sessions on tariff {tariff.id!r}, which "
        f"allows no more; end one of them, then go on with session {session.session!r}",
    )
