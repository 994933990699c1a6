"""Commands into a broker's log and the lag behind it, on librdkafka's own mock broker."""

from collections.abc import AsyncIterator, Iterator

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from api.kafka_log import KafkaCommandLog, KafkaShardLag
from runtime.clock import SystemClock
from runtime.publisher import Publisher
from runtime.settings import Settings
from schemas.commands import Command, TopUp
from schemas.errors import RecoverableError
from schemas.frames import decode_record
from schemas.ids import ShardId
from schemas.topics import LOG_TOPIC
from shard.cursor import Cursor
from shard.port import Changes
from shard.redis_store import Client, RedisStore, open_redis
from tests.contract.api.redis_server import free_port, redis_server


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """A broker inside this process, with the log's partitions."""
    cluster = Producer({"bootstrap.servers": "unused", "test.mock.num.brokers": 1, "log_level": 0})
    brokers = cluster.list_topics(timeout=10).brokers.values()
    address = ",".join(f"{each.host}:{each.port}" for each in brokers)
    # The mock makes a topic, with a few partitions, when it is first asked for.
    cluster.list_topics(LOG_TOPIC, timeout=10)
    yield address
    cluster.flush(1)


@pytest.fixture
async def redis(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """An empty Redis."""
    with redis_server(tmp_path_factory.mktemp("lag-redis")) as url:
        client = open_redis(url)
        yield client
        await client.aclose()


def _command(key: str) -> Command:
    return Command("tv", "ann", key, bytes(16), 10, "desk", TopUp(1, "KRW"))


async def test_log_when_commands_are_appended_then_they_are_lag_until_applied(
    broker: str, redis: Client
) -> None:
    """What is in the shard's partition and before no cursor is behind."""
    publisher = Publisher(Settings(kafka=broker))
    lag = KafkaShardLag(broker, redis, SystemClock())
    try:
        await lag.ping()
        log = KafkaCommandLog(publisher)
        for key in ("k1", "k2", "k3"):
            await log.append(1, _command(key))
        assert await lag.records_behind(1) == 3
        assert await lag.records_behind(0) == 0
        store = RedisStore(redis, ShardId(1))
        await store.apply(None, Cursor("log", offset=1), Changes())
        assert await lag.records_behind(1) == 1
        assert _values(broker, 1) == [_command(key) for key in ("k1", "k2", "k3")]
    finally:
        lag.close()
        await publisher.close()


async def test_lag_when_the_broker_is_away_then_recoverable(redis: Client) -> None:
    """A broker that does not answer is a part that is down, not a shard without lag."""
    lag = KafkaShardLag(f"127.0.0.1:{free_port()}", redis, SystemClock())
    try:
        with pytest.raises(RecoverableError, match="Kafka"):
            await lag.records_behind(0)
    finally:
        lag.close()


def _values(broker: str, partition: int) -> list[object]:
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "look"})
    try:
        consumer.assign([TopicPartition(LOG_TOPIC, partition, 0)])
        values = [message.value() for message in consumer.consume(3, 10)]
        return [decode_record(value) for value in values if value is not None]
    finally:
        consumer.close()
