"""The publisher against a real broker: order, offsets, backpressure, faults without holes."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from runtime.embedded.ports import free_port
from runtime.embedded.stack import EmbeddedStack
from runtime.faults import TransportFault
from runtime.publisher import MESSAGE_BYTES_MAX, OutMessage, Publisher
from runtime.settings import Settings

TOPIC = "usage.applied.v1"


@pytest.fixture
async def publisher(settings: Settings) -> AsyncGenerator[Publisher]:
    """A publisher to the shared broker."""
    made = Publisher(settings)
    yield made
    await made.close()


def values(settings: Settings, partition: int, *, topic: str = TOPIC) -> list[bytes]:
    """Read a whole partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka,
            "group.id": "reader",
            "enable.auto.commit": False,
        }
    )
    place = TopicPartition(topic, partition)
    low, high = consumer.get_watermark_offsets(place, timeout=10)
    consumer.assign([TopicPartition(topic, partition, low)])
    read: list[bytes] = []
    while len(read) < high - low:
        message = consumer.poll(10)
        assert message is not None
        value = message.value()
        assert value is not None
        read.append(value)
    consumer.close()
    return read


def messages(partition: int, texts: list[str]) -> list[OutMessage]:
    """Make messages to one partition."""
    return [OutMessage(topic=TOPIC, partition=partition, value=text.encode()) for text in texts]


async def test_publish_when_confirmed_then_gives_each_offset(publisher: Publisher) -> None:
    """Offsets come in the order of the messages, over partitions."""
    first = await publisher.publish(
        [*messages(0, ["a", "b"]), *messages(1, ["c"]), *messages(0, ["d"])]
    )
    again = await publisher.publish(messages(0, ["e"]))
    assert first[1] == first[0] + 1
    assert first[3] == first[0] + 2
    assert again == [first[0] + 3]


async def test_publish_when_empty_then_is_done(publisher: Publisher) -> None:
    """Nothing to send is nothing to wait for."""
    assert await publisher.publish([]) == []


async def test_calls_when_at_once_then_do_not_interleave(
    publisher: Publisher, settings: Settings
) -> None:
    """Each call's messages stay together and in order, in the order of the calls."""
    calls = [[f"{call}.{index}" for index in range(50)] for call in range(20)]
    await asyncio.gather(*(publisher.publish(messages(2, texts)) for texts in calls))
    assert values(settings, 2) == [text.encode() for texts in calls for text in texts]


async def test_queue_when_full_then_the_sender_waits(settings: Settings) -> None:
    """A call larger than the queue is sent all the same, in order."""
    small = Publisher(settings.model_copy(update={"publish_queue_messages_max": 100}))
    texts = [f"{number}" for number in range(2_000)]
    offsets = await small.publish(messages(3, texts))
    await small.close()
    assert offsets == list(range(offsets[0], offsets[0] + 2_000))
    assert values(settings, 3) == [text.encode() for text in texts]


async def test_message_when_too_large_then_nothing_is_sent(
    publisher: Publisher, settings: Settings
) -> None:
    """An oversized message is the caller's fault, found before anything leaves."""
    huge = OutMessage(topic=TOPIC, partition=4, value=bytes(MESSAGE_BYTES_MAX + 1))
    with pytest.raises(ValueError, match="at most"):
        await publisher.publish([*messages(4, ["before"]), huge])
    assert values(settings, 4) == []


async def test_headers_and_time_when_given_then_arrive(
    publisher: Publisher, settings: Settings
) -> None:
    """Key, headers and create time are what was sent."""
    sent = OutMessage(
        topic="catalogue.bodies.v1",
        partition=0,
        key=b"digest",
        value=b"{}",
        headers=[("number", b"7")],
        timestamp_ms=1_700_000_000_123,
    )
    [offset] = await publisher.publish([sent])
    consumer = Consumer({"bootstrap.servers": settings.kafka, "group.id": "reader"})
    consumer.assign([TopicPartition("catalogue.bodies.v1", 0, offset)])
    message = consumer.poll(10)
    assert message is not None
    consumer.close()
    assert (message.key(), message.headers()) == (b"digest", [("number", b"7")])
    assert message.timestamp()[1] == 1_700_000_000_123


async def test_publish_when_the_topic_is_unknown_then_is_a_fault_and_the_next_one_works(
    settings: Settings,
) -> None:
    """A refusal fails the call; the publisher goes on with a fresh producer."""
    publisher = Publisher(settings.model_copy(update={"publish_timeout_ms": 1_500}))
    with pytest.raises(TransportFault):
        await publisher.publish([OutMessage(topic="no.such.v1", partition=0, value=b"x")])
    assert len(await publisher.publish(messages(5, ["after"]))) == 1
    await publisher.close()


async def test_publish_when_no_broker_answers_then_is_a_fault_in_time() -> None:
    """A call that Kafka does not confirm ends with a fault after its limit."""
    nobody = Settings(kafka=f"127.0.0.1:{free_port()}", publish_timeout_ms=500)
    publisher = Publisher(nobody)
    with pytest.raises(TransportFault, match="500 ms"):
        await publisher.publish(messages(0, ["lost"]))
    await publisher.close()


@pytest.mark.slow
async def test_broker_when_it_hangs_then_what_failed_is_never_overtaken(tmp_path: Path) -> None:
    """Calls that fail while the broker is frozen leave no hole behind a later success."""
    with EmbeddedStack(tmp_path) as own:
        settings = own.settings.model_copy(update={"publish_timeout_ms": 700})
        publisher = Publisher(settings)
        pid = own.pid("kafka")
        assert pid is not None
        await _published_at_last(publisher, ["0"])
        os.kill(pid, signal.SIGSTOP)
        try:
            frozen = await asyncio.gather(
                *(publisher.publish(messages(0, [str(number)])) for number in range(1, 9)),
                return_exceptions=True,
            )
        finally:
            os.kill(pid, signal.SIGCONT)
        assert all(isinstance(outcome, TransportFault) for outcome in frozen)
        await _published_at_last(publisher, [str(number) for number in range(1, 9)])
        await publisher.close()
        numbers = [int(value) for value in values(settings, 0)]
    seen = 0
    for number in numbers:
        # Repeats are allowed, a number before its predecessor is not.
        assert number <= seen + 1
        seen = max(seen, number)
    assert seen == 8


async def _published_at_last(publisher: Publisher, texts: list[str]) -> None:
    """Publish again until it is confirmed, as an owner does; the test's timeout bounds it."""
    while True:
        try:
            await publisher.publish(messages(0, texts))
        except TransportFault:
            continue
        return
