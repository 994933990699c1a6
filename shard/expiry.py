"""What a shard lets go of once the watermark has passed it by the horizon, and how.

Invariant: an hour, once gone, never comes back, whatever a later catalogue says; from the tick on
that made it gone its closed sessions count as absent, be their bytes still in the store or not.
So taking them out of the store may happen at any time, and decides nothing.
"""

from rating.session import decode_session
from schemas.moment import HOUR_MS
from shard.domain import NEVER_MS, DomainClock, low_watermark
from shard.port import Kind, Store, evict_hash, ids_hash
from shard.state import ShardState

COLLECTED_MAX = 500


def expire_hours(state: ShardState, name: str, next_applied: int) -> None:
    """Moves a domain's hours on, after a tick; the caller notes that ``meta`` changed.

    Args:
        state: Changed.
        name: Of the clock domain.
        next_applied: Sequence that the next applied item gets.
    """
    domain = state.domain(name)
    mark_ms = low_watermark(domain)
    if mark_ms == NEVER_MS:
        return
    hour = mark_ms // HOUR_MS
    # A new ingest path may set the low watermark back; hours only go on.
    if hour > domain.hour:
        domain.ends[domain.hour] = next_applied
        domain.hour = hour
    gone_hour = domain.hour - state.horizon_ms_max() // HOUR_MS
    if gone_hour > domain.gone_hour:
        domain.gone_hour = gone_hour
        _forget(state, name, domain)


def _forget(state: ShardState, name: str, domain: DomainClock) -> None:
    gone_hour = domain.gone_hour
    for first, after in domain.id_spans:
        if after <= gone_hour:
            state.drop_hash(ids_hash(name, first))
    domain.id_spans = [span for span in domain.id_spans if span[1] > gone_hour]
    for hour in [hour for hour in sorted(domain.ends) if hour < gone_hour]:
        domain.late_floor = max(domain.late_floor, domain.ends.pop(hour))
    for hour in [hour for hour in sorted(domain.closed) if hour < gone_hour]:
        state.meta.lives_high = max(state.meta.lives_high, domain.closed.pop(hour))
        domain.expired.append(hour)


async def collect(state: ShardState, store: Store, most: int = COLLECTED_MAX) -> None:
    """Takes closed sessions of an expired hour out of the store, with the next batch.

    Costs nothing where nothing has expired. Call between two batches.

    Args:
        state: As the store has it; gets the removals.
        store: Of the shard.
        most: How many at once.

    Raises:
        CursorMoved: The store is not where the state is.
        RecoverableError: The store cannot be reached.
        ShardStopped: Something stored cannot be read.
    """
    found = next(((n, each) for n, each in state.meta.domains.items() if each.expired), None)
    if found is None:
        return
    name, domain = found
    index = evict_hash(name, domain.expired[0])
    fields = await store.some_fields(index, most)
    loaded = await store.load_at({Kind.CLOSED: [*fields]}, state.stored)
    for field, value in zip(fields, loaded[Kind.CLOSED], strict=True):
        # One that changed since stands in the index of a later hour too, and waits for that.
        if value is not None and state.is_gone(decode_session(value)):
            state.remove(Kind.CLOSED, field.decode())
    if len(fields) < most:
        del domain.expired[0]
        state.drop_hash(index)
        state.touch_meta()
    else:
        for field in fields:
            state.remove(index, field.decode())
