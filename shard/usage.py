"""What a frame of usage events does: repeats out, sessions merged, prices moved.

Invariant: events are taken in the frame's order, scopes in the order of their first event; an
event that breaks an invariant leaves nothing but its dead letter.
It does not own merging (``rating.session``) nor posting (``shard.posting``).
"""

from typing import NamedTuple

import msgspec

from rating.catalogue import TenantTerms
from rating.session import session_field
from schemas.applied import AppliedUsage, Cdr, LateUsage
from schemas.errors import InvalidEvent, ShardStopped
from schemas.frames import LateVerdict, UsageFrame
from schemas.ids import SEPARATOR, Domain, domain_of, joined, member_field
from schemas.moment import HOUR_MS
from schemas.refusals import DEAD_BYTES_MAX, DeadLetter
from schemas.usage import EventType, UsageEvent, event_key
from shard.domain import DomainClock
from shard.emission import Emission
from shard.expiry import late_before
from shard.items import duplicate_item
from shard.loose import LooseGroup, settle_loose
from shard.port import ids_hash, late_hash
from shard.sessions import SessionGroup, settle_group
from shard.signals import signal_wallet
from shard.state import Seen, ShardState

INCREMENTS = frozenset({EventType.PAGE, EventType.ITEM, EventType.REPORT})


class Scoped(NamedTuple):
    """Events of one frame that are priced together.

    Args:
        tenant: Their tenant's terms.
        field: The session's field, or a name for what is outside sessions.
        content: Of what is outside sessions, or empty where nobody knows; None for a session.
        events: With their places in the frame.
    """

    tenant: TenantTerms
    field: str
    content: str | None
    events: list[tuple[int, UsageEvent]]


class Gate(NamedTuple):
    """What events of one tenant and clock are admitted by, within one frame.

    Args:
        terms: The tenant's.
        domain: Name of the clock domain.
        clock: The domain itself.
        late_before_ms: Events before it wait for the warehouse.
    """

    terms: TenantTerms
    domain: Domain
    clock: DomainClock
    late_before_ms: int


