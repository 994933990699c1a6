"""The late path's reader as a process runs it: Redis, the warehouse and Kafka behind its ports.

Invariant: where nothing is late a round is one look at each shard's cursor and ``meta``, no more.
Does not own: opening and closing the warehouse.
"""

import asyncio
from collections.abc import Mapping, Sequence

from runtime.clock import SystemClock
from runtime.metrics import Metrics
from runtime.publisher import OutMessage, Publisher
from runtime.settings import Settings
from schemas.errors import ShardHeld
from schemas.frames import LateVerdict, encode_record
from schemas.outputs import Stream
from schemas.topics import LOG_TOPIC
from schemas.usage import UsageEvent
from shard.cursor import START_OFFSET, decode_cursor
from shard.port import Kind
from shard.redis_store import Client, load_everywhere, open_redis
from shard.stored import META_FIELD, Meta, decode_as
from streams import outlet
from streams.late.ports import Waiting
from streams.late.reader import LateReader
from warehouse.contiguous import reached_by
from warehouse.late import (
    AppliedName,
    LateItem,
    SealedLife,
    applied_names,
    late_items,
    sealed_lives,
)
from warehouse.port import Reader


async def run_late(
    settings: Settings, warehouse: Reader, metrics: Metrics, stop: asyncio.Event
) -> None:
    """Gives late events their verdicts until asked to stop.

    Args:
        settings: Where Redis and Kafka are; ``late_poll_ms``.
        warehouse: Open, with its tables made; it stays open.
        metrics: Of the process.
        stop: Set to end.
    """
    client, publisher = open_redis(settings.redis), Publisher(settings)
    try:
        reader = LateReader(
            shards=RedisShards(client, settings.shards),
            books=WarehouseBooks(warehouse),
            log=KafkaVerdicts(publisher),
            clock=SystemClock(),
            metrics=metrics,
        )
        await reader.run(stop, poll_ms=settings.late_poll_ms)
    finally:
        await publisher.close()
        await client.aclose()


class RedisShards:
    """See ``streams.late.ports.LateShards``.

    Args:
        client: Of Redis; closed by whoever opened it.
        shards: How many there are.
    """

    def __init__(self, client: Client, shards: int) -> None:
        self._client = client
        self._shards = shards

    async def waiting(self) -> Mapping[int, Waiting]:
        """See ``streams.late.ports.LateShards``."""
        found: dict[int, Waiting] = {}
        stored = await load_everywhere(self._client, self._shards, Kind.META, META_FIELD)
        for shard, (cursor, value) in enumerate(stored):
            meta = None if value is None else decode_as(Meta, value)
            if meta is not None and meta.late_done < meta.late_next:
                try:
                    offset = START_OFFSET if cursor is None else decode_cursor(cursor).offset
                except ShardHeld:
                    continue
                found[shard] = Waiting(meta.late_done, meta.late_next, offset)
        return found


class WarehouseBooks:
    """See ``streams.late.ports.LateBooks``.

    Args:
        reader: Closed by whoever opened it.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def reached(self) -> Mapping[int, int]:
        """See ``streams.late.ports.LateBooks``."""
        found = reached_by(self._reader, Stream.APPLIED)
        return {shard: reached.next for shard, reached in found.items()}

    def late_items(self, wanted: Mapping[int, tuple[int, int]], limit: int) -> Sequence[LateItem]:
        """See ``streams.late.ports.LateBooks``."""
        return late_items(self._reader, wanted, limit)

    def applied_names(self, events: Sequence[UsageEvent]) -> Sequence[AppliedName]:
        """See ``streams.late.ports.LateBooks``."""
        return applied_names(self._reader, events)

    def sealed_lives(self, events: Sequence[UsageEvent]) -> Sequence[SealedLife]:
        """See ``streams.late.ports.LateBooks``."""
        return sealed_lives(self._reader, events)


class KafkaVerdicts:
    """See ``streams.late.ports.VerdictLog``.

    Args:
        publisher: Closed by whoever made it.
    """

    def __init__(self, publisher: outlet.Publisher) -> None:
        self._publisher = publisher

    async def append(self, verdicts: Sequence[tuple[int, LateVerdict]]) -> Sequence[int]:
        """See ``streams.late.ports.VerdictLog``."""
        return await self._publisher.publish(
            [
                OutMessage(topic=LOG_TOPIC, partition=shard, value=encode_record(verdict))
                for shard, verdict in verdicts
            ]
        )
