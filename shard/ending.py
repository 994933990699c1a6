"""How a session ends that nobody stopped: silence, or no input of the member for too long.

Invariant: the same session ends in the same way whoever finds it silent, a tick or a late event
that came long after its end. Whether its input limit is reached follows from its events alone, in
whatever order they came.
"""

from rating.catalogue import ContentTerms
from rating.session import ENDINGS, UNKNOWN_MS, Session, is_stopped
from schemas.applied import Cause
from schemas.usage import EventType, UsageEvent


def end_in_silence(session: Session, terms: ContentTerms | None) -> None:
    """Closes a session at its last event; when that was certain is the caller's to say.

    Args:
        session: An editable copy, whose input limit is not reached.
        terms: That it was begun under, None while its content is unknown.
    """
    session.is_open = False
    session.cause, session.supplement_ms, session.unpaid = Cause.NETWORK, 0, False
    if terms is not None:
        tariff = terms.tariff
        session.cause = tariff.silence_cause
        if tariff.pays == "half_interval":
            longest_ms = input_end_ms(session, terms) - session.last_ms
            session.supplement_ms = min(tariff.interval_ms // 2, longest_ms)
        session.unpaid = tariff.pays == "nothing"
    if session.is_cut:
        session.cause = Cause.CUT_OFF


def input_end_ms(session: Session, terms: ContentTerms) -> int:
    """Where a session ends unless there is input before; beyond all times without a limit."""
    limits = terms.tariff.limits
    if limits is None or limits.input_ms is None:
        return -UNKNOWN_MS
    # A session begins with an input, told or not.
    return max(session.input_ms, session.start_ms) + limits.input_ms


def is_idle(session: Session, terms: ContentTerms | None) -> bool:
    """Whether an event without input shows that the session's input limit is reached."""
    if session.idle_ms <= session.input_ms or terms is None:
        return False
    return session.idle_ms >= input_end_ms(session, terms)


def end_idle(session: Session, terms: ContentTerms) -> None:
    """Closes a session where its input limit was reached; it is not charged beyond.

    Args:
        session: An editable copy, of which ``is_idle`` is true.
        terms: That it was begun under.
    """
    end_ms = input_end_ms(session, terms)
    session.is_open, session.cause, session.unpaid = False, Cause.IDLE, False
    session.supplement_ms = end_ms - session.last_ms
    session.decided_at_ms = end_ms


def paid_until_ms(session: Session, terms: ContentTerms) -> int:
    """The last moment for which passes are bought, now or in any order of the same events."""
    limits = terms.tariff.limits
    if limits is None or limits.input_ms is None:
        return session.last_ms
    if session.input_ms == UNKNOWN_MS:
        # Where it began is not known yet: what is bought now might lie behind its end.
        return UNKNOWN_MS
    return min(session.last_ms, input_end_ms(session, terms))


def parts(life: Session, terms: ContentTerms, event: UsageEvent) -> bool:
    """Whether use behind the last event of a life is another use, where use begins anew."""
    if life.superseded_by:
        return event.type == EventType.START
    if is_idle(life, terms):
        return event.active is not False and event.type not in ENDINGS
    return is_stopped(life) or event.event_at_ms - life.last_ms > terms.tariff.timeout_ms


def evidence_of(session: Session, terms: ContentTerms | None) -> str:
    """The events that decided how a closed session ended, for its CDR."""
    if session.superseded_by:
        return f"superseded by {session.superseded_by}"
    if is_idle(session, terms):
        return f"no input up to event {session.idle_event}"
    if is_stopped(session):
        return f"event {session.stop_event}"
    return f"silence after event {session.last_event}"
