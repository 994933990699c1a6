"""Reads what the edges put into Kafka while a test ran.

Owns: a cut of the log's and the dead letters' ends. Does not own what is in them.
"""

import msgspec
from confluent_kafka import Consumer, KafkaException, TopicPartition
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from runtime.settings import Settings
from schemas.frames import Record, decode_record
from schemas.refusals import DeadLetter
from schemas.topics import INGEST_DEAD_TOPIC, LOG_TOPIC

_WAIT_S = 10


class LogReader:
    """Everything that comes into a topic from its making on."""

    def __init__(self, settings: Settings, topic: str) -> None:
        """Note the ends of the topic's partitions."""
        self._topic = topic
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.kafka,
                "group.id": "ingest-test-reader",
                "enable.auto.commit": False,
            }
        )
        found = self._consumer.list_topics(topic, _WAIT_S).topics[topic]
        self._next = {each: self._end(each) for each in found.partitions}
        self._consumer.assign(
            [TopicPartition(topic, partition, at) for partition, at in self._next.items()]
        )

    def news(self) -> list[tuple[int, bytes]]:
        """Partition and value of each message since the last call; in order per partition."""
        ends = {partition: self._end(partition) for partition in self._next}
        read: list[tuple[int, bytes]] = []
        while any(self._next[partition] < end for partition, end in ends.items()):
            message = self._consumer.poll(_WAIT_S)
            assert message is not None
            assert message.error() is None, message.error()
            partition, offset, value = message.partition(), message.offset(), message.value()
            assert partition is not None
            assert offset is not None
            assert value is not None
            self._next[partition] = offset + 1
            read.append((partition, value))
        return read

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    # A partition that was made a moment ago may not know its leader yet.
    @retry(
        retry=retry_if_exception_type(KafkaException),
        wait=wait_fixed(0.1),
        stop=stop_after_delay(_WAIT_S),
        reraise=True,
    )
    def _end(self, partition: int) -> int:
        place = TopicPartition(self._topic, partition)
        return self._consumer.get_watermark_offsets(place, _WAIT_S)[1]


def records(reader: LogReader) -> list[tuple[int, Record]]:
    """Shard and record of each new message of the shards' log."""
    return [(shard, decode_record(value)) for shard, value in reader.news()]


def letters(reader: LogReader) -> list[DeadLetter]:
    """The new dead letters."""
    decoder = msgspec.msgpack.Decoder(DeadLetter)
    return [decoder.decode(value[1:]) for _, value in reader.news()]


LOG, DEAD = LOG_TOPIC, INGEST_DEAD_TOPIC
