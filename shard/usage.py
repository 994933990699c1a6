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
from schemas.errors import InvalidEvent
from schemas.frames import LateVerdict, UsageFrame
from schemas.ids import domain_of, joined
from schemas.moment import HOUR_MS
from schemas.refusals import DEAD_BYTES_MAX, DeadLetter
from schemas.usage import EVENT_TYPE_TEXTS, EventType, UsageEvent, event_key
from shard.domain import NEVER_MS, low_watermark
from shard.emission import Emission
from shard.loose import settle_loose
from shard.port import ids_hash, late_hash
from shard.sessions import Row, SessionGroup, settle_group
from shard.signals import signal_wallet
from shard.state import Seen, ShardState

INCREMENTS = frozenset({EventType.PAGE, EventType.ITEM, EventType.REPORT})


class Scoped(NamedTuple):
    """Events of one frame that are priced together.

    Args:
        tenant: Their tenant's terms.
        field: The session's field, or a name for what is outside sessions.
        is_session: Which of the two.
        events: With their places in the frame.
    """

    tenant: TenantTerms
    field: str
    is_session: bool
    events: list[tuple[int, UsageEvent]]


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
        self._rows: list[Row | None] = [None] * len(frame.events)
        self._verdict = verdict
        self._repeats: set[int] = set()
        self._late: set[int] = set()
        self._cdrs: list[Cdr] = []
        self._taken: dict[bytes, tuple[str, bytes]] = {}
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

    def _terms(self, name: str) -> TenantTerms:
        tenant = self._tenant(name)
        if tenant is None:
            raise InvalidEvent("content-unknown", f"no catalogue names tenant {name!r}")
        return tenant

    def _scopes(self) -> list[Scoped]:
        scopes: dict[str, Scoped] = {}
        for index, event in enumerate(self._frame.events):
            try:
                tenant = self._terms(event.tenant)
                if not self._admit(index, event, tenant):
                    continue
            except InvalidEvent as refusal:
                self._refuse(event, refusal.reason, refusal.detail)
                continue
            name, is_session = _scope_of(event)
            scope = scopes.setdefault(name, Scoped(tenant, name, is_session, []))
            scope.events.append((index, event))
        return list(scopes.values())

    def _admit(self, index: int, event: UsageEvent, tenant: TenantTerms) -> bool:
        """Whether the event is to be applied; a repeat and a manager's own use are not."""
        if event.manager and self._is_manager(event, tenant):
            return False
        if not tenant.is_registered(event.subject):
            known = self._state.wallet(joined(event.tenant, event.subject))
            if known is None:
                raise InvalidEvent(
                    "member-unknown",
                    f"subject {event.subject!r} is no member of tenant {event.tenant!r}; "
                    "register the member or top up the wallet first",
                )
        memory = self._memory_of(event, tenant)
        if memory is None:
            self._late.add(index)
            return False
        hash_name, remembered = memory
        if not remembered:
            return True
        key = event_key(event.tenant, event.subject, event.source, event.id)
        digest = self._known_digest(event, hash_name, key)
        if digest is None:
            self._taken[key] = (hash_name, event.digest)
            return True
        if digest != event.digest:
            raise InvalidEvent(
                "id-reused",
                f"event {event.id!r} of source {event.source!r} was already received with other "
                "content; give a new event a new id",
            )
        self._repeats.add(index)
        return False

    def _memory_of(self, event: UsageEvent, tenant: TenantTerms) -> tuple[str, bool] | None:
        """The hash that remembers the event's id, and whether it does; None when it is late."""
        domain_name = domain_of(event.tenant, recorded=event.recorded)
        domain = self._state.domain(domain_name)
        mark_ms = low_watermark(domain)
        if self._verdict is not None:
            hour = max(mark_ms, 0) // HOUR_MS
            domain.late_hours[hour] = True
            self._state.touch_meta()
            self._state.ids.setdefault(late_hash(domain_name, hour), {})
            return late_hash(domain_name, hour), True
        if mark_ms != NEVER_MS and event.event_at_ms < mark_ms - tenant.horizon_ms:
            return None
        remembered = tenant.remember_all or event.type in INCREMENTS
        hour = event.event_at_ms // HOUR_MS
        if remembered and hour not in domain.id_hours:
            domain.id_hours[hour] = True
            self._state.touch_meta()
        return ids_hash(domain_name, hour), remembered

    def _known_digest(self, event: UsageEvent, hash_name: str, key: bytes) -> bytes | None:
        """What an event of this id said before, if it was seen."""
        taken = self._taken.get(key)
        if taken is not None:
            return taken[1]
        if self._verdict is None:
            seen = self._state.seen(hash_name, key)
            return None if seen is None else seen.digest
        if self._verdict.is_known:
            return event.digest
        domain_name = domain_of(event.tenant, recorded=event.recorded)
        for hour in sorted(self._state.domain(domain_name).late_hours):
            late = self._state.ids.get(late_hash(domain_name, hour), {}).get(key)
            if late is not None:
                return late.digest
        return None

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
        except Exception as broken:  # noqa: BLE001 -- one event must never stop a shard (design, idea 13)
            if len(scope.events) == 1:
                self._drop(scope.events[0][1], broken)
                return
            for single in scope.events:
                try:
                    self._settle_events(scope, [single])
                except Exception as cause:  # noqa: BLE001 -- as above, now for this event alone
                    self._drop(single[1], cause)

    def _settle_events(self, scope: Scoped, events: list[tuple[int, UsageEvent]]) -> None:
        path = self._frame.path
        if scope.is_session:
            group = SessionGroup(scope.tenant, scope.field, path, events)
            done = settle_group(self._state, self._out, group)
        else:
            done = settle_loose(self._state, self._out, scope.tenant, events)
        for index, row in done.rows:
            self._rows[index] = row
        self._cdrs.extend(done.cdrs)
        for event, reason, detail in done.refused:
            self._refuse(event, reason, detail)
        if done.rows:
            first = events[0][1]
            fields = self._touched.setdefault((first.tenant, first.subject), [])
            if scope.is_session:
                fields.append(scope.field)

    def _emit_rows(self) -> None:
        path = self._frame.path
        for index, event in enumerate(self._frame.events):
            row = self._rows[index]
            if row is not None:
                self._remember(event, row)
                self._out.applied.append(_usage_item(event, row, path, "applied"))
            elif index in self._repeats:
                repeat = Row(-1, event.session or "", 0, event.content or "", 0, {}, "")
                self._out.applied.append(_usage_item(event, repeat, path, "duplicate"))
            elif index in self._late:
                self._out.applied.append(LateUsage(event, path))

    def _remember(self, event: UsageEvent, row: Row) -> None:
        key = event_key(event.tenant, event.subject, event.source, event.id)
        taken = self._taken.get(key)
        if taken is not None:
            seen = Seen(event.digest, self._out.next_applied, row.ledger_sequence)
            self._state.remember(taken[0], key, seen)

    def _drop(self, event: UsageEvent, broken: Exception) -> None:
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


def _scope_of(event: UsageEvent) -> tuple[str, bool]:
    if event.session is not None and event.type != EventType.REPORT:
        return session_field(event.tenant, event.subject, event.source, event.session), True
    content = event.content or ""
    return joined(event.tenant, event.subject, event.source, "", content), False


def _usage_item(event: UsageEvent, row: Row, path: str, outcome: str) -> AppliedUsage:
    return AppliedUsage(
        tenant=event.tenant,
        source=event.source,
        id=event.id,
        type=EVENT_TYPE_TEXTS[EventType(event.type)],
        subject=event.subject,
        session=row.session,
        incarnation=row.incarnation,
        content=row.content,
        event_at_ms=event.event_at_ms,
        received_at_ms=event.received_at_ms,
        path=path,
        outcome=outcome,
        duration_ms=row.duration_ms,
        meters=row.meters,
        ledger_sequence=row.ledger_sequence,
        flags=row.flags,
    )
