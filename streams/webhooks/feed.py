"""A topic as the group of one endpoint reads it, on a thread of its own.

Invariant: a group begins where the topic ended when it first joined, and that place is committed
before anything is read; so a kill at any time loses nothing that came afterwards. Nothing is
committed that was not asked for. It does not own what is done with signals (``pushing``).
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from runtime.faults import TransportFault
from schemas.errors import UNREADABLE
from streams.webhooks.channels import SIGNALS, Channel
from streams.webhooks.ports import Pushed

REQUEST_S = 10
JOIN_POLLS_MAX = 120
POLL_S = 0.5
SESSION_MS = 6_000
# Longer than any round.
POLL_INTERVAL_MS_MAX = 900_000
QUEUED_KIB_MAX = 4_096
_T = TypeVar("_T")

_log = structlog.get_logger()


class KafkaSignals:
    """See ``streams.webhooks.ports.SignalFeed``.

    Args:
        bootstrap: Kafka's servers, ``host:port,…``.
        endpoint: Names the group.
        batch_max: Most messages of one poll.
        channel: What is read.
    """

    def __init__(
        self, bootstrap: str, endpoint: str, batch_max: int, channel: Channel = SIGNALS
    ) -> None:
        self._bootstrap = bootstrap
        self._endpoint = endpoint
        self._channel = channel
        self._group = f"{channel.group_prefix}{endpoint}"
        self._batch_max = batch_max
        self._thread = ThreadPoolExecutor(1, f"webhook-feed-{endpoint}{channel.label}")
        self._consumer: Consumer | None = None
        self._is_assigned = False

    async def open(self) -> None:
        """See ``streams.webhooks.ports.SignalFeed``."""
        await self._in_thread(self._open)

    async def poll(self) -> Sequence[Pushed]:
        """See ``streams.webhooks.ports.SignalFeed``."""
        return await self._in_thread(self._poll)

    async def commit(self, signals: Sequence[Pushed]) -> None:
        """See ``streams.webhooks.ports.SignalFeed``."""
        ends: dict[int, int] = {}
        for signal in signals:
            ends[signal.partition] = max(ends.get(signal.partition, 0), signal.offset + 1)
        await self._in_thread(lambda: self._commit(ends))

    async def close(self) -> None:
        """See ``streams.webhooks.ports.SignalFeed``."""
        if self._consumer is not None:
            await self._in_thread(self._consumer.close)
            self._consumer = None
        self._thread.shutdown(wait=False)

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, work)
        except (KafkaException, RuntimeError) as error:
            raise TransportFault(f"Kafka, group {self._group}: {error}") from error

    def _open(self) -> None:
        consumer = self._consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "client.id": "ncash-webhooks",
                "group.id": self._group,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "session.timeout.ms": SESSION_MS,
                "max.poll.interval.ms": POLL_INTERVAL_MS_MAX,
                # Only of a committed place that the topic has no more.
                "auto.offset.reset": "earliest",
                "queued.max.messages.kbytes": QUEUED_KIB_MAX,
                "log_level": 3,
            }
        )
        consumer.subscribe([self._channel.topic], on_assign=self._assigned)
        for _ in range(JOIN_POLLS_MAX):
            if self._is_assigned:
                return
            # Nothing is read before partitions are assigned, so nothing is dropped here.
            message = consumer.poll(POLL_S)
            if message is not None and message.error() is None:
                place = (message.partition() or 0, message.offset() or 0)
                consumer.seek(TopicPartition(self._channel.topic, *place))
        raise TransportFault(f"group {self._group} was not let in in time")

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Begin at committed places; where there is none yet, at the end, and commit that."""
        known = consumer.committed(partitions, REQUEST_S)
        fresh = [each for each in known if each.offset < 0]
        for each in fresh:
            ends = cast("tuple[int, int] | None", consumer.get_watermark_offsets(each, REQUEST_S))
            if ends is None:
                raise KafkaException("Kafka did not tell the end of a partition in time")
            each.offset = ends[1]
        if fresh:
            consumer.commit(offsets=fresh, asynchronous=False)
        consumer.assign(known)
        self._is_assigned = True

    def _poll(self) -> list[Pushed]:
        consumer = self._consumer
        assert consumer is not None
        first = consumer.poll(POLL_S)
        if first is None:
            return []
        found: list[Pushed] = []
        for message in [first, *consumer.consume(self._batch_max - 1, 0)]:
            error = message.error()
            if error is not None:
                if error.fatal():
                    raise TransportFault(error.str())
                continue
            place = (message.partition() or 0, message.offset() or 0)
            found.append(pushed_from(self._channel, *place, message.value()))
        return found

    def _commit(self, ends: dict[int, int]) -> None:
        assert self._consumer is not None
        offsets = [TopicPartition(self._channel.topic, each, end) for each, end in ends.items()]
        done = self._consumer.commit(offsets=offsets, asynchronous=False)
        for each in done or []:
            if each.error is not None:
                raise TransportFault(each.error.str())


def pushed_from(channel: Channel, partition: int, offset: int, value: bytes | str | None) -> Pushed:
    """A message of a channel's topic; one that cannot be read is for nobody, its place counts."""
    body = value if isinstance(value, bytes) else b""
    try:
        return channel.read(partition, offset, body)
    except UNREADABLE:
        _log.warning("unreadable message", topic=channel.topic, partition=partition, offset=offset)
        return Pushed(
            partition=partition,
            offset=offset,
            tenant="",
            source="",
            session="",
            subject="",
            name="",
            posted_at_ms=0,
            body=body,
        )
