"""Finding the way of one event: what the live shard remembers, joined with the warehouse's rows.

Invariant: an event that was applied once is ``accepted`` for ever; refusals of others under its
name are shown beside it. Nothing found is told with the time up to which everything is known;
one that came too late and waits for its verdict is ``late``.
"""

from typing import NamedTuple

from api.limits import EARLIER_INCARNATIONS_MAX
from api.models.events import AppliedView, EventView, KnownUpTo, RefusalView, Status
from api.models.ledger import transfer_id, transfer_view
from api.models.sessions import SessionView, currency_of, view_from_cdr, view_from_live
from api.ports import EventName, MemberTransfer, SessionName, filter_of
from api.problems import Problem
from api.services import Services
from api.words.telling import Telling
from runtime.keys import ApiKey
from schemas.applied import AppliedUsage
from schemas.ids import LIVE, domain_of
from schemas.moment import text_from_ms
from schemas.usage import event_key
from shard.domain import NEVER_MS, low_watermark
from shard.known_ids import span_hashes
from shard.stored import Seen
from warehouse.answers import DeadRow, PlacedUsage
from warehouse.rows import LATE

APPLIED = "applied"
DUPLICATE = "duplicate"


class _Live(NamedTuple):
    """What the live shard says: its number, the memory of the event, and how far it came."""

    shard: int
    seen: Seen | None
    known_ms: int | None


async def trace(services: Services, key: ApiKey, name: EventName, telling: Telling) -> EventView:
    """The way of one event.

    Args:
        services: Parts behind the API.
        key: The caller's; its tenant is asked, its clock says how far all is known, and only with
            ``wallet:read`` it is told what members have.
        name: Of the event; without subject only the warehouse is asked.
        telling: How its charge is put into words.

    Raises:
        Problem: ``event-unknown``, or ``subject-needed`` where several members match.
        RecoverableError: A part cannot be reached.
    """
    tenant = key.tenant
    live = await _live(services, key, name)
    known_ms = await services.warehouse.known_up_to_ms(tenant, None if live is None else live.shard)
    way = await services.warehouse.way_of_event(tenant, name)
    until = KnownUpTo(
        live=_text(None if live is None else live.known_ms), warehouse=_text(known_ms)
    )
    subjects = {each.usage.subject for each in way.usages}
    subjects |= {each.subject for each in way.dead if each.subject}
    if len(subjects) > 1:
        raise Problem(
            "subject-needed", "several members have it; add ?subject=", subjects=sorted(subjects)
        )
    first = next((each for each in way.usages if each.usage.outcome == APPLIED), None)
    late = sum(each.usage.outcome == LATE for each in way.usages)
    seen = None if live is None else live.seen
    if first is None and seen is None and not way.dead and not late:
        raise Problem(
            "event-unknown",
            "not known; an event received later than the times given may still be on its way",
            as_known_up_to=until.model_dump(),
        )
    moved = MemberTransfer(way.entries, way.lines) if way.entries else None
    return EventView(
        source=name.source,
        id=name.id,
        subject=name.subject or next(iter(subjects), ""),
        status=_status(is_applied=first is not None or seen is not None, is_dead=bool(way.dead)),
        applied=_applied(live, first),
        duplicates=sum(each.usage.outcome == DUPLICATE for each in way.usages),
        late=late,
        refusals=[_refusal(each) for each in way.dead],
        session=None if first is None else await _session(services, telling, tenant, first.usage),
        transfer=moved and transfer_view(moved, telling, with_balances=key.allows("wallet:read")),
        transfer_id=_transfer_id(live, first),
        as_known_up_to=until,
    )


def _status(*, is_applied: bool, is_dead: bool) -> Status:
    if is_applied:
        return "accepted"
    return "refused" if is_dead else "late"


async def _live(services: Services, key: ApiKey, name: EventName) -> _Live | None:
    """When the event was taken is not known, so all spans that the shard remembers are asked."""
    if name.subject is None:
        return None
    tenant = key.tenant
    shard = services.live.shard_of(tenant, name.subject)
    meta = await services.live.meta(shard)
    if meta is None:
        return _Live(shard, None, None)
    own = [
        (domain, meta.domains[domain])
        for domain in (LIVE, domain_of(tenant, recorded=True))
        if domain in meta.domains
    ]
    hashes = [each for domain, clock in own for each in span_hashes(domain, clock)]
    event = event_key(tenant, name.subject, name.source, name.id)
    seen = await services.live.seen(shard, hashes, event)
    domain = meta.domains.get(domain_of(tenant, recorded=key.recorded))
    mark_ms = NEVER_MS if domain is None else low_watermark(domain)
    return _Live(shard, seen, None if mark_ms == NEVER_MS else mark_ms)


def _transfer_id(live: _Live | None, first: PlacedUsage | None) -> str | None:
    """The transfer that the event's use moved, if any."""
    if first is not None:
        shard, sequence = first.shard, first.usage.ledger_sequence
    elif live is not None and live.seen is not None:
        shard, sequence = live.shard, live.seen.ledger_sequence
    else:
        return None
    return transfer_id(shard, sequence) if sequence >= 0 else None


def _applied(live: _Live | None, first: PlacedUsage | None) -> AppliedView | None:
    if first is not None:
        usage = first.usage
        return AppliedView(
            id=transfer_id(first.shard, first.sequence),
            type=usage.type,
            event_at=text_from_ms(usage.event_at_ms),
            received_at=text_from_ms(usage.received_at_ms),
            content=usage.content or None,
            duration_ms=usage.duration_ms,
            meters=usage.meters,
            flags=[flag for flag in usage.flags.split(",") if flag],
        )
    if live is None or live.seen is None:
        return None
    return AppliedView(
        id=transfer_id(live.shard, live.seen.applied_sequence),
        type=None,
        event_at=None,
        received_at=None,
        content=None,
        duration_ms=None,
        meters=None,
        flags=None,
    )


def _refusal(dead: DeadRow) -> RefusalView:
    return RefusalView(
        reason=dead.reason,
        detail=dead.detail,
        place=dead.place,
        refused_at=text_from_ms(dead.refused_at_ms),
    )


async def _session(
    services: Services, telling: Telling, tenant: str, usage: AppliedUsage
) -> SessionView | None:
    """The event's session: live while the shard knows it, else its CDR."""
    if not usage.session:
        return None
    name = SessionName(source=usage.source, session=usage.session, subject=usage.subject)
    for live in await services.live.session(tenant, name):
        if live.incarnation == usage.incarnation:
            return view_from_live(live, currency_of(services.terms.tenant(tenant)), telling)
    found = await services.warehouse.cdrs(
        tenant, filter_of(name), before=None, limit=EARLIER_INCARNATIONS_MAX
    )
    for cdr in found:
        if cdr.incarnation == usage.incarnation:
            return view_from_cdr(cdr, await services.warehouse.charges_of(cdr), telling)
    return None


def _text(at_ms: int | None) -> str | None:
    return None if at_ms is None else text_from_ms(at_ms)
