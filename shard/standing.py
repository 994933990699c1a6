"""Where an open session stands by what is stored of it, for servers that ask instead of listening.

Invariant: the answer is what the last signal about the session said, or would say now; asking
decides nothing. It does not own when signals go out (``shard.signals``).
"""

from rating.catalogue import TenantTerms
from rating.session import UNKNOWN_MS, Session
from schemas.applied import Cause
from schemas.control import SessionRef, SignalKind, Standing
from shard.using import session_use
from wallet.available import available
from wallet.wallet import Wallet


def is_told(session: Session) -> bool:
    """Whether there is anything to tell its server: it goes on, or a limit ended it."""
    return session.is_open or _is_limited(session)


def standing(session: Session, wallet: Wallet, terms: TenantTerms | None) -> Standing:
    """Where a session stands.

    Args:
        session: Open, or ended by a limit, as stored.
        wallet: Of its member, as stored with it.
        terms: Of the tenant, in force; without them there is no credit limit.
    """
    limit = 0 if terms is None else terms.credit_limit_micros(session.member)
    content = None if terms is None else terms.content(session.content)
    left = available(wallet, limit, session_use(session, content))
    return Standing(
        of=SessionRef(session.source, session.session, session.member),
        signal=_kind(session, wallet, terms, left),
        available_micros=left,
        currency=wallet.currency,
    )


def _kind(session: Session, wallet: Wallet, terms: TenantTerms | None, left: int) -> SignalKind:
    if _is_limited(session):
        return SignalKind.LIMIT_REACHED
    if session.is_cut:
        return SignalKind.CUT_OFF
    content = None if terms is None else terms.content(session.content)
    warns = content is None or left <= content.tariff.low_balance_micros
    return SignalKind.LOW_BALANCE if wallet.low_signalled and warns else SignalKind.GO_ON


def _is_limited(session: Session) -> bool:
    """Whether another session took its place, or its member did nothing for too long."""
    is_idle = session.cause == Cause.IDLE and session.idle_ms != UNKNOWN_MS
    return not session.is_open and (bool(session.superseded_by) or is_idle)
