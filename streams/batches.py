"""Cutting what waits into batches: one publish and one script each.

Invariant: batches only group; no output depends on where they are cut. A record larger than a
limit goes alone.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from schemas.frames import CatalogueVersion, Record, UsageFrame, decode_record
from shard.emission import LogRecord
from shard.redis_store import SESSIONS_PER_SCRIPT_MAX

RECORDS_MAX = 200
EVENTS_MAX = 2_000


class Item(NamedTuple):
    """A log record and what its bytes say."""

    log: LogRecord
    record: Record


def batches(records: Iterable[LogRecord]) -> Iterator[list[Item]]:
    """Batches of decoded records, in log order.

    A catalogue version goes alone: what comes after it is looked up by its terms.

    Args:
        records: In log order.

    Raises:
        ShardStopped: A record cannot be read; what comes before it has been given out.
    """
    batch: list[Item] = []
    events = 0
    sessions: set[str] = set()
    for log in records:
        try:
            record = decode_record(log.value)
        except Exception:
            if batch:
                yield batch
            raise
        if isinstance(record, CatalogueVersion):
            if batch:
                yield batch
            yield [Item(log, record)]
            batch, events, sessions = [], 0, set()
            continue
        if isinstance(record, UsageFrame):
            fresh = {f"{each.source}\x1f{each.session}" for each in record.events}
            is_over = (
                events + len(record.events) > EVENTS_MAX
                or len(sessions | fresh) > SESSIONS_PER_SCRIPT_MAX
            )
            if batch and is_over:
                yield batch
                batch, events, sessions = [], 0, set()
            events += len(record.events)
            sessions |= fresh
        batch.append(Item(log, record))
        if len(batch) >= RECORDS_MAX:
            yield batch
            batch, events, sessions = [], 0, set()
    if batch:
        yield batch
