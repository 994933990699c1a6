"""What a member's bought passes cover, as prices, segments and signals ask for it.

Invariant: of a tariff that sells no passes nothing is asked, so nothing of it need be loaded.
It does not own how passes are sold (``shard.selling``) nor what covered use costs (``rating``).
"""

from rating.catalogue import ContentTerms
from rating.coverage import Stretch, is_inside, merged
from rating.session import Session
from schemas.ids import LIVE, member_field
from schemas.passes import BoughtPass
from shard.state import ShardState


def passes_of(state: ShardState, tenant: str, member: str, tariff: str) -> tuple[BoughtPass, ...]:
    """A member's passes on a tariff, by their beginnings."""
    bought = state.bought_by(member_field(tenant, member))
    return () if bought is None else bought.by_tariff.get(tariff, ())


def stretches(
    state: ShardState, tenant: str, member: str, terms: ContentTerms, since_ms: int
) -> tuple[Stretch, ...]:
    """What the passes cover that a use needs to know of.

    Args:
        state: Read only.
        tenant: Whose member.
        member: Who uses.
        terms: Of the content.
        since_ms: Nothing that ends before this moment matters.
    """
    if not terms.tariff.covers:
        return ()
    known = passes_of(state, tenant, member, terms.tariff.id)
    return merged((each.from_ms, each.to_ms) for each in known if each.to_ms > since_ms)


def cuts(state: ShardState, session: Session, terms: ContentTerms) -> tuple[int, ...]:
    """Moments at which what the session counts is kept apart."""
    if not terms.tariff.covers:
        return ()
    known = passes_of(state, session.tenant, session.member, terms.tariff.id)
    return tuple(sorted({at for each in known for at in (each.from_ms, each.to_ms)}))


def is_covered_now(state: ShardState, session: Session, terms: ContentTerms, stamp_ms: int) -> bool:
    """Whether going on costs nothing because of a pass.

    Args:
        state: Read only.
        session: An open one.
        terms: That it was begun under.
        stamp_ms: Of the record in hand, by which live use goes on.
    """
    if not terms.tariff.covers_all:
        return False
    at_ms = max(session.last_ms, stamp_ms) if session.domain == LIVE else session.last_ms
    found = stretches(state, session.tenant, session.member, terms, session.last_ms)
    return is_inside(found, at_ms)
