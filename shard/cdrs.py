"""A session's CDR, written from what was committed of it.

Invariant: every CDR of a session has the next revision, and says what its transfers moved by then.
"""

from rating.session import Session, totals
from schemas.applied import Cdr
from shard.settling import terms_of, wallet_of
from shard.shadowing import sealed_state
from shard.state import ShardState


def cdr_of(state: ShardState, session: Session, evidence: str) -> Cdr:
    """The next CDR of a session that was committed as closed; counts its revision up."""
    session.revision += 1
    sealed = sealed_state(session)
    terms = terms_of(state, session)
    wallet = wallet_of(state, session.tenant, session.member)
    return Cdr(
        tenant=session.tenant,
        source=session.source,
        session=session.session,
        incarnation=session.incarnation,
        revision=session.revision,
        subject=session.member,
        content=session.content,
        tariff="" if terms is None else terms.tariff.id,
        cause=session.cause,
        start_ms=session.start_ms,
        end_ms=session.end_ms,
        last_event_ms=session.last_ms,
        decided_at_ms=session.decided_at_ms,
        duration_ms=0 if session.unpaid else session.end_ms - session.start_ms,
        meters={**dict(sorted(totals(session).items())), **_counts(session)},
        charged_micros=session.charged_micros + session.scoped_micros,
        provider_micros=session.provider_micros + session.scoped_provider_micros,
        currency=wallet.currency,
        evidence=f"{evidence}; {session.consent}" if session.consent else evidence,
        sealed=sealed,
    )


def _counts(session: Session) -> dict[str, int]:
    pages = {f"page:{name}": count for name, count in sorted(session.pages.items())}
    return pages | {f"item:{name}": count for name, count in sorted(session.items.items())}