class Frame:
    """The work on one frame.

    Args:
        state: Changed as scopes are committed.
        frame: From the log.
        out: Gets what comes of it.
        verdict: On the frame's only event, when it had been put aside as late.
    """

    def __init__(
        self,
        state: ShardState,
        frame: UsageFrame,
        out: Emission,
        verdict: LateVerdict | None = None,
    ) -> None:
        self._state = state
        self._frame = frame
        self._out = out
        self._verdict = verdict
        self._gates: dict[tuple[str, bool], Gate] = {}
        self._rows: dict[int, AppliedUsage | LateUsage] = {}
        self._cdrs: list[Cdr] = []
        # Hash that is to remember each key, and the digest of the event that took it.
        self._taken: dict[bytes, tuple[str, bytes]] = {}
        self._keys: dict[int, bytes] = {}
        self._touched: dict[tuple[str, str], list[str]] = {}

    def apply(self) -> None:
        """Does all of it."""
        for scope in self._scopes():
            self._settle(scope)
        self._emit_rows()
        self._out.applied.extend(self._cdrs)
        for (tenant_id, member), fields in self._touched.items():
            tenant = self._tenant(tenant_id)
            if tenant is not None:
                signal_wallet(self._state, self._out, tenant, member, fields)

    def _tenant(self, tenant: str) -> TenantTerms | None:
        catalogue = self._state.catalogues.get(self._state.meta.catalogue)
        return None if catalogue is None else catalogue.tenant(tenant)

    def _gate(self, event: UsageEvent) -> Gate:
        place = (event.tenant, event.recorded)
        known = self._gates.get(place)
        if known is not None:
            return known
        terms = self._tenant(event.tenant)
        if terms is None:
            raise InvalidEvent("content-unknown", f"no catalogue names tenant {event.tenant!r}")
        domain = domain_of(event.tenant, recorded=event.recorded)
        clock = self._state.domain(domain)
        late_before_ms = late_before(clock, terms) * HOUR_MS
        gate = self._gates[place] = Gate(terms, domain, clock, late_before_ms)
        return gate

    def _scopes(self) -> list[Scoped]:
        scopes: dict[str, Scoped] = {}
        for index, event in enumerate(self._frame.events):
            try:
                gate = self._gate(event)
                if not self._admit(index, event, gate):
                    continue
            except InvalidEvent as refusal:
                self._refuse(event, refusal.reason, refusal.detail)
                continue
            field, owner = event.session, member_field(event.tenant, event.subject)
            if field is not None and event.type != EventType.REPORT:
                name, content = f"{owner}{SEPARATOR}{event.source}{SEPARATOR}{field}", None
            else:
                content = self._content_of(event)
                # By hour, so that statistics find each use where it happened.
                hour = str(event.event_at_ms // HOUR_MS)
                name = joined(owner, event.source, "", content, hour)
            scope = scopes.get(name)
            if scope is None:
                scopes[name] = Scoped(gate.terms, name, content, [(index, event)])
            else:
                scope.events.append((index, event))
        return list(scopes.values())

    def _content_of(self, event: UsageEvent) -> str:
        """What a use outside sessions is of; a report may leave it to the session that it names."""
        if event.content is not None or event.session is None:
            return event.content or ""
        field = session_field(event.tenant, event.subject, event.source, event.session)
        session = self._state.session(field)
        return "" if session is None else session.content

    def _admit(self, index: int, event: UsageEvent, gate: Gate) -> bool:
        """Whether the event is to be applied; a repeat and a manager's own use are not."""
        terms = gate.terms
        if event.manager and self._is_manager(event, terms):
            return False
        if terms.members is not None and not terms.is_registered(event.subject):
            self._check_member(event)
        if self._verdict is None and event.event_at_ms < gate.late_before_ms:
            self._rows[index] = LateUsage(event, self._frame.path, self._state.meta.late_next)
            self._state.meta.late_next += 1
            self._state.touch_meta()
            return False
        if not terms.remember_all and event.type not in INCREMENTS and self._verdict is None:
            return True
        hash_name = self._memory_of(event, gate)
        key = self._keys[index] = event_key(event.tenant, event.subject, event.source, event.id)
        digest = self._known_digest(event, gate, hash_name, key)
        if digest is None:
            self._taken[key] = (hash_name, event.digest)
            return True
        if digest != event.digest:
            raise InvalidEvent(
                "id-reused",
                f"event {event.id!r} of source {event.source!r} was already received with other "
                "content; give a new event a new id",
            )
        self._rows[index] = duplicate_item(event, self._frame.path)
        return False

    def _check_member(self, event: UsageEvent) -> None:
        """A member whom the catalogue does not name has at least a wallet."""
        if self._state.wallet(member_field(event.tenant, event.subject)) is None:
            raise InvalidEvent(
                "member-unknown",
                f"subject {event.subject!r} is no member of tenant {event.tenant!r}; "
                "register the member or top up the wallet first",
            )

    def _memory_of(self, event: UsageEvent, gate: Gate) -> str:
        """The hash that remembers the event's id."""
        if self._verdict is not None:
            hour, hours = gate.clock.hour, gate.clock.late_hours
            hash_name = late_hash(gate.domain, hour)
            self._state.ids.setdefault(hash_name, {})
        else:
            hour, hours = event.event_at_ms // HOUR_MS, gate.clock.id_hours
            hash_name = ids_hash(gate.domain, hour)
        if hour not in hours:
            hours[hour] = True
            self._state.touch_meta()
        return hash_name

    def _known_digest(
        self, event: UsageEvent, gate: Gate, hash_name: str, key: bytes
    ) -> bytes | None:
        """What an event of this id said before, if it was seen."""
        taken = self._taken.get(key)
        if taken is not None:
            return taken[1]
        if self._verdict is None:
            seen = self._state.seen(hash_name, key)
            return None if seen is None else seen.digest
        for hour in sorted(gate.clock.late_hours):
            late = self._state.ids.get(late_hash(gate.domain, hour), {}).get(key)
            if late is not None:
                return late.digest
        if not self._verdict.is_known:
            return None
        return event.digest if self._verdict.is_same else b""

    def _is_manager(self, event: UsageEvent, tenant: TenantTerms) -> bool:
        content = event.content
        if content is None and event.session is not None:
            field = session_field(event.tenant, event.subject, event.source, event.session)
            session = self._state.session(field)
            content = session.content if session is not None else None
        if content is None:
            return tenant.manages_any(event.subject)
        terms = tenant.content(content)
        return terms is not None and event.subject in terms.managers

    def _settle(self, scope: Scoped) -> None:
        """Settles a scope whole; where that breaks an invariant, event by event."""
        try:
            self._settle_events(scope, scope.events)
        except ShardStopped:
            raise
        except Exception as broken:  # noqa: BLE001 -- one event must never stop a shard (design, idea 13)
            if len(scope.events) == 1:
                self._drop(scope.events[0][1], broken)
                return
            for single in scope.events:
                try:
                    self._settle_events(scope, [single])
                except ShardStopped:
                    raise
                except Exception as cause:  # noqa: BLE001 -- as above, now for this event alone
                    self._drop(single[1], cause)

    def _settle_events(self, scope: Scoped, events: list[tuple[int, UsageEvent]]) -> None:
        path = self._frame.path
        if scope.content is None:
            group = SessionGroup(scope.tenant, scope.field, path, events, self._verdict)
            done = settle_group(self._state, self._out, group)
        else:
            loose = LooseGroup(scope.tenant, scope.content, path, events)
            done = settle_loose(self._state, self._out, loose)
        self._rows.update(done.rows)
        self._cdrs.extend(done.cdrs)
        for event, reason, detail in done.refused:
            self._refuse(event, reason, detail)
        if done.rows:
            first = events[0][1]
            fields = self._touched.setdefault((first.tenant, first.subject), [])
            if scope.content is None:
                fields.append(scope.field)

    def _emit_rows(self) -> None:
        """Puts the items out in the frame's order, whatever the order of their scopes."""
        rows, out, state = self._rows, self._out, self._state
        for index in sorted(rows):
            row = rows[index]
            key = self._keys.get(index)
            if key is not None and isinstance(row, AppliedUsage) and row.outcome == "applied":
                hash_name, digest = self._taken[key]
                seen = Seen(digest, out.next_applied, row.ledger_sequence)
                state.remember(hash_name, key, seen)
            out.applied.append(row)

    def _drop(self, event: UsageEvent, broken: Exception) -> None:
        if isinstance(broken, InvalidEvent):
            self._refuse(event, broken.reason, broken.detail)
        else:
            self._refuse(event, "broken-invariant", f"{type(broken).__name__}: {broken}")

    def _refuse(self, event: UsageEvent, reason: str, detail: str) -> None:
        self._out.dead.append(
            DeadLetter(
                tenant=event.tenant,
                source=event.source,
                id=event.id,
                subject=event.subject,
                reason=reason,
                detail=detail,
                place=f"shard/{self._state.shard}/{self._out.record.offset}",
                refused_at_ms=event.received_at_ms,
                body=msgspec.json.encode(event)[:DEAD_BYTES_MAX],
            )
        )
