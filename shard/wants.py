"""What a batch of records will look at, so that it can be loaded before the step.

Invariant: everything that ``step`` may ask of the state for these records is either in memory or
named here; ask again after loading, until nothing is wanted.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from rating.catalogue import ContentTerms, TenantTerms
from rating.passes import passes_between
from rating.session import Session, past_field, session_field
from schemas.card_orders import ActivateCards, BlockCards, CloseCards, RegisterCards
from schemas.commands import AskGrant, BuyPass, CancelPass, Command, CorrectPrice, EndGrant, Money
from schemas.frames import CatalogueVersion, LateVerdict, Record, Tick, UsageFrame
from schemas.grants import AHEAD_MS_MAX
from schemas.ids import SEPARATOR, member_field
from schemas.legs import Leg, LegKind
from schemas.usage import UsageEvent, event_key
from shard.cards import batch_field, card_field
from shard.counters import Owner, counter_fields, fields_of_session, own_name
from shard.elsewhere import priced_elsewhere
from shard.granting import beginning_of
from shard.known_ids import hashes_to_ask, is_remembered
from shard.lives import LIVES_BACK_MAX, unsealed
from shard.orders import result_field
from shard.port import Field, Kind
from shard.posting import pass_field
from shard.renewing import may_be_due
from shard.searching import Search, Span
from shard.state import ShardState
from shard.stored import Seen
from shard.timelines import missing_catalogues
from shard.waking import may_wake


class Wanted(NamedTuple):
    """What is missing.

    Args:
        fields: Fields to load, by hash name.
        past: Fields of ``closed`` that hold replaced incarnations.
        catalogues: Digests of catalogue bodies by version number.
    """

    fields: dict[str, list[Field]]
    past: list[str]
    catalogues: dict[int, str]

    def __bool__(self) -> bool:
        return bool(self.fields or self.past or self.catalogues)


def wanted_by(state: ShardState, records: Sequence[Record]) -> Wanted:
    """What these records look at and the state does not hold.

    Args:
        state: As it is before them.
        records: In log order.
    """
    search = Search(state)
    number = state.meta.catalogue
    if number and number not in state.catalogues:
        search.catalogues[number] = state.meta.digests[number]
    ticks: list[Tick] = []
    for record in records:
        if isinstance(record, UsageFrame):
            _search_events(search, record.events)
        elif isinstance(record, LateVerdict):
            _search_events(search, [record.event], is_late=True)
            _search_late(search, record)
        elif isinstance(record, Command):
            _search_command(search, record)
        elif isinstance(record, Leg):
            _search_leg(search, record)
        elif isinstance(record, CatalogueVersion):
            _search_version(search, record)
        else:
            ticks.append(record)
    commands = sum(isinstance(each, Command) for each in records)
    # Whatever gives money back may note anew when something of a wallet is due.
    uses = sum(len(each.events) for each in records if isinstance(each, UsageFrame))
    for tenant, member in may_be_due(state, ticks, commands):
        search.want_member(tenant, member)
    for field in may_wake(state, ticks, commands + uses + len(records)):
        if field not in state.wallets:
            search.want(Kind.WALLETS, field)
    _search_scopes(search)
    if state.counted_for != number:
        _search_open(search)
    fields = {name: list(found) for name, found in search.fields.items()}
    return Wanted(fields, list(search.past), search.catalogues)


def _search_version(search: Search, version: CatalogueVersion) -> None:
    """The body of the next version; the step takes no other, and must not wait for it."""
    state = search.state
    is_next = version.number == state.meta.catalogue + 1
    if is_next and version.number not in state.catalogues:
        search.catalogues[version.number] = version.digest


def _search_events(search: Search, events: Iterable[UsageEvent], *, is_late: bool = False) -> None:
    state = search.state
    catalogue = state.catalogues.get(state.meta.catalogue)
    wallets, sessions, ids = state.wallets, state.sessions, state.ids
    nothing: dict[bytes, Seen | None] = {}
    hashes: dict[tuple[str, bool], list[str]] = {}
    terms: dict[str, TenantTerms | None] = {}
    for event in events:
        tenant, subject = event.tenant, event.subject
        owner = member_field(tenant, subject)
        if owner not in wallets:
            search.want(Kind.WALLETS, owner)
        place = (tenant, event.recorded)
        names = hashes.get(place)
        if names is None:
            names = hashes[place] = hashes_to_ask(state, tenant, recorded=event.recorded)
            terms[tenant] = None if catalogue is None else catalogue.tenant(tenant)
        own = terms[tenant]
        if owner not in state.consents and search.asks_consent(tenant):
            search.want(Kind.CONSENTS, owner)
        if is_late or own is None or is_remembered(own, event):
            key = event_key(tenant, subject, event.source, event.id)
            for name in names:
                if key not in ids.get(name, nothing):
                    search.want(name, key)
        if event.session is None:
            # Each is priced alone, so what lies between two of them needs no pass.
            search.note(f"{owner}{SEPARATOR}{event.event_at_ms}", event, event.content)
            continue
        field = session_field(tenant, subject, event.source, event.session)
        session = sessions.get(field)
        if session is not None:
            if session.catalogue != state.meta.catalogue:
                _search_catalogue(search, session)
            if session.previous and event.event_at_ms < session.start_ms:
                _search_back(search, field, session, event, is_late=False)
            search.note(field, event, event.content or session.content, session)
            if event.content and session.content:
                # A life that another one replaces is priced once more, whatever that is of.
                search.note(field, event, session.content)
            continue
        if field not in sessions:
            search.want(Kind.CLOSED, field)
        search.note(field, event, event.content)


def _search_late(search: Search, verdict: LateVerdict) -> None:
    event = verdict.event
    if event.session is not None:
        field = session_field(event.tenant, event.subject, event.source, event.session)
        current = search.state.sessions.get(field)
        if current is not None:
            _search_back(search, field, current, event, is_late=True)
        if verdict.life:
            _search_past(search, field, verdict.life, event)
        sealed = unsealed(verdict.sealed)
        if sealed is not None:
            _search_catalogue(search, sealed)
            search.note_life(past_field(field, sealed.incarnation), sealed, event)


def _search_back(
    search: Search, field: str, session: Session, event: UsageEvent, *, is_late: bool
) -> None:
    """Lives before the current one, as far back as the event may belong to one of them."""
    life: Session | None = session
    for _ in range(LIVES_BACK_MAX):
        if life is None or not life.previous:
            return
        if event.event_at_ms >= life.start_ms and not is_late:
            return
        _search_past(search, field, life.previous, event)
        life = search.state.past.get(past_field(field, life.previous))


def _search_past(search: Search, field: str, incarnation: int, event: UsageEvent) -> None:
    place = past_field(field, incarnation)
    if place not in search.state.past:
        search.past[place] = None
        return
    past = search.state.past[place]
    if past is not None:
        _search_catalogue(search, past)
        search.note_life(place, past, event)


def _search_catalogue(search: Search, session: Session) -> None:
    for number in missing_catalogues(search.state, session):
        search.catalogues[number] = search.state.meta.digests[number]


def _search_scopes(search: Search) -> None:
    """Passes and counters of all periods that each use may come to span within this batch."""
    state = search.state
    for field, span in search.spans.items():
        session = state.sessions.get(field)
        lives = span.lives
        if session is not None:
            span.moments += (session.start_ms, session.last_ms)
            lives = [*lives, session]
            if session.content:
                span.contents.add(session.content)
        moments = sorted(set(span.moments))
        is_held, new = False, moments
        if session is not None and not span.lives and _is_held(state, session):
            # What lies before its last event is there, but for what comes from before its first.
            is_held, begins = True, {session.start_ms} - {session.last_ms}
            new = [each for each in moments if each not in begins]
        for catalogue in state.catalogues.values():
            tenant = catalogue.tenant(span.tenant)
            known = [] if tenant is None else [tenant.content(name) for name in span.contents]
            for each in (priced for terms in known if terms is not None for priced in terms.each):
                _search_terms(search, span, each, moments, new)
        tenants = [each.tenant(span.tenant) for each in state.catalogues.values()]
        for each in priced_elsewhere([each for each in tenants if each], span.contents):
            _search_terms(search, span, each, moments, new)
        for life in [] if is_held else lives:
            for own in search.own_scopes(life):
                _search_terms(search, span, own, moments, moments, life)


def _search_terms(  # noqa: PLR0917 -- a use, its terms, and which of it is new
    search: Search,
    span: Span,
    terms: ContentTerms,
    moments: list[int],
    new: list[int],
    life: Session | None = None,
) -> None:
    _search_passes(search, span, terms, moments)
    if terms.tariff.covers:
        search.want_member(span.tenant, span.member)
    _search_counters(search, counter_fields(_owner(span, terms), new, life))


def _is_held(state: ShardState, session: Session) -> bool:
    """Whether all is in memory that a session has brought into: it is open, by terms that stand."""
    return session.is_open and 0 < session.catalogue == state.meta.catalogue


def _owner(span: Span, terms: ContentTerms) -> Owner:
    return Owner(span.tenant, span.member, terms, 0)


def _search_open(search: Search) -> None:
    """Counters that a tick may change by prices that the latest catalogue announced.

    A record of a session names its own; a session that was not heard of since ends by a tick.
    """
    state = search.state
    for session in state.sessions.values():
        if session is not None and session.is_open and session.catalogue != state.meta.catalogue:
            _search_catalogue(search, session)
            for own in search.own_scopes(session):
                _search_counters(search, fields_of_session(own, session))


def _search_counters(search: Search, fields: Iterable[str]) -> None:
    state = search.state
    for field in fields:
        if field not in state.counters:
            search.want(Kind.COUNTERS, field)
            continue
        known = state.counters[field]
        if known is not None and known.catalogue not in state.catalogues:
            search.catalogues[known.catalogue] = state.meta.digests[known.catalogue]


def _search_passes(search: Search, span: Span, terms: ContentTerms, moments: list[int]) -> None:
    for each in passes_between(terms.tariff, moments, terms.zone):
        kind = own_name(terms, each.kind)
        field = pass_field(span.tenant, span.member, terms.tariff.id, kind, each.period)
        if field not in search.state.passes:
            search.want(Kind.PASSES, field)


def _search_command(search: Search, command: Command) -> None:
    state = search.state
    owner = member_field(command.tenant, command.member)
    if isinstance(command.body, BuyPass | CancelPass | CorrectPrice | AskGrant):
        search.want_member(command.tenant, command.member)
    elif owner not in state.wallets:
        search.want(Kind.WALLETS, owner)
    field = result_field(command.tenant, command.member, command.key)
    if field not in state.results:
        search.want(Kind.RESULTS, field)
    if owner not in state.consents and not isinstance(command.body, Money):
        search.want(Kind.CONSENTS, owner)
    if isinstance(command.body, CorrectPrice):
        _search_correction(search, command, command.body)
    elif isinstance(command.body, AskGrant):
        _search_grant(search, command, command.body)
    elif isinstance(command.body, RegisterCards | ActivateCards | BlockCards | CloseCards):
        _search_cards(search, command.tenant, command.body)
    elif isinstance(command.body, EndGrant):
        field = session_field(
            command.tenant, command.member, command.body.source, command.body.session
        )
        if field not in state.sessions:
            search.want(Kind.CLOSED, field)


def _search_grant(search: Search, command: Command, body: AskGrant) -> None:
    """The session, and what use may come to as long as anything granted may be used."""
    event = beginning_of(command, body)
    for ahead_ms in range(0, AHEAD_MS_MAX + 1, AHEAD_MS_MAX // 8):
        later = msgspec.structs.replace(event, event_at_ms=event.event_at_ms + ahead_ms)
        _search_events(search, [later])


def _search_cards(
    search: Search, tenant: str, body: RegisterCards | ActivateCards | BlockCards | CloseCards
) -> None:
    state, batch = search.state, batch_field(tenant, body.batch)
    if batch not in state.batches:
        search.want(Kind.BATCHES, batch)
    if batch not in state.serials and not isinstance(body, CloseCards):
        search.want(Kind.SERIALS, batch)
    for _, card in body.cards if isinstance(body, RegisterCards) else ():
        field = card_field(tenant, card)
        if field not in state.cards:
            search.want(Kind.CARDS, field)


def _search_leg(search: Search, leg: Leg) -> None:
    if leg.card is not None and leg.kind in {LegKind.REDEEM, LegKind.CARD_BACK}:
        _search_card(search, leg.tenant, leg.card.card)
        return
    for member in (leg.sender, leg.receiver):
        owner = member_field(leg.tenant, member)
        if owner not in search.state.wallets:
            search.want(Kind.WALLETS, owner)


def _search_card(search: Search, tenant: str, card: bytes) -> None:
    state, field = search.state, card_field(tenant, card)
    if field not in state.cards:
        search.want(Kind.CARDS, field)
        return
    known = state.cards[field]
    batch = None if known is None else batch_field(tenant, known.batch)
    if batch is not None and batch not in state.batches:
        search.want(Kind.BATCHES, batch)


def _search_correction(search: Search, command: Command, body: CorrectPrice) -> None:
    """The session, both its catalogues, and the periods that it counts in by either."""
    state = search.state
    digest = state.meta.digests.get(body.catalogue)
    if body.catalogue not in state.catalogues and digest is not None:
        search.catalogues[body.catalogue] = digest
    field = session_field(command.tenant, command.member, body.source, body.session)
    place = past_field(field, body.incarnation)
    # A record before it may make the shard let go of one, or begin another in its place.
    if field not in state.sessions:
        search.want(Kind.CLOSED, field)
    if place not in state.past:
        search.past[place] = None
    found = (state.sessions.get(field), state.past.get(place), unsealed(body.sealed))
    for life in (each for each in found if each is not None):
        _search_catalogue(search, life)
        catalogue = state.catalogues.get(body.catalogue)
        tenant = None if catalogue is None else catalogue.tenant(life.tenant)
        other = None if tenant is None else tenant.content(life.content)
        scoped = [each for each in (() if other is None else other.each) if each.tariff.has_scopes]
        for own in (*search.own_scopes(life), *scoped):
            moments = [life.start_ms, life.last_ms]
            owner = Owner(life.tenant, life.member, own, body.catalogue)
            _search_counters(search, counter_fields(owner, moments, life))
