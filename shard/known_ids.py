"""Which event ids a shard has taken: remembered for at least the horizon, wherever their time lies.

An id is kept by the hour in which it was taken (or that of its event, when that is ahead), in spans
as long as the horizon: two to look in, three where one has just begun, never more than
``SPANS_MAX``. Invariant: an id is found by whatever time the event says and by either clock of its
tenant, until the watermark has passed the hour of its taking by the horizon; what is older is late
and is looked up in the warehouse.
"""

from rating.catalogue import TenantTerms
from schemas.ids import domain_of
from schemas.moment import HOUR_MS
from schemas.usage import EventType, UsageEvent
from shard.domain import DomainClock
from shard.port import ids_hash
from shard.state import ShardState

INCREMENTS = frozenset({EventType.PAGE, EventType.ITEM, EventType.REPORT})
SPANS_MAX = 4


def is_remembered(terms: TenantTerms, event: UsageEvent) -> bool:
    """Whether an event's id is kept: of what cannot be merged, or of all, as the tenant chooses."""
    return terms.remember_all or event.type in INCREMENTS


def hashes_to_ask(state: ShardState, tenant: str, *, recorded: bool) -> list[str]:
    """Names of the hashes that may know an id of a tenant, its own clock's first."""
    names: list[str] = []
    for is_recorded in (recorded, not recorded):
        domain = domain_of(tenant, recorded=is_recorded)
        clock = state.meta.domains.get(domain)
        if clock is not None:
            names += span_hashes(domain, clock)
    return names


def span_hashes(domain: str, clock: DomainClock) -> list[str]:
    """Names of the hashes of one clock domain, oldest first."""
    return [ids_hash(domain, first) for first, _ in clock.id_spans]


def hash_to_keep(state: ShardState, event: UsageEvent) -> str:
    """Name of the hash that is to remember an event which was taken; begins a span where needed.

    Args:
        state: Changed when a span begins.
        event: That counts now.
    """
    domain = domain_of(event.tenant, recorded=event.recorded)
    clock = state.domain(domain)
    hour = max(clock.hour, event.event_at_ms // HOUR_MS)
    for first, after in clock.id_spans:
        # Any span that ends later keeps it long enough, even one that begins later.
        if hour < after:
            return ids_hash(domain, first)
    length = max(state.horizon_ms_max() // HOUR_MS, 1)
    state.touch_meta()
    if len(clock.id_spans) >= SPANS_MAX:
        # A clock that was not told yet, and events all over its calendar: the last one grows.
        first, _ = clock.id_spans[-1]
        clock.id_spans[-1] = (first, hour + length)
        return ids_hash(domain, first)
    first = hour - hour % length
    if clock.id_spans:
        first = max(first, clock.id_spans[-1][1])
    clock.id_spans.append((first, first + length))
    name = ids_hash(domain, first)
    state.begin_hash(name)
    return name
