"""Reads in Kafka how far a shard's outputs are published, and where its log begins and ends.

Invariant: reads only; whatever stands in a stream twice counts once, and what stands behind a
hole does not count.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import NamedTuple, TypeVar

import msgspec
from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from runtime.settings import Settings
from schemas.errors import UNREADABLE, NcashError, RecoverableError, ShardStopped
from schemas.ids import ShardId
from schemas.outputs import STREAMS, TOLD, Stream, decode_output
from schemas.topics import LOG_TOPIC
from shard.cursor import Cursor, Head

# What an owner may have had on its way when it died, and then some.
TAIL_MESSAGES = 1_000
ANSWER_S = 5
READ_S = 15
POLL_S = 0.5
CONSUMERS_MAX = 4

Config = dict[str, str | int | bool]
T = TypeVar("T")


class Span(NamedTuple):
    """Sequences [first, next) of one message, and the chain hash after it."""

    first: int
    next: int
    chain: bytes


Ends = dict[Stream, Head]
Read = Callable[[Mapping[Stream, tuple[int, int]]], Mapping[Stream, list[Span]]]


class _Told(msgspec.Struct):
    sequence: int
    chain_after: str


_told = msgspec.json.Decoder(_Told)


class PublishedEnds:
    """See ``streams.ports.Ends``; a few consumers, each used by one thread at a time.

    Args:
        settings: Where Kafka is.
        opened: Opens a consumer.
    """

    def __init__(self, settings: Settings, opened: Callable[[Config], Consumer] = Consumer) -> None:
        self._settings = settings
        self._opened = opened
        self._idle: list[Consumer] = []
        self._free = threading.BoundedSemaphore(CONSUMERS_MAX)

    async def published(self, shard: ShardId, cursor: Cursor) -> Mapping[Stream, Head]:
        """See ``streams.ports.Ends``."""
        return await asyncio.to_thread(self._guarded, lambda kafka: _ends(kafka, shard, cursor))

    async def log_bounds(self, shard: ShardId) -> tuple[int, int]:
        """First offset of the shard's log, and the offset after its last record.

        Raises:
            RecoverableError: Kafka cannot be reached.
        """
        place = TopicPartition(LOG_TOPIC, shard)
        return await asyncio.to_thread(self._guarded, lambda kafka: _bounds(kafka, place))

    async def close(self) -> None:
        """Ends the connection."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _guarded(self, ask: Callable[[Consumer], T]) -> T:
        with self._free:
            try:
                kafka = self._idle.pop() if self._idle else self._opened(_config(self._settings))
                try:
                    answer = ask(kafka)
                except BaseException:
                    # It is not used again: what it still has on its way is unknown.
                    kafka.close()
                    raise
            except KafkaException as fault:
                raise RecoverableError(f"Kafka cannot be reached: {fault}") from fault
            self._idle.append(kafka)
            return answer


async def log_identity(settings: Settings) -> str:
    """Cluster and topic of the log, so that a new log is never taken for the old.

    Raises:
        RecoverableError: Kafka cannot be reached, or the topic is not there yet.
        ShardStopped: The topic has another number of partitions than the settings say.
    """
    return await asyncio.to_thread(_identity, settings)


def end_of(spans: Sequence[Span], known: int) -> Head:
    """The end of a stream, from messages of its tail.

    Args:
        spans: Of the last messages, in any order; not empty.
        known: Sequence up to which the shard's state was made.

    Returns:
        Where the contiguous run ends that goes on from ``known``; where the tail does not reach
        back to it, where its first run ends.
    """
    runs: list[tuple[int, Span]] = []
    for span in sorted(spans):
        if runs and span.first <= runs[-1][1].next:
            start, last = runs[-1]
            runs[-1] = (start, span if span.next > last.next else last)
        else:
            runs.append((span.first, span))
    ahead = [last for _, last in runs if last.next >= known]
    last = ahead[0] if ahead else runs[-1][1]
    return Head(last.next, last.chain)


def ends_of(bounds: Mapping[Stream, tuple[int, int]], read: Read, cursor: Cursor) -> Ends:
    """Where a shard's streams end.

    Args:
        bounds: First offset of each stream's partition, and the offset after its last.
        read: Reads messages of several streams at once.
        cursor: That the state has.
    """
    filled = {stream: found for stream, found in bounds.items() if found[0] < found[1]}
    last = {stream: (end - 1, end) for stream, (_, end) in filled.items()}
    ends = _ends_of(read(last), cursor)
    # Nearly always the last message is the one that the cursor knows; else look further back.
    tails = {
        stream: (max(first, end - TAIL_MESSAGES), end)
        for stream, (first, end) in filled.items()
        if ends[stream].next != cursor.head(stream).next
    }
    ends |= _ends_of(read(tails), cursor)
    return {stream: ends.get(stream, Head()) for stream in STREAMS}


