"""Use as its terms make it: which money may pay for it.

Invariant: pure, and the same for who books, warns, grants and asks; nobody else reads of a tariff
which money it takes. It does not own which of it pays first (``wallet.moves``).
"""

from rating.catalogue import ContentTerms
from rating.session import Session
from wallet.lots import Use


def use_by(terms: ContentTerms, at_ms: int, session: str = "") -> Use:
    """Use of a content, of all kinds that its tariff knows.

    Args:
        terms: That price it.
        at_ms: When.
        session: Storage field of its session, or empty.
    """
    tariff = terms.tariff
    kinds = dict.fromkeys(tariff.kinds, 0)
    return Use(at_ms, terms.id, terms.provider, kinds, session, tariff.paid_from)


def session_use(session: Session, terms: ContentTerms | None) -> Use:
    """What a session does next, at its latest event; without terms whatever its content is."""
    if terms is None:
        return Use(session.last_ms, session.content, session=session.field)
    return use_by(terms, session.last_ms, session.field)
