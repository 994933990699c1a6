"""The logs of a scene's shards, and the product's collectors writing them.

Invariant: events are judged and framed, and ticks are made, by ``ingest`` as it is; a record's
stamp is the scene's time. It does not own when something happens (``writing``).
"""

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import NamedTuple

import msgspec

from cli.ends.corpus.plan import HttpLife, RawLife, Request, Scene
from ingest.collector import Collector
from ingest.forward import KEY_HEADER, Forwarder, RawMessage
from ingest.intake import Judged, judge
from ingest.joining import Joining
from ingest.kafka import MESSAGES_PER_BATCH_MAX
from ingest.limits import IntakeLimits
from ingest.raw_partition import RawPartition
from ingest.raw_ticks import RawTicks
from ingest.stamps import Stamps
from ingest.ticks import HttpTicks
from runtime.faults import TransportFault
from runtime.keys import ApiKey, KeyRing
from runtime.metrics import Metrics
from runtime.publisher import OutMessage
from schemas.catalogue import digest_of
from schemas.frames import HTTP_PATH, CatalogueVersion, encode_record
from schemas.ids import LIVE
from schemas.topics import LOG_TOPIC, RAW_TOPIC
from shard.emission import LogRecord

LIMITS = IntakeLimits()


class Logs:
    """The shards' logs while they grow.

    Args:
        scene: Whose.
    """

    def __init__(self, scene: Scene) -> None:
        self.records: list[list[LogRecord]] = [[] for _ in range(scene.shards)]
        self.shards = scene.shards
        self.refused = 0
        self.now_ms = scene.begins_ms
        self.metrics = Metrics()
        self.catalogue = msgspec.json.encode(scene.catalogue)
        version = encode_record(CatalogueVersion(1, digest_of(self.catalogue)))
        for shard in range(scene.shards):
            self.append(shard, version)

    def append(self, shard: int, value: bytes) -> int:
        """One record, stamped now; its offset."""
        log = self.records[shard]
        log.append(LogRecord(len(log), self.now_ms, value))
        return len(log) - 1

    def clock_ms(self) -> int:
        """What the scene's clock shows."""
        return self.now_ms


class _Way:
    """One process's way to the logs; see ``ingest.port.Publisher``."""

    def __init__(self, logs: Logs, life: HttpLife | None = None) -> None:
        self.is_cut = False
        self._logs = logs
        self._refuses = () if life is None else life.refuses

    async def publish(self, messages: Sequence[OutMessage]) -> list[int]:
        """See ``ingest.port.Publisher``."""
        now_ms = self._logs.now_ms
        if self.is_cut or any(refusal.holds(now_ms) for refusal in self._refuses):
            raise TransportFault("the log cannot be reached")
        return [self._append(message) for message in messages]

    def _append(self, message: OutMessage) -> int:
        if message.topic != LOG_TOPIC or message.partition is None:
            self._logs.refused += 1
            return -1
        return self._logs.append(message.partition, message.value)


class Held(NamedTuple):
    """A request in work.

    Args:
        stamp: Ends its received stamp.
        judged: What it came to.
    """

    stamp: ExitStack
    judged: Judged


class HttpProcess:
    """One HTTP collector of the product.

    Args:
        logs: Where it publishes.
        life: Its plan.
    """

    def __init__(self, logs: Logs, life: HttpLife) -> None:
        self.life = life
        self._way = _Way(logs, life)
        self._stamps = Stamps(logs.clock_ms)
        self._collector = Collector(
            self._way, shards=logs.shards, limits=LIMITS, metrics=logs.metrics
        )
        self._ticks = HttpTicks(
            self._way,
            self._collector,
            self._stamps,
            instance=life.name,
            shards=logs.shards,
            limits=LIMITS,
            now_ms=logs.clock_ms,
        )

    def take(self, request: Request, key: ApiKey) -> Held:
        """Stamps and judges; in work until ``done``."""
        stamp = ExitStack()
        received_ms = stamp.enter_context(self._stamps.taken())
        element = msgspec.json.encode(request.event)
        judged = judge([element], key, received_at_ms=received_ms, limits=LIMITS, place=HTTP_PATH)
        return Held(stamp, judged)

    async def done(self, held: Held, *, landed: bool) -> None:
        """Delivers it, or fails to."""
        self._way.is_cut = not landed
        with held.stamp, suppress(TransportFault):
            await self._collector.accept(HTTP_PATH, held.judged.events, held.judged.letters)
        self._way.is_cut = False

    async def beat(self) -> None:
        """One tick."""
        await self._ticks.beat()

    async def leave(self) -> None:
        """The last one."""
        await self._ticks.leave()


class RawProcess:
    """One Kafka collector of the product, which has one raw partition.

    Args:
        logs: Where it publishes.
        life: Its plan.
        partitions: All of the raw topic.
        keys: Known by their ids.
        messages: Of its partition, growing.
    """

    def __init__(
        self,
        logs: Logs,
        life: RawLife,
        *,
        partitions: Sequence[int],
        keys: KeyRing,
        messages: Sequence[RawMessage],
    ) -> None:
        self.life = life
        self._logs = logs
        self._way = _Way(logs)
        self._partitions = partitions
        self._messages = messages
        self._joining = Joining(RAW_TOPIC, logs.shards)
        self._forwarder = Forwarder(keys, self._joining, shards=logs.shards, limits=LIMITS)
        self._ticks = RawTicks(topic=RAW_TOPIC, shards=logs.shards, limits=LIMITS)
        self._mine = RawPartition()

    async def turn(self, from_offset: int, *, reads: bool) -> int:
        """One round as ``ingest.kafka`` has it: read, forward, tick when due.

        Args:
            from_offset: Behind what was forwarded before, whoever did it.
            reads: Whether it gets anything; a process that hangs still tells the time.

        Returns:
            The offset behind what is forwarded now.
        """
        mine, now_ms = self._mine, self._logs.now_ms
        if reads:
            batch = self._messages[from_offset : from_offset + MESSAGES_PER_BATCH_MAX]
            if batch:
                found = self._forwarder.forwarded(batch, partitions=self._partitions)
                await self._way.publish(found.messages)
            for raw in batch:
                mine.forwarded(offset=raw.offset, appended_at_ms=raw.appended_at_ms)
            from_offset += len(batch)
            if from_offset == len(self._messages):
                mine.reached_end(from_offset)
        if self._ticks.is_due(now_ms):
            await self._way.publish(self._joining.due(LIVE, self._partitions))
            asked_ms = now_ms - LIMITS.tick_skew_ms
            mine.end_was(offset=len(self._messages), asked_at_ms=asked_ms)
            await self._way.publish(self._ticks.messages(now_ms, {self.life.partition: mine}))
        return from_offset


def raw_message(partition: int, offset: int, at_ms: int, tenant: str, value: bytes) -> RawMessage:
    """A message of the raw topic; a key is named as its tenant."""
    return RawMessage(
        topic=RAW_TOPIC,
        partition=partition,
        offset=offset,
        appended_at_ms=at_ms,
        headers=((KEY_HEADER, tenant.encode()),),
        value=value,
    )
