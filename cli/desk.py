"""What a command needs to ask shards as the API does, opened for as long as it runs."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import NamedTuple

from api.batches import RedisBatches
from api.kafka_log import KafkaCommandLog, KafkaShardLag
from api.limits import ApiLimits
from api.ports import CommandLog, LiveState, ShardLag
from api.redis_state import RedisState
from runtime.clock import Clock, SystemClock
from runtime.publisher import Publisher
from runtime.settings import Settings
from shard.redis_store import open_redis


class CommandDesk(NamedTuple):
    """See ``api.asking.Desk``; and batches of cards beside it."""

    live: LiveState
    commands: CommandLog
    lag: ShardLag
    clock: Clock
    limits: ApiLimits
    batches: RedisBatches


@asynccontextmanager
async def open_desk(settings: Settings) -> AsyncGenerator[CommandDesk]:
    """A desk while the block runs.

    Args:
        settings: Where Kafka and Redis are.
    """
    client, publisher = open_redis(settings.redis), Publisher(settings)
    clock = SystemClock()
    lag = KafkaShardLag(settings.kafka, client, clock)
    try:
        yield CommandDesk(
            RedisState(client, settings.shards),
            KafkaCommandLog(publisher),
            lag,
            clock,
            ApiLimits(),
            RedisBatches(client, settings.shards),
        )
    finally:
        lag.close()
        await publisher.close()
        await client.aclose()
