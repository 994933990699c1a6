"""Use outside sessions: a report or an item is a scope of its own.

Invariant: each event is priced alone, so neither order nor company changes what it costs; only
the movement of a frame's events of one member, source, content and hour is posted as one transfer.
"""

from typing import NamedTuple

from rating.catalogue import ContentTerms, TenantTerms
from rating.price import Usage, price
from rating.scopes import BroughtIn, brought_in
from schemas.applied import AppliedUsage
from schemas.ledger import ChargeLine
from schemas.money import checked
from schemas.usage import UsageEvent
from shard.consenting import consenting_of
from shard.counters import Owner, move
from shard.emission import Emission
from shard.items import applied_item
from shard.posting import NOTHING, Charged, Scope, charged_for, post
from shard.sessions import Done
from shard.settling import PassDue, Pending, Settled, check_currency, commit, passes_due, wallet_of
from shard.state import ShardState


class LooseGroup(NamedTuple):
    """Events of one member, source, content and hour, none of which belongs to a session's total.

    Args:
        tenant: Their tenant's terms.
        content: Content id, or empty where nobody knows it.
        path: Ingest path.
        events: With their places in the frame.
    """

    tenant: TenantTerms
    content: str
    path: str
    events: list[tuple[int, UsageEvent]]


def settle_loose(state: ShardState, out: Emission, group: LooseGroup) -> Done:
    """Prices and posts them.

    Raises:
        BrokenInvariant: An amount or balance would be beyond the largest; nothing was changed.
    """
    first = group.events[0][1]
    terms = group.tenant.content(group.content)
    if terms is None:
        return Done([], [], [(event, *_unknown(group, event)) for _, event in group.events], [])
    consenting = consenting_of(state, group.tenant, first.subject)
    scope = _scope(state, group.events, terms)
    wallet = wallet_of(state, first.tenant, first.subject)
    check_currency(group.tenant, wallet)
    due: list[PassDue] = []
    pending = Pending()
    brought: BroughtIn = {}
    total = NOTHING
    done = Done([], [], [], [])
    counted: list[tuple[int, UsageEvent]] = []
    for index, event in group.events:
        name, fault = ("", None) if consenting is None else consenting.bind_use(event, terms)
        if fault is not None:
            done.refused.append((event, *fault))
            continue
        counted.append((index, event))
        bought: list[PassDue] = []
        if terms.tariff.has_passes:
            at = (event.event_at_ms, event.event_at_ms)
            wallet, bought = passes_due(state, wallet, scope, terms, at, pending)
            due.extend(bought)
        usage = _usage(event)
        lines = price(terms.tariff, usage)
        alone = charged_for(lines, terms.tariff)
        total = _sum(total, alone)
        if terms.tariff.finest is not None:
            _add(brought, brought_in(terms.tariff, usage, lines, {}, usage.start_ms))
        if consenting is not None and name:
            consenting.count_use(name, alone.total_micros, bought, event.event_at_ms)
    if not counted:
        return done
    scope = _scope(state, counted, terms)
    owner = Owner(first.tenant, first.subject, terms, state.meta.catalogue)
    beside = move(state, owner, {}, brought, pending.counters)
    wallet, transfer = post(wallet, NOTHING, total, scope, is_late=False, beside=beside)
    counters = beside.untold() if transfer is None else beside.told()
    sequence = commit(state, out, Settled(wallet, transfer, tuple(due), counters))
    if consenting is not None:
        consenting.commit()
    done.rows.extend((index, _row(event, group, sequence)) for index, event in counted)
    return done


def _add(brought: BroughtIn, more: BroughtIn) -> None:
    for rule, amounts in more.items():
        known = brought.setdefault(rule, {})
        for start_ms, amount in amounts.items():
            known[start_ms] = known.get(start_ms, 0) + amount


def _unknown(group: LooseGroup, event: UsageEvent) -> tuple[str, str]:
    if group.content:
        return "content-unknown", f"tenant {event.tenant!r} has no content {group.content!r}"
    detail = (
        f"session {event.session!r} is not known or has no content yet; name the content, or send "
        "session.start first"
    )
    return "content-unknown", detail


def _scope(state: ShardState, events: list[tuple[int, UsageEvent]], terms: ContentTerms) -> Scope:
    first = events[0][1]
    return Scope(
        name=f"event:{first.id}" if len(events) == 1 else f"events:{len(events)}",
        source=first.source,
        session=first.session or "",
        content=terms.id,
        provider=terms.provider,
        tariff=terms.tariff.id,
        catalogue=state.meta.catalogue,
        event_at_ms=max(event.event_at_ms for _, event in events),
    )


def _usage(event: UsageEvent) -> Usage:
    items = {} if event.item is None else {event.item: event.quantity}
    return Usage(
        duration_ms=0,
        meters=event.meters or {},
        items=items,
        pages={},
        start_ms=event.event_at_ms,
    )


def _sum(one: Charged, other: Charged) -> Charged:
    lines: dict[tuple[str, str, str, int], ChargeLine] = {}
    for line in (*one.lines, *other.lines):
        what = (line.kind, line.meter, line.rate, line.version)
        known = lines.get(what)
        if known is None:
            lines[what] = line
        else:
            quantity = checked(known.quantity + line.quantity)
            amount = known.amount_micros + line.amount_micros
            lines[what] = ChargeLine(
                line.kind, line.meter, quantity, amount, line.rate, line.version, line.price
            )
    return Charged(
        tuple(lines.values()),
        one.total_micros + other.total_micros,
        one.provider_micros + other.provider_micros,
    )


def _row(event: UsageEvent, group: LooseGroup, sequence: int) -> AppliedUsage:
    meters = dict(sorted((event.meters or {}).items()))
    if event.item is not None:
        meters[f"item:{event.item}"] = event.quantity
    return applied_item(event, group.path, sequence, 0, group.content, 0, meters)
