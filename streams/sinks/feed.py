"""Where the sinks' messages come from: a port, and Kafka behind it.

Owns: assigning every partition at a known offset.
Invariant: it reads from the offsets it is given and nowhere else: no group, no committed offset,
no reset. An offset that the topic no longer has is an error, never a jump. Whoever does not poll
holds Kafka back: the client fetches ``QUEUED_KIB_MAX`` ahead and waits, and without a group
nobody counts the time between two polls.

Trap: with pause and resume soon after the assignment, some partitions delivered nothing any more,
and said nothing (confluent-kafka 2.16, seen by the test that kills the sink); so nothing is
resumed.
Does not own: what messages mean.
"""

from collections.abc import Mapping
from typing import Protocol

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from runtime.faults import TransportFault
from schemas.errors import NcashError
from streams.sinks.source import Message

REQUEST_S = 10
QUEUED_KIB_MAX = 64 * 1024
FETCH_KIB_MIN = 128
FETCH_WAIT_MS_MAX = 250
_OFFSET_LOST = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE})  # noqa: SLF001 - librdkafka's own names for client-side errors
Position = tuple[str, int]


class OffsetLost(NcashError):
    """A topic does not have the offset at which a sink must go on: it waits for an operator."""

    def __init__(self, position: Position, detail: str) -> None:
        super().__init__(f"{position[0]}/{position[1]}: {detail}")
        self.position = position


class Feed(Protocol):
    """A stream of messages from many partitions."""

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has; blocks, does not retry.

        Raises:
            TransportFault: Kafka does not answer, or the topic is not there yet.
        """
        ...

    def start(self, offsets: Mapping[Position, int]) -> None:
        """Read these partitions from these offsets; 0 is wherever the topic begins."""
        ...

    def poll(self, count: int, timeout_ms: int) -> list[Message]:
        """What has come; blocks up to the timeout.

        Raises:
            OffsetLost: A partition cannot be read on; the others can.
            TransportFault: Kafka's client gave up.
        """
        ...

    def drop(self, position: Position) -> None:
        """Read a partition no more."""
        ...

    def lag(self, position: Position, next_offset: int) -> int:
        """About how many messages are behind this offset; never blocks."""
        ...

    def close(self) -> None:
        """Give the connections back."""
        ...


class KafkaFeed:
    """Kafka, read by one process without a group.

    Args:
        bootstrap: ``host:port,…``.
    """

    def __init__(self, bootstrap: str) -> None:
        self._consumer = Consumer({
            "bootstrap.servers": bootstrap,
            # Asked for by the client library; nothing joins or commits.
            "group.id": "ncash-sinks",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "queued.max.messages.kbytes": QUEUED_KIB_MAX,
            # A fetch costs Kafka the same however little it brings, and a row waits longer anyway.
            "fetch.min.bytes": FETCH_KIB_MIN * 1024,
            "fetch.wait.max.ms": FETCH_WAIT_MS_MAX,
            "log_level": 3,
        })  # fmt: skip
        self._read: set[Position] = set()
        self._fault: NcashError | None = None

    def partitions(self, topic: str) -> int:
        """See the port."""
        try:
            listed = self._consumer.list_topics(topic, timeout=REQUEST_S).topics[topic]
        except KafkaException as error:
            raise TransportFault(f"Kafka does not list {topic}: {error}") from error
        if listed.error is not None or not listed.partitions:
            raise TransportFault(f"topic {topic} is not there yet: {listed.error}")
        return len(listed.partitions)

    def start(self, offsets: Mapping[Position, int]) -> None:
        """See the port."""
        self._read = set(offsets)
        self._consumer.assign([
            TopicPartition(topic, partition, offset or OFFSET_BEGINNING)
            for (topic, partition), offset in offsets.items()
        ])  # fmt: skip

    def poll(self, count: int, timeout_ms: int) -> list[Message]:
        """See the port."""
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault
        found: list[Message] = []
        for message in self._consumer.consume(count, timeout_ms / 1_000):
            position = (message.topic() or "", message.partition() or 0)
            error = message.error()
            if error is not None:
                # Told at the next call: the messages beside it must not be lost.
                self._fault = self._fault or _fault_of(error, position)
            elif position in self._read:
                value, (_, timestamp_ms) = message.value(), message.timestamp()
                assert isinstance(value, bytes | None)
                found.append(Message(*position, message.offset() or 0, timestamp_ms, value or b""))
        return found

    def drop(self, position: Position) -> None:
        """See the port."""
        self._read.discard(position)
        self._consumer.pause([TopicPartition(*position)])

    def lag(self, position: Position, next_offset: int) -> int:
        """See the port."""
        try:
            _, high = self._consumer.get_watermark_offsets(TopicPartition(*position), cached=True)
        except KafkaException:
            return 0
        return max(0, high - next_offset)

    def close(self) -> None:
        """See the port."""
        self._consumer.close()


def _fault_of(error: KafkaError, position: Position) -> NcashError | None:
    """Lost connections mend themselves inside the client; the rest is for us."""
    if error.code() in _OFFSET_LOST:
        return OffsetLost(position, error.str())
    return TransportFault(error.str()) if error.fatal() else None
