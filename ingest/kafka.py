"""The Kafka collector: reads the raw topic, forwards it into the shards' log, commits, ticks.

Invariant: an offset is committed only after everything before it is in the log; after a crash
records are forwarded again and the shard knows them by their ids. One batch is in work at a time,
so that nothing is in flight when partitions are taken away. What cannot be judged yet is held, and
its partition paused: it is neither committed nor vouched for.
It does not own what an event is, nor when silence ends a session.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import cast

import structlog
from confluent_kafka import (
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import ListOffsetsResultInfo, OffsetSpec
from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from ingest.collector import count_taken
from ingest.consent.gate import ConsentGate, KeysWanted
from ingest.forward import Forwarded, Forwarder, RawMessage
from ingest.joining import Joining
from ingest.limits import IntakeLimits
from ingest.port import Publisher
from ingest.raw_partition import RawPartition
from ingest.raw_ticks import RawTicks
from runtime.faults import TransportFault
from runtime.metrics import Metrics
from runtime.publisher import OutMessage
from schemas.errors import InvalidDocument, RecoverableError
from schemas.frames import KAFKA_PATH
from schemas.ids import LIVE

GROUP = "ncash-collectors"
MESSAGES_PER_BATCH_MAX = 2_000
POLL_S = 0.1
METADATA_S = 10.0
# Each may take ``ingest.consent.fetching.FETCH_S``; together they are no outage.
KEY_FETCHES_MAX = 2
# Between two looks at what is held; the issuer is asked less often.
HOLD_MS = 1_000
# How soon the group hears of partitions that were added; until they are read the path waits.
METADATA_EVERY_MS = 10_000
RETRY_S = 60
RETRY_WAIT_S = 5
_EOF = -191  # KafkaError._PARTITION_EOF, which the library's types do not name

_log = structlog.get_logger()


def consumer_config(bootstrap: str) -> dict[str, str | int | bool]:
    """Librdkafka's settings for the raw topic's readers."""
    return {
        "bootstrap.servers": bootstrap,
        "group.id": GROUP,
        "client.id": "ncash-collector",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "partition.assignment.strategy": "cooperative-sticky",
        # Tells the end even where markers, not messages, stand last.
        "enable.partition.eof": True,
        "session.timeout.ms": 10_000,
        "topic.metadata.refresh.interval.ms": METADATA_EVERY_MS,
        "log_level": 3,
    }


class KafkaCollector:
    """Forwards what the group gave to this process."""

    def __init__(
        self,
        consumer: Consumer,
        admin: AdminClient,
        publisher: Publisher,
        forwarder: Forwarder,
        joining: Joining,
        *,
        topic: str,
        shards: int,
        limits: IntakeLimits,
        metrics: Metrics,
        now_ms: Callable[[], int],
        consents: ConsentGate | None = None,
    ) -> None:
        """Wire it; ``run`` subscribes.

        Args:
            consumer: Made with ``consumer_config``.
            admin: Asks for the partitions' ends.
            publisher: Where log messages go.
            forwarder: Makes them.
            joining: The forwarder's own; lets partitions join the live path.
            topic: The raw topic; its timestamps must be LogAppendTime.
            shards: Stored number of shards.
            limits: Tick interval, skew and what counts as a stall.
            metrics: Counts what was delivered.
            now_ms: The wall clock.
            consents: The forwarder's own; fetches keys.
        """
        self._consumer = consumer
        self._admin = admin
        self._publisher = publisher
        self._forwarder = forwarder
        self._joining = joining
        self._topic = topic
        self._ticks = RawTicks(topic=topic, shards=shards, limits=limits)
        self._limits = limits
        self._metrics = metrics
        self._now_ms = now_ms
        self._consents = consents
        self._assigned: dict[int, RawPartition] = {}
        self._partitions: tuple[int, ...] = ()
        self._held: list[RawMessage] = []
        self._held_until_ms = 0
        self._paused: set[int] = set()
        # Ends that were reached, of partitions too whose messages are held.
        self._ends: dict[int, int] = {}

    async def run(self, stopping: asyncio.Event) -> None:
        """Collect until asked to stop, then commit and leave the group.

        Raises:
            TransportFault: Kafka could not take what was read, for ``RETRY_S`` seconds; the raw
                topic is not to be had at the start; or the consumer is broken for good.
            InvalidDocument: The raw topic does not stamp append times.
        """
        self._partitions = await asyncio.to_thread(self._partitions_of_topic, METADATA_S)
        self._consumer.subscribe(
            [self._topic],
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )
        try:
            while not stopping.is_set():
                messages = await asyncio.to_thread(self._read)
                await self._forward(messages)
                await self._tick_when_due()
        finally:
            # Closing revokes, and revoking commits what was delivered.
            await asyncio.to_thread(self._consumer.close)

    def _read(self) -> list[Message]:
        """Wait for one message, then take all that is there; rebalances happen in here."""
        first = self._consumer.poll(POLL_S)
        if first is None:
            return []
        return [first, *self._consumer.consume(MESSAGES_PER_BATCH_MAX - 1, 0)]

    async def _forward(self, messages: Sequence[Message]) -> None:
        raws: list[RawMessage] = []
        for message in messages:
            error = message.error()
            if error is None:
                raws.append(_raw_message(message))
            elif error.code() == _EOF:
                self._ends[message.partition() or 0] = message.offset() or 0
            else:
                self._judge_fault(error)
        held: set[tuple[int, int]] = set()
        if raws := self._in_turn(raws):
            batch = await self._judged(raws)
            await self._publish(batch.messages)
            count_taken(self._metrics, KAFKA_PATH, accepted=batch.accepted, letters=batch.letters)
            held = {(each.partition, each.offset) for each in batch.held}
            self._hold(batch.held)
        for raw in raws:
            mine = self._assigned.get(raw.partition)
            if mine is not None and (raw.partition, raw.offset) not in held:
                mine.forwarded(offset=raw.offset, appended_at_ms=raw.appended_at_ms)
        for partition in self._ends.keys() - self._paused:
            offset = self._ends.pop(partition)
            if (mine := self._assigned.get(partition)) is not None:
                mine.reached_end(offset)

    def _in_turn(self, raws: list[RawMessage]) -> list[RawMessage]:
        """What is judged now: what is held first, after a while; nothing overtakes it."""
        if not self._held:
            return raws
        if self._now_ms() >= self._held_until_ms:
            found, self._held = [*self._held, *raws], []
            return found
        self._held += [each for each in raws if each.partition in self._paused]
        return [each for each in raws if each.partition not in self._paused]

    def _hold(self, raws: list[RawMessage]) -> None:
        """Keep what cannot be judged, and read nothing more of its partitions meanwhile."""
        if raws:
            self._held_until_ms = self._now_ms() + HOLD_MS
        self._held += raws
        waiting = {each.partition for each in self._held}
        if begin := sorted(waiting - self._paused):
            _log.warning("raw partitions wait for keys of member tokens", partitions=begin)
            self._consumer.pause([TopicPartition(self._topic, each) for each in begin])
        if end := sorted(self._paused - waiting):
            self._consumer.resume([TopicPartition(self._topic, each) for each in end])
        self._paused = waiting

    async def _judged(self, raws: list[RawMessage]) -> Forwarded:
        """The batch as it goes on; keys of tokens are fetched for it a few times, no more."""
        for _ in range(KEY_FETCHES_MAX):
            try:
                return self._forwarder.forwarded(
                    raws, partitions=self._partitions, is_patient=self._consents is not None
                )
            except KeysWanted as wanted:
                assert self._consents is not None
                await self._consents.ask(wanted)
        return self._forwarder.forwarded(raws, partitions=self._partitions)

    def _judge_fault(self, error: KafkaError) -> None:
        if error.fatal():
            raise TransportFault(f"consumer of {self._topic} is broken: {error}")
        _log.warning("raw topic read fault", topic=self._topic, error=str(error))

    async def _publish(self, messages: list[OutMessage]) -> None:
        """Deliver, trying again for a bounded time; what was read waits meanwhile."""
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(RecoverableError),
            wait=wait_random_exponential(max=RETRY_WAIT_S),
            stop=stop_after_delay(RETRY_S),
            reraise=True,
        ):
            with attempt:
                await self._publisher.publish(messages)

    async def _tick_when_due(self) -> None:
        now_ms = self._now_ms()
        if not self._ticks.is_due(now_ms):
            return
        self._commit(asynchronous=True)
        if not (await self._join_partitions() and await self._ask_ends(now_ms)):
            return
        messages = self._ticks.messages(now_ms, self._assigned)
        if messages:
            await self._publish(messages)

    async def _join_partitions(self) -> bool:
        """Let all join that the topic has by now; False when Kafka does not tell.

        Asked anew before every round of ticks, since a partition that was added meanwhile may
        hold records as old as what the others are about to vouch for.
        """
        wait_s = self._limits.stall_ms / 1000
        try:
            self._partitions = await asyncio.to_thread(self._partitions_of_topic, wait_s)
        except TransportFault as fault:
            _log.warning("partitions of the raw topic unknown", error=str(fault))
            return False
        if messages := self._joining.due(LIVE, self._partitions):
            await self._publish(messages)
        return True

    async def _ask_ends(self, now_ms: int) -> bool:
        """Read the ends of our partitions; False when Kafka does not answer."""
        latest = cast("OffsetSpec", OffsetSpec.latest())
        asked = {TopicPartition(self._topic, each): latest for each in self._assigned}
        if not asked:
            return True
        futures = cast(
            "dict[TopicPartition, Future[ListOffsetsResultInfo]]",
            self._admin.list_offsets(asked, request_timeout=self._limits.stall_ms / 1000),
        )
        try:
            for where, future in futures.items():
                found = await asyncio.wrap_future(future)
                self._assigned[where.partition].end_was(
                    offset=found.offset, asked_at_ms=now_ms - self._limits.tick_skew_ms
                )
        except KafkaException as error:
            _log.warning("ends of raw partitions unknown", topic=self._topic, error=str(error))
            return False
        return True

    def _partitions_of_topic(self, wait_s: float) -> tuple[int, ...]:
        try:
            found = self._consumer.list_topics(self._topic, wait_s).topics[self._topic]
        except KafkaException as error:
            raise TransportFault(f"topic {self._topic}: {error}") from error
        if found.error is not None:
            raise TransportFault(
                f"topic {self._topic}: {found.error}; make it, or name another in NCASH_RAW_TOPIC"
            )
        return tuple(sorted(found.partitions))

    def _commit(self, *, asynchronous: bool) -> None:
        news = {
            partition: mine.position
            for partition, mine in self._assigned.items()
            if mine.position > mine.committed
        }
        if not news:
            return
        offsets = [TopicPartition(self._topic, each, at) for each, at in news.items()]
        try:
            if asynchronous:
                self._consumer.commit(offsets=offsets, asynchronous=True)
            else:
                self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            # Not lost: the records are forwarded again by whoever reads them next.
            _log.warning("offsets not committed", topic=self._topic, error=str(error))
            return
        for partition, position in news.items():
            self._assigned[partition].committed = position

    def _on_assign(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        for each in partitions:
            self._assigned[each.partition] = RawPartition()

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._commit(asynchronous=False)
        self._on_lost(_, partitions)

    def _on_lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        lost = {each.partition for each in partitions}
        for each in lost:
            self._assigned.pop(each, None)
            self._ends.pop(each, None)
        self._held = [each for each in self._held if each.partition not in lost]
        self._paused -= lost


def _raw_message(message: Message) -> RawMessage:
    kind, appended_at_ms = message.timestamp()
    if kind != TIMESTAMP_LOG_APPEND_TIME:
        raise InvalidDocument(
            f"topic {message.topic()}: set message.timestamp.type=LogAppendTime; "
            "received time is the broker's append time"
        )
    return RawMessage(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        appended_at_ms=appended_at_ms,
        headers=_headers(message),
        value=_bytes(message.value()),
    )


def _headers(message: Message) -> list[tuple[str, bytes | None]]:
    """The headers in order; the library's types allow a dict, which it never gives."""
    headers = message.headers() or ()
    pairs = headers.items() if isinstance(headers, dict) else headers
    return [(name, None if value is None else _bytes(value)) for name, value in pairs]


def _bytes(value: bytes | str | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""
