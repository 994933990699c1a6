"""Money requests into the shards' log, and how far the shards are behind it.

Invariant: a command is appended with its shard as partition, and counts as appended only once
Kafka confirmed it. It does not own the publisher nor the broker.
"""

import asyncio
from typing import Protocol, cast

from confluent_kafka import Consumer, KafkaException, TopicPartition

from runtime.clock import Clock
from runtime.publisher import OutMessage
from schemas.commands import Command
from schemas.errors import RecoverableError
from schemas.frames import encode_record
from schemas.ids import ShardId
from schemas.topics import LOG_TOPIC
from shard.redis_store import Client, RedisStore

ENDS_TIMEOUT_S = 2
ENDS_KEPT_MS = 500


class Publisher(Protocol):
    """What this file needs of ``runtime.publisher.Publisher``."""

    async def publish(self, messages: list[OutMessage]) -> list[int]:
        """See ``runtime.publisher.Publisher.publish``."""
        ...


class KafkaCommandLog:
    """See ``api.ports.CommandLog``.

    Args:
        publisher: Of the process.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    async def append(self, shard: int, command: Command) -> None:
        """See ``api.ports.CommandLog``."""
        value = encode_record(command)
        await self._publisher.publish([OutMessage(topic=LOG_TOPIC, partition=shard, value=value)])


class KafkaShardLag:
    """See ``api.ports.ShardLag``: the log's end less the stored cursor.

    Args:
        bootstrap: Kafka's servers, ``host:port,…``.
        client: Redis of the shards' cursors.
        clock: For how long an end is kept.
    """

    def __init__(self, bootstrap: str, client: Client, clock: Clock) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "client.id": "ncash-api-lag",
                # A consumer must name a group; this one never joins or commits.
                "group.id": "ncash-api-lag",
                "enable.auto.commit": False,
                "log_level": 3,
            }
        )
        self._client = client
        self._clock = clock
        self._ends: dict[int, tuple[int, int]] = {}

    async def records_behind(self, shard: int) -> int:
        """See ``api.ports.ShardLag``; an end is asked for at most twice a second."""
        end = await self._end(shard)
        cursor = await RedisStore(self._client, ShardId(shard)).cursor()
        applied = 0 if cursor is None else cursor.offset + 1
        return max(0, end - applied)

    async def ping(self) -> None:
        """Return when Kafka tells the log's end.

        Raises:
            RecoverableError: It does not.
        """
        await asyncio.to_thread(self._ask, 0)

    def close(self) -> None:
        """End the connection."""
        self._consumer.close()

    async def _end(self, shard: int) -> int:
        now_ms = self._clock.monotonic_ms()
        known = self._ends.get(shard)
        if known is not None and now_ms - known[0] < ENDS_KEPT_MS:
            return known[1]
        end = await asyncio.to_thread(self._ask, shard)
        self._ends[shard] = (now_ms, end)
        return end

    def _ask(self, shard: int) -> int:
        place = TopicPartition(LOG_TOPIC, shard)
        try:
            # Nothing comes back when the time is up, which its types do not say.
            ends = cast(
                "tuple[int, int] | None",
                self._consumer.get_watermark_offsets(place, ENDS_TIMEOUT_S),
            )
        except KafkaException as error:
            raise RecoverableError(
                f"Kafka does not tell the end of {LOG_TOPIC}: {error}"
            ) from error
        if ends is None:
            raise RecoverableError(f"Kafka did not tell the end of {LOG_TOPIC} in time")
        return ends[1]
