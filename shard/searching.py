"""What is gathered while a batch is looked through for what it needs (``shard.wants``).

Invariant: nothing of the state is changed. It does not own what a record needs.
"""

import msgspec

from rating.catalogue import ContentTerms
from rating.session import Session
from schemas.ids import member_field
from schemas.usage import UsageEvent
from shard.elsewhere import scoped_contents
from shard.port import Field, Kind
from shard.settling import terms_of
from shard.state import ShardState
from shard.timelines import missing_catalogues


class Span(msgspec.Struct):
    """Moments and contents of one session's events, or of one event outside sessions."""

    tenant: str
    member: str
    moments: list[int]
    contents: set[str]
    lives: list[Session]


class Search:
    """What a batch looks at that is not in memory, and which moments of use are in it.

    Args:
        state: As it is before the batch.
    """

    def __init__(self, state: ShardState) -> None:
        self.state = state
        self.fields: dict[str, dict[Field, None]] = {}
        self.past: dict[str, None] = {}
        self.catalogues: dict[int, str] = {}
        self.spans: dict[str, Span] = {}
        self._with_scopes: dict[str, frozenset[str]] = {}
        self._asking: dict[str, bool] = {}

    def note(
        self, field: str, event: UsageEvent, content: str | None, life: Session | None = None
    ) -> None:
        """Adds a moment for which passes or counters may be needed; None: content unknown."""
        with_scopes = self.with_scopes(event.tenant)
        if not with_scopes or (content and content not in with_scopes):
            if life is not None and self.own_scopes(life):
                self.span_of(field, event).moments.append(event.event_at_ms)
            return
        span = self.span_of(field, event)
        span.moments.append(event.event_at_ms)
        if content:
            span.contents.add(content)

    def note_life(self, place: str, life: Session, event: UsageEvent) -> None:
        """The same for an event that may be of a life which is not the session's current one."""
        contents = self.with_scopes(event.tenant) & {life.content, event.content or ""}
        if contents or self.own_scopes(life):
            span = self.span_of(place, event)
            span.moments += (life.start_ms, life.last_ms, event.event_at_ms)
            span.contents |= contents
            span.lives.append(life)

    def own_scopes(self, life: Session) -> list[ContentTerms]:
        """Terms by which a life is priced that have passes or count over periods.

        None also while catalogues that they are made of are still to be loaded.
        """
        if not life.catalogue or missing_catalogues(self.state, life):
            return []
        terms = terms_of(self.state, life)
        return [] if terms is None else [each for each in terms.each if each.tariff.has_scopes]

    def span_of(self, field: str, event: UsageEvent) -> Span:
        """The span of a session's events, or of one event outside sessions."""
        span = self.spans.get(field)
        if span is None:
            span = self.spans[field] = Span(event.tenant, event.subject, [], set(), [])
        return span

    def with_scopes(self, tenant: str) -> frozenset[str]:
        """Contents for which any catalogue in memory has passes or counts over periods."""
        known = self._with_scopes.get(tenant)
        if known is None:
            terms = [each.tenant(tenant) for each in self.state.catalogues.values()]
            known = scoped_contents([each for each in terms if each])
            self._with_scopes[tenant] = known
        return known

    def want_member(self, tenant: str, member: str) -> None:
        """Wallet and bought passes of a member."""
        field = member_field(tenant, member)
        if field not in self.state.wallets:
            self.want(Kind.WALLETS, field)
        if field not in self.state.bought:
            self.want(Kind.BOUGHT, field)

    def asks_consent(self, tenant: str) -> bool:
        """Whether the tenant asks for consent by any catalogue in memory."""
        known = self._asking.get(tenant)
        if known is None:
            terms = [each.tenant(tenant) for each in self.state.catalogues.values()]
            known = self._asking[tenant] = any(each.asks_consent for each in terms if each)
        return known

    def want(self, name: str, field: Field) -> None:
        """Notes a field to be loaded."""
        self.fields.setdefault(name, {})[field] = None
