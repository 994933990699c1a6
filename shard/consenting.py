"""Whether a member agreed: which events may count, and what was spent under which consent.

A session is bound to a consent by the event that gives it its content; from then on its events
need none. Invariant: only the log's order decides, revocations included; what a group of events
spends is kept on a copy and committed with it, so it counts with the charge or not at all.
It does not own what terms allow (``wallet.consents``) nor who is told (``shard.signals``).
"""

from collections.abc import Iterable

from rating.catalogue import ContentTerms, TenantTerms
from rating.consent import LIFETIME_S_MAX
from rating.session import Session, session_field
from schemas.commands import GrantMandate, RevokeConsent
from schemas.consent import ConsentKind, consent_name
from schemas.errors import BrokenInvariant
from schemas.ids import member_field
from schemas.moment import SECOND_MS
from schemas.usage import UsageEvent
from shard.settling import PassDue
from shard.state import ShardState
from wallet.consents import fault_of, is_over, revoked, spent, with_mandate, with_token

# A token that was never seen may come for as long; one that ended so long ago may be forgotten.
TOKEN_KEPT_MS = LIFETIME_S_MAX * SECOND_MS
Fault = tuple[str, str]


class Consenting:
    """The consents of one member while a group of their events is worked on.

    Args:
        state: Changed by ``commit`` alone.
        tenant: Terms in force.
        member: Whose.
    """

    __slots__ = ("_consents", "_field", "_state", "_tenant")

    def __init__(self, state: ShardState, tenant: TenantTerms, member: str) -> None:
        self._state = state
        self._tenant = tenant
        self._field = member_field(tenant.id, member)
        self._consents = state.consents_of(self._field)

    def bind(self, session: Session, event: UsageEvent) -> Fault | None:
        """Binds a session to a consent by the event that gives it its content.

        Args:
            session: An editable copy; its consent is set.
            event: Of it; a content that it names is on sale.

        Returns:
            Why the event cannot count, or None.
        """
        if session.content:
            return None
        if event.content is None:
            return _nameless(event) if self._tenant.consent else None
        terms = self._tenant.content(event.content)
        if terms is None or not terms.consent:
            return None
        fault = self._fault(event, terms)
        if fault is None and event.consent is not None:
            session.consent = event.consent.name
        return fault

    def bind_use(self, event: UsageEvent, terms: ContentTerms) -> tuple[str, Fault | None]:
        """The name of the consent that a use outside sessions is under, or why it has none."""
        if not terms.consent:
            return "", None
        if event.consent is None and event.session is not None:
            field = session_field(event.tenant, event.subject, event.source, event.session)
            session = self._state.session(field)
            if session is not None and session.consent and session.content == terms.id:
                return session.consent, None
        fault = self._fault(event, terms)
        return "" if event.consent is None else event.consent.name, fault

    def count(self, session: Session, before_micros: int, passes: Iterable[PassDue]) -> None:
        """Counts what settling a session moved.

        Raises:
            BrokenInvariant: The sum is beyond the largest amount.
        """
        if session.consent:
            moved = session.moved_micros - before_micros
            self.count_use(session.consent, moved, passes, session.last_ms)

    def count_use(self, name: str, moved: int, passes: Iterable[PassDue], at_ms: int) -> None:
        """Counts what a use moved, with the passes that it bought.

        Raises:
            BrokenInvariant: The sum is beyond the largest amount.
        """
        amount = moved + sum(due.line.amount_micros for due in passes)
        self._consents = spent(self._consents, name, amount, at_ms)

    def commit(self) -> None:
        """Makes what was counted part of the state."""
        if self._consents is not self._state.consents_of(self._field):
            self._state.put_consents(self._field, self._consents)

    def _fault(self, event: UsageEvent, terms: ContentTerms) -> Fault | None:
        consent = event.consent
        if consent is None or consent.kind not in terms.consent:
            return _missing(terms)
        held = self._consents.held.get(consent.name)
        fault = fault_of(
            held,
            consent,
            content=terms.id,
            provider=terms.provider,
            source=event.source,
            at_ms=event.event_at_ms,
        )
        own = consent.terms
        if fault is None and held is None and own is not None and own.max_micros is not None:
            forget_before_ms = event.event_at_ms - TOKEN_KEPT_MS
            try:
                self._consents = with_token(self._consents, consent.name, own, forget_before_ms)
            except BrokenInvariant as full:
                return "consent-exhausted", str(full)
        return fault


def consenting_of(state: ShardState, tenant: TenantTerms, member: str) -> Consenting | None:
    """The consents of a member, or None where the tenant asks for none."""
    return Consenting(state, tenant, member) if tenant.asks_consent else None


def count_silent(state: ShardState, session: Session, before_micros: int) -> None:
    """Counts what a session's silent end moved, where its tenant still asks for consent."""
    catalogue = state.catalogues.get(state.meta.catalogue)
    tenant = None if catalogue is None else catalogue.tenant(session.tenant)
    if session.consent and tenant is not None and tenant.asks_consent:
        consenting = Consenting(state, tenant, session.member)
        try:
            consenting.count(session, before_micros, ())
        except BrokenInvariant:
            # The end is certain; a consent that has reached the largest amount stays there.
            return
        consenting.commit()


def is_consent_over(state: ShardState, session: Session) -> bool:
    """Whether a session is to be cut off for what its member agreed to, no more or never."""
    if not session.consent:
        return False
    held = state.consents_of(member_field(session.tenant, session.member)).held
    kind, _, _ = session.consent.partition(":")
    return is_over(
        held.get(session.consent),
        kind,
        session_micros=session.moved_micros,
        at_ms=session.last_ms,
    )


def change_consents(
    state: ShardState, field: str, body: GrantMandate | RevokeConsent, stamp_ms: int
) -> Fault | None:
    """Grants or revokes.

    Args:
        state: Changed, unless it is refused.
        field: Of the member.
        body: What is asked.
        stamp_ms: The log record's.

    Returns:
        Why it is refused, or None.
    """
    known = state.consents_of(field)
    try:
        if isinstance(body, GrantMandate):
            after = with_mandate(known, body.mandate, body.terms)
        else:
            name = consent_name(body.kind, body.id)
            if body.kind == ConsentKind.MANDATE and name not in known.held:
                return "mandate-unknown", f"the member granted no mandate {body.id!r}"
            after = revoked(
                known,
                name,
                until_ms=stamp_ms + TOKEN_KEPT_MS,
                forget_before_ms=stamp_ms - TOKEN_KEPT_MS,
            )
    except BrokenInvariant as full:
        return "consents-full", str(full)
    state.put_consents(field, after)
    return None


def _nameless(event: UsageEvent) -> Fault:
    detail = (
        f"session {event.session!r} has not begun yet, or is not known: its first event must name "
        "data.content, and carry data.consent or data.mandate"
    )
    return "consent-missing", detail


def _missing(terms: ContentTerms) -> Fault:
    wanted = " or ".join(
        "data.consent, a signed member token" if kind == ConsentKind.TOKEN else "data.mandate"
        for kind in sorted(terms.consent, reverse=True)
    )
    detail = (
        f"content {terms.id!r} asks that the member agreed: the first event of a session, and each "
        f"use outside one, must carry {wanted}"
    )
    return "consent-missing", detail