def span_of(stream: Stream, value: bytes, place: str) -> Span:
    """What a message says of its sequences.

    Args:
        stream: Its stream.
        value: Its bytes.
        place: Where it is, for a person.

    Raises:
        ShardStopped: The bytes cannot be read.
    """
    try:
        if stream in TOLD:
            said = _told.decode(value)
            return Span(said.sequence, said.sequence + 1, bytes.fromhex(said.chain_after))
        record = decode_output(value)
    except (NcashError, ValueError, *UNREADABLE) as fault:
        raise ShardStopped(f"{place} cannot be read: {fault}") from fault
    return Span(record.first, record.first + record.count, record.chain_after)


def _ends(kafka: Consumer, shard: ShardId, cursor: Cursor) -> Ends:
    bounds = {stream: _bounds(kafka, TopicPartition(stream.value, shard)) for stream in STREAMS}
    return ends_of(bounds, lambda wanted: _read(kafka, shard, wanted), cursor)


def _ends_of(spans: Mapping[Stream, list[Span]], cursor: Cursor) -> dict[Stream, Head]:
    return {stream: end_of(found, cursor.head(stream).next) for stream, found in spans.items()}


def _bounds(kafka: Consumer, place: TopicPartition) -> tuple[int, int]:
    bounds: tuple[int, int] = kafka.get_watermark_offsets(place, ANSWER_S)
    return bounds


def _read(
    kafka: Consumer, shard: ShardId, wanted: Mapping[Stream, tuple[int, int]]
) -> dict[Stream, list[Span]]:
    """The messages of each stream from an offset to before another."""
    spans: dict[Stream, list[Span]] = {stream: [] for stream in wanted}
    open_streams = set(wanted)
    deadline = monotonic() + READ_S
    kafka.assign([TopicPartition(s.value, shard, start) for s, (start, _) in wanted.items()])
    try:
        while open_streams and monotonic() < deadline:
            message = kafka.poll(POLL_S)
            if message is None:
                continue
            fault, stream = message.error(), Stream(message.topic() or "")
            if fault is not None and fault.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001
                raise KafkaException(fault)
            if fault is None and message.partition() == shard and stream in spans:
                spans[stream].append(_span(stream, message))
            # Past the end as it was: by its last message, or by the news that there is no more.
            if fault is not None or (message.offset() or 0) >= wanted[stream][1] - 1:
                open_streams.discard(stream)
    finally:
        kafka.unassign()
    if open_streams or not all(spans.values()):
        raise RecoverableError(f"the ends of shard {shard}'s outputs could not be read")
    return spans


def _span(stream: Stream, message: Message) -> Span:
    place = f"{stream} {message.partition()} at {message.offset()}"
    return span_of(stream, message.value() or b"", place)


def _identity(settings: Settings) -> str:
    admin = AdminClient({"bootstrap.servers": settings.kafka, "log_level": 2})
    try:
        cluster = admin.list_topics(timeout=ANSWER_S).cluster_id
        asked = admin.describe_topics(TopicCollection([LOG_TOPIC]), request_timeout=ANSWER_S)
        topic = asked[LOG_TOPIC].result(ANSWER_S)
    except (KafkaException, TimeoutError) as fault:
        raise RecoverableError(f"Kafka did not tell about {LOG_TOPIC}: {fault}") from fault
    if len(topic.partitions) != settings.shards:
        raise ShardStopped(
            f"{LOG_TOPIC} has {len(topic.partitions)} partitions, the settings say "
            f"{settings.shards} shards; the number of shards cannot be changed"
        )
    return f"{cluster}/{topic.topic_id}"


def _config(settings: Settings) -> Config:
    return {
        "bootstrap.servers": settings.kafka,
        # librdkafka wants a group; partitions are assigned by hand and nothing is committed.
        "group.id": "ncash-published-ends",
        "client.id": "ncash-published-ends",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        "fetch.wait.max.ms": 50,
        "queued.max.messages.kbytes": 16_384,
        "reconnect.backoff.max.ms": 1_000,
        "log_level": 2,
    }
