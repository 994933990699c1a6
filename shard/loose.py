"""Use outside sessions: a report or an item is a scope of its own.

Invariant: each event is priced alone, so neither order nor company changes what it costs; only
the movement of a frame's events of one member, source, content, payee and hour is posted as one
transfer.
"""

from typing import NamedTuple

from rating.catalogue import ContentTerms, TenantTerms
from schemas.applied import UNPRICED, AppliedUsage
from schemas.usage import UsageEvent
from shard.bought import stretches
from shard.consenting import consenting_of
from shard.counters import Owner, move
from shard.emission import Emission
from shard.items import applied_item
from shard.loose_price import LoosePrice
from shard.posting import NOTHING, Scope, post
from shard.sessions import Done
from shard.settling import PassDue, Pending, Settled, check_currency, commit, passes_due, wallet_of
from shard.shadowing import Trial, shadow_of_loose
from shard.state import ShardState


class LooseGroup(NamedTuple):
    """Events of one member, source, content, payee and hour, none of a session's total.

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
    price = LoosePrice(terms.tariff)
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
        at_ms = event.event_at_ms
        alone = price.add(event, stretches(state, first.tenant, first.subject, terms, at_ms))
        if consenting is not None and name:
            consenting.count_use(name, alone.total_micros, bought, event.event_at_ms)
    if not counted:
        return done
    scope = _scope(state, counted, terms)
    owner = Owner(first.tenant, first.subject, terms, state.meta.catalogue)
    beside = move(state, owner, {}, price.brought, pending.counters)
    posted = post(
        wallet, NOTHING, price.charged, scope, is_late=False, beside=beside,
        earned=price.earned_by(first, beside.total_micros),
    )  # fmt: skip
    wallet, transfer = posted.wallet, posted.transfer
    counters = beside.untold() if transfer is None else beside.told()
    shadow = None
    if terms.shadow is not None:
        trial = Trial(state, wallet, terms.shadow, scope)
        shadow = shadow_of_loose(trial, [event for _, event in counted])
    settled = Settled(wallet, transfer, tuple(due), counters, shadow, earned=posted.earned)
    sequence = commit(state, out, settled)
    if consenting is not None:
        consenting.commit()
    is_priced = bool(terms.tariff.id)
    done.rows.extend(
        (index, _row(event, group, sequence, is_priced=is_priced)) for index, event in counted
    )
    return done


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
        paid_from=terms.tariff.paid_from,
        sponsor=terms.tariff.sponsor,
    )


def _row(event: UsageEvent, group: LooseGroup, sequence: int, *, is_priced: bool) -> AppliedUsage:
    meters = dict(sorted((event.meters or {}).items()))
    if event.item is not None:
        meters[f"item:{event.item}"] = event.quantity
    flags = "" if is_priced else UNPRICED
    return applied_item(event, group.path, sequence, 0, group.content, 0, meters, flags)
