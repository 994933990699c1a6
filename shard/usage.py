"""What a frame of usage events does: repeats out, sessions merged, prices moved.

Invariant: events are taken in the frame's order, scopes in the order of their first event; an
event that breaks an invariant leaves nothing but its dead letter.
It does not own merging (``rating.session``) nor posting (``shard.posting``).
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from rating.catalogue import TenantTerms
from rating.session import Session, begin, session_field
from schemas.applied import AppliedUsage, Cdr, LateUsage
from schemas.errors import InvalidEvent, ShardStopped
from schemas.frames import LateVerdict, UsageFrame
from schemas.ids import domain_of, joined, member_field
from schemas.moment import HOUR_MS
from schemas.refusals import DEAD_BYTES_MAX, DeadLetter
from schemas.usage import EventType, UsageEvent, event_key
from shard.domain import NEVER_MS, low_watermark
from shard.emission import Emission
from shard.items import duplicate_item
from shard.known_ids import hash_to_keep, hashes_to_ask, is_remembered
from shard.limits import SessionsFull
from shard.loose import LooseGroup, settle_loose
from shard.picking import BeyondLives
from shard.sessions import SessionGroup, settle_group
from shard.signals import limit_signal, signal_wallet
from shard.state import ShardState
from shard.stored import Seen


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
        hashes: Where ids of the tenant's earlier events may be remembered.
        late_before_ms: Events before it wait for the warehouse.
    """

    terms: TenantTerms
    hashes: list[str]
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
        # By key: the event of this round that claims it, and the digest of the one that counted.
        self._claimed: dict[bytes, int] = {}
        self._counted: dict[bytes, bytes] = {}
        self._again: list[tuple[int, UsageEvent]] = []
        self._keys: dict[int, bytes] = {}
        self._touched: dict[tuple[str, str], list[str]] = {}
        self._limited: dict[str, Session] = {}

    def apply(self) -> None:
        """Does all of it."""
        round_ = list(enumerate(self._frame.events))
        while round_:
            for scope in self._scopes(round_):
                self._settle(scope)
            round_ = self._next_round()
        self._emit_rows()
        self._out.applied.extend(self._cdrs)
        self._tell_limits()
        for (tenant_id, member), fields in self._touched.items():
            tenant = self._tenant(tenant_id)
            if tenant is not None:
                signal_wallet(self._state, self._out, tenant, member, fields)

    def _tell_limits(self) -> None:
        """Each server once of each of its sessions, in the order in which that was found."""
        for session in self._limited.values():
            tenant = self._tenant(session.tenant)
            if tenant is not None:
                self._out.signals.append(limit_signal(self._state, tenant, session))

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
        mark_ms = low_watermark(clock)
        late_before_ms = NEVER_MS if mark_ms == NEVER_MS else mark_ms - terms.horizon_ms
        # The memory of hours that are gone does not come back with a longer horizon.
        late_before_ms = max(late_before_ms, clock.gone_hour * HOUR_MS)
        hashes = hashes_to_ask(self._state, event.tenant, recorded=event.recorded)
        gate = self._gates[place] = Gate(terms, hashes, late_before_ms)
        return gate

    def _next_round(self) -> list[tuple[int, UsageEvent]]:
        """Events whose id another of the frame claimed: a repeat only if that one counted."""
        for key, index in self._claimed.items():
            if isinstance(self._rows.get(index), AppliedUsage):
                self._counted[key] = self._frame.events[index].digest
        again, self._again, self._claimed = self._again, [], {}
        return again

    def _scopes(self, events: Iterable[tuple[int, UsageEvent]]) -> list[Scoped]:
        scopes: dict[str, Scoped] = {}
        for index, event in events:
            try:
                gate = self._gate(event)
                if not self._admit(index, event, gate):
                    continue
            except InvalidEvent as refusal:
                self._refuse(event, refusal.reason, refusal.detail)
                continue
            if event.session is not None and event.type != EventType.REPORT:
                content = None
                name = session_field(event.tenant, event.subject, event.source, event.session)
            else:
                content = self._content_of(event)
                # By hour, so that statistics find each use where it happened.
                hour = str(event.event_at_ms // HOUR_MS)
                payee = event.payee or ""
                name = joined(event.tenant, event.subject, event.source, "", content, hour, payee)
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
            self._put_aside(index, event)
            return False
        if self._verdict is None and not is_remembered(terms, event):
            return True
        key = self._keys[index] = event_key(event.tenant, event.subject, event.source, event.id)
        if key in self._claimed:
            self._again.append((index, event))
            return False
        digest = self._known_digest(event, gate, key)
        if digest is None:
            self._claimed[key] = index
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

    def _known_digest(self, event: UsageEvent, gate: Gate, key: bytes) -> bytes | None:
        """What an event of this id said before, if one counted."""
        counted = self._counted.get(key)
        if counted is not None:
            return counted
        for hash_name in gate.hashes:
            seen = self._state.seen(hash_name, key)
            if seen is not None:
                return seen.digest
        if self._verdict is None or not self._verdict.is_known:
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
                self._drop(*scope.events[0], broken)
                return
            for single in scope.events:
                try:
                    self._settle_events(scope, [single])
                except ShardStopped:
                    raise
                except Exception as cause:  # noqa: BLE001 -- as above, now for this event alone
                    self._drop(*single, cause)

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
        for session in done.limited:
            self._limited[session.field] = session
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
                event = self._frame.events[index]
                seen = Seen(event.digest, out.next_applied, row.ledger_sequence)
                state.remember(hash_to_keep(state, event), key, seen)
            out.applied.append(row)

    def _put_aside(self, index: int, event: UsageEvent) -> None:
        """Leaves an event to the late path, which asks the warehouse."""
        self._rows[index] = LateUsage(event, self._frame.path, self._state.meta.late_next)
        self._state.meta.late_next += 1
        self._state.touch_meta()

    def _drop(self, index: int, event: UsageEvent, broken: Exception) -> None:
        if isinstance(broken, BeyondLives):
            self._put_aside(index, event)
        elif isinstance(broken, InvalidEvent):
            if isinstance(broken, SessionsFull):
                self._note_full(event)
            self._refuse(event, broken.reason, broken.detail)
        else:
            self._refuse(event, "broken-invariant", f"{type(broken).__name__}: {broken}")

    def _note_full(self, event: UsageEvent) -> None:
        """Its server is told, though there is no such session, or none that is open."""
        session = begin(event, path=self._frame.path, incarnation=0)
        known = self._state.session(session.field)
        session.content = event.content or ("" if known is None else known.content)
        self._limited[session.field] = session

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
