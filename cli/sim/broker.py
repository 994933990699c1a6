"""Kafka at the ports: publishing in order, reading, the ends of a shard's outputs.

Invariant: the messages of one process and partition arrive in the order of its calls; once one call
is not confirmed, those that waited behind it fail too, as ``runtime.publisher`` has it.
It does not own topics' content (``topics``) nor what fails (``world``).
"""

import asyncio
from collections.abc import Mapping, Sequence

from cli.sim.faults import Point
from cli.sim.topics import Topics
from cli.sim.world import Process, World, chance_of
from runtime.faults import TransportFault
from runtime.publisher import OutMessage
from schemas.ids import ShardId
from schemas.outputs import STREAMS, Stream
from schemas.topics import INGEST_DEAD_TOPIC, LOG_TOPIC, RAW_TOPIC
from shard.cursor import Cursor, Head
from streams.published import Span, ends_of, span_of

PRODUCER = "sim-producer"
LATE = "sim-late"
_POINTS = {LOG_TOPIC: Point.LOG_APPEND, RAW_TOPIC: Point.RAW_APPEND}


def make_topics(world: World, *, shards: int, raw_partitions: int) -> Topics:
    """All topics of the product.

    Args:
        world: Gives the chance of holes.
        shards: Partitions of the log and of the outputs.
        raw_partitions: Of the raw topic.
    """
    names = [LOG_TOPIC, INGEST_DEAD_TOPIC, *(stream.value for stream in STREAMS)]
    return Topics(
        chance_of(world.seed, "holes"), {**dict.fromkeys(names, shards), RAW_TOPIC: raw_partitions}
    )


class SimPublisher:
    """One process's producer; see ``ingest.port.Publisher``."""

    def __init__(self, world: World, actor: Process, topics: Topics) -> None:
        self._world = world
        self._actor = actor
        self._topics = topics
        self._turn = asyncio.Lock()
        self._failures = 0
        self._scattered = 0

    async def publish(self, messages: Sequence[OutMessage]) -> list[int]:
        """See ``ingest.port.Publisher``."""
        if not messages:
            return []
        failures = self._failures
        async with self._turn:
            if failures != self._failures:
                raise TransportFault("another publish failed")
            try:
                return await self._world.effect(
                    self._actor,
                    _POINTS.get(messages[0].topic, Point.PUBLISH),
                    lambda: self._append(messages),
                    part=lambda: self._append(messages[: len(messages) // 2]),
                )
            except TransportFault:
                self._failures += 1
                raise

    def _append(self, messages: Sequence[OutMessage]) -> list[int]:
        return [self._append_one(message) for message in messages]

    def _append_one(self, message: OutMessage) -> int:
        partition = message.partition
        if partition is None:
            self._scattered += 1
            partition = self._scattered % self._topics.count(message.topic)
        headers = [*(message.headers or ())]
        if message.topic == LOG_TOPIC:
            # For the auditor's eyes; no part of the product reads headers of the log.
            headers += [(PRODUCER, self._actor.name), (LATE, str(int(self._world.is_landing)))]
        where = self._topics.partition(message.topic, partition)
        return where.append(message.value, self._world.true_ms(), headers)


class SimEnds:
    """See ``streams.ports.Ends``."""

    def __init__(self, world: World, actor: Process, topics: Topics) -> None:
        self._world = world
        self._actor = actor
        self._topics = topics

    async def published(self, shard: ShardId, cursor: Cursor) -> Mapping[Stream, Head]:
        """See ``streams.ports.Ends``; two looks of which the topics' ends may move in between."""
        bounds = await self._world.effect(self._actor, Point.ENDS, lambda: self._bounds(shard))
        return ends_of(bounds, lambda wanted: self._read(shard, wanted), cursor)

    def _bounds(self, shard: ShardId) -> dict[Stream, tuple[int, int]]:
        return {stream: (0, self._topics.partition(stream, shard).end) for stream in STREAMS}

    def _read(
        self, shard: ShardId, wanted: Mapping[Stream, tuple[int, int]]
    ) -> dict[Stream, list[Span]]:
        found: dict[Stream, list[Span]] = {}
        for stream, (first, end) in wanted.items():
            messages = self._topics.partition(stream, shard).read(first, end - first)
            found[stream] = [span_of(stream, each.value, f"{stream}/{shard}") for each in messages]
        return found
