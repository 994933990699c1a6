"""How a session ends that nobody stopped: what its tariff makes of silence.

Invariant: the same session ends in the same way whoever finds it silent, a tick or a late event
that came long after its end.
"""

from rating.catalogue import ContentTerms
from rating.session import Session
from schemas.applied import Cause


def end_in_silence(session: Session, terms: ContentTerms | None) -> None:
    """Closes a session at its last event; when that was certain is the caller's to say.

    Args:
        session: An editable copy.
        terms: That it was begun under, None while its content is unknown.
    """
    session.is_open = False
    session.cause, session.supplement_ms, session.unpaid = Cause.NETWORK, 0, False
    if terms is not None:
        tariff = terms.tariff
        session.cause = tariff.silence_cause
        session.supplement_ms = tariff.interval_ms // 2 if tariff.pays == "half_interval" else 0
        session.unpaid = tariff.pays == "nothing"
    if session.is_cut:
        session.cause = Cause.CUT_OFF
