"""What a batch of records will look at, so that it can be loaded before the step.

Invariant: everything that ``step`` may ask of the state for these records is either in memory or
named here; ask again after loading, until nothing is wanted.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from rating.catalogue import ContentTerms
from rating.price import passes
from rating.session import Session, decode_session, past_field, session_field
from schemas.commands import Command, Result
from schemas.errors import BrokenInvariant
from schemas.frames import CatalogueVersion, LateVerdict, Record, UsageFrame
from schemas.ids import domain_of, member_field
from schemas.moment import HOUR_MS
from schemas.usage import UsageEvent, event_key
from shard.lives import unsealed
from shard.orders import result_field
from shard.port import Field, Kind, ids_hash, late_hash
from shard.posting import pass_field
from shard.state import PassSold, Seen, ShardState, decode_as
from wallet.wallet import decode_wallet

PAST = "past"


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


class _Span(msgspec.Struct):
    """Stretch of event time and contents of one session's, or one member's, events."""

    tenant: str
    member: str
    start_ms: int
    end_ms: int
    contents: set[str]


class _Search:
    def __init__(self, state: ShardState) -> None:
        self.state = state
        self.fields: dict[str, dict[Field, None]] = {}
        self.past: dict[str, None] = {}
        self.catalogues: dict[int, str] = {}
        self.spans: dict[str, _Span] = {}
        self._with_passes: dict[str, frozenset[str]] = {}

    def note(self, field: str, event: UsageEvent, content: str | None) -> None:
        """Widens the stretch for which passes may be needed; None when the content is unknown."""
        with_passes = self.with_passes(event.tenant)
        if not with_passes or (content and content not in with_passes):
            return
        at_ms = event.event_at_ms
        span = self.spans.get(field)
        if span is None:
            span = _Span(event.tenant, event.subject, at_ms, at_ms, set())
            self.spans[field] = span
        span.start_ms = min(span.start_ms, at_ms)
        span.end_ms = max(span.end_ms, at_ms)
        if content:
            span.contents.add(content)

    def note_life(self, place: str, life: Session, at_ms: int) -> None:
        """The same for an event of a life that is not the session's current one."""
        if life.content not in self.with_passes(life.tenant):
            return
        known = self.spans.get(place)
        start_ms, end_ms = min(life.start_ms, at_ms), max(life.last_ms, at_ms)
        if known is not None:
            start_ms, end_ms = min(start_ms, known.start_ms), max(end_ms, known.end_ms)
        contents = {life.content}
        self.spans[place] = _Span(life.tenant, life.member, start_ms, end_ms, contents)

    def with_passes(self, tenant: str) -> frozenset[str]:
        """Contents for which any catalogue in memory sells passes."""
        known = self._with_passes.get(tenant)
        if known is None:
            terms = [each.tenant(tenant) for each in self.state.catalogues.values()]
            known = frozenset[str]().union(*(each.with_passes for each in terms if each))
            self._with_passes[tenant] = known
        return known

    def want(self, name: str, field: Field) -> None:
        self.fields.setdefault(name, {})[field] = None


def wanted_by(state: ShardState, records: Iterable[Record]) -> Wanted:
    """What these records look at and the state does not hold.

    Args:
        state: As it is before them.
        records: In log order.
    """
    search = _Search(state)
    number = state.meta.catalogue
    if number and number not in state.catalogues:
        search.catalogues[number] = state.meta.digests[number]
    for record in records:
        if isinstance(record, UsageFrame):
            _search_events(search, record.events)
        elif isinstance(record, LateVerdict):
            _search_events(search, [record.event])
            _search_late(search, record)
        elif isinstance(record, Command):
            _search_command(search, record)
        elif isinstance(record, CatalogueVersion) and record.number not in state.catalogues:
            search.catalogues[record.number] = record.digest
    _search_passes(search)
    fields = {name: list(found) for name, found in search.fields.items()}
    return Wanted(fields, list(search.past), search.catalogues)


def take_in(state: ShardState, name: str, fields: list[Field], values: list[bytes | None]) -> None:
    """Puts loaded values, or the knowledge that there are none, into the state's memory."""
    for field, value in zip(fields, values, strict=True):
        key = field if isinstance(field, str) else field.decode()
        match name:
            case Kind.WALLETS:
                state.wallets[key] = None if value is None else decode_wallet(value)
            case Kind.CLOSED:
                state.sessions[key] = None if value is None else decode_session(value)
            case Kind.PASSES:
                state.passes[key] = None if value is None else decode_as(PassSold, value)
            case Kind.RESULTS:
                state.results[key] = None if value is None else decode_as(Result, value)
            case str() if name == PAST:
                state.past[key] = None if value is None else decode_session(value)
            case _:
                raise ValueError(f"nothing is loaded from {name!r}")


def take_in_ids(
    state: ShardState, name: str, keys: list[bytes], values: list[bytes | None]
) -> None:
    """The same for remembered event ids."""
    hour = state.ids.setdefault(name, {})
    for key, value in zip(keys, values, strict=True):
        hour[key] = None if value is None else decode_as(Seen, value)


def _search_events(search: _Search, events: Iterable[UsageEvent]) -> None:
    state = search.state
    wallets, sessions, ids = state.wallets, state.sessions, state.ids
    nothing: dict[bytes, Seen | None] = {}
    hashes: dict[tuple[str, bool, int], str] = {}
    for event in events:
        tenant, subject = event.tenant, event.subject
        owner = member_field(tenant, subject)
        if owner not in wallets:
            search.want(Kind.WALLETS, owner)
        place = (tenant, event.recorded, event.event_at_ms // HOUR_MS)
        name = hashes.get(place)
        if name is None:
            domain = domain_of(tenant, recorded=event.recorded)
            name = hashes[place] = ids_hash(domain, place[2])
        key = event_key(tenant, subject, event.source, event.id)
        if key not in ids.get(name, nothing):
            search.want(name, key)
        if event.session is None:
            search.note(owner, event, event.content)
            continue
        field = session_field(tenant, subject, event.source, event.session)
        session = sessions.get(field)
        if session is not None:
            if session.catalogue not in state.catalogues:
                _search_catalogue(search, session)
            if session.previous and event.event_at_ms < session.start_ms:
                _search_past(search, field, session.previous, event)
            search.note(field, event, event.content or session.content)
            continue
        if field not in sessions:
            search.want(Kind.CLOSED, field)
        search.note(field, event, event.content)


def _search_late(search: _Search, verdict: LateVerdict) -> None:
    event = verdict.event
    if event.session is not None:
        field = session_field(event.tenant, event.subject, event.source, event.session)
        current = search.state.sessions.get(field)
        if current is not None and current.previous:
            _search_past(search, field, current.previous, event)
        if verdict.life:
            _search_past(search, field, verdict.life, event)
        sealed = unsealed(verdict)
        if sealed is not None:
            _search_catalogue(search, sealed)
            search.note_life(past_field(field, sealed.incarnation), sealed, event.event_at_ms)
    name = domain_of(event.tenant, recorded=event.recorded)
    key = event_key(event.tenant, event.subject, event.source, event.id)
    for hour in search.state.domain(name).late_hours:
        if key not in search.state.ids.get(late_hash(name, hour), {}):
            search.want(late_hash(name, hour), key)


def _search_past(search: _Search, field: str, incarnation: int, event: UsageEvent) -> None:
    place = past_field(field, incarnation)
    if place not in search.state.past:
        search.past[place] = None
        return
    past = search.state.past[place]
    if past is not None:
        _search_catalogue(search, past)
        search.note_life(place, past, event.event_at_ms)


def _search_catalogue(search: _Search, session: Session) -> None:
    number = session.catalogue
    if number and number not in search.state.catalogues:
        search.catalogues[number] = search.state.meta.digests[number]


def _search_passes(search: _Search) -> None:
    """Passes for all periods that each scope's use may come to span within this batch."""
    state = search.state
    for field, span in search.spans.items():
        session = state.sessions.get(field)
        start_ms, end_ms = span.start_ms, span.end_ms
        if session is not None:
            start_ms, end_ms = min(start_ms, session.start_ms), max(end_ms, session.last_ms)
        for catalogue in state.catalogues.values():
            tenant = catalogue.tenant(span.tenant)
            terms = [] if tenant is None else [tenant.content(name) for name in span.contents]
            for each in terms:
                if each is not None and each.tariff.has_passes:
                    _search_tariff(search, span, each, start_ms, end_ms)


def _search_tariff(
    search: _Search, span: "_Span", terms: ContentTerms, start_ms: int, end_ms: int
) -> None:
    try:
        needed = passes(terms.tariff, start_ms, end_ms, terms.zone)
    except BrokenInvariant:
        # Beyond what a use may touch: the step drops the event that makes it so.
        return
    for each in needed:
        field = pass_field(span.tenant, span.member, terms.tariff.id, each.component, each.period)
        if field not in search.state.passes:
            search.want(Kind.PASSES, field)


def _search_command(search: _Search, command: Command) -> None:
    state = search.state
    owner = member_field(command.tenant, command.member)
    if owner not in state.wallets:
        search.want(Kind.WALLETS, owner)
    field = result_field(command.tenant, command.member, command.key)
    if field not in state.results:
        search.want(Kind.RESULTS, field)
