"""The legs topic as the carriers' group reads it, on a thread of its own.

Invariant: nothing is committed that was not asked for, and where nothing was committed yet the
group begins at the first leg: what is carried again changes nothing. It does not own carrying.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from confluent_kafka import Consumer, KafkaException, TopicPartition

from runtime.faults import TransportFault
from schemas.errors import NcashError, ShardStopped
from schemas.outputs import Stream, decode_output, legs_of
from streams.legs.ports import Read

TOPIC = Stream.LEGS.value
GROUP = "ncash-legs"
BATCH_MAX = 200
POLL_S = 0.5
SESSION_MS = 6_000
_T = TypeVar("_T")


class KafkaLegs:
    """See ``streams.legs.ports.LegFeed``; opens with the first poll.

    Args:
        bootstrap: Kafka's servers, ``host:port,…``.
        member: Name of this process, by which it gets its partitions back at once; or None.
    """

    def __init__(self, bootstrap: str, member: str | None) -> None:
        self._bootstrap = bootstrap
        self._member = member
        self._thread = ThreadPoolExecutor(1, "legs-feed")
        self._consumer: Consumer | None = None

    async def poll(self) -> Sequence[Read]:
        """See ``streams.legs.ports.LegFeed``."""
        return await self._in_thread(self._poll)

    async def commit(self, read: Sequence[Read]) -> None:
        """See ``streams.legs.ports.LegFeed``."""
        ends: dict[int, int] = {}
        for each in read:
            ends[each.partition] = max(ends.get(each.partition, 0), each.offset + 1)
        await self._in_thread(lambda: self._commit(ends))

    async def close(self) -> None:
        """Leaves the group."""
        if self._consumer is not None:
            await self._in_thread(self._consumer.close)
            self._consumer = None
        self._thread.shutdown(wait=False)

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, work)
        except (KafkaException, RuntimeError) as error:
            raise TransportFault(f"Kafka, group {GROUP}: {error}") from error

    def _opened(self) -> Consumer:
        if self._consumer is None:
            names = {} if self._member is None else {"group.instance.id": self._member}
            self._consumer = Consumer(
                {
                    "bootstrap.servers": self._bootstrap,
                    "client.id": "ncash-legs",
                    "group.id": GROUP,
                    "enable.auto.commit": False,
                    "enable.auto.offset.store": False,
                    "session.timeout.ms": SESSION_MS,
                    "auto.offset.reset": "earliest",
                    "log_level": 3,
                }
                | names
            )
            self._consumer.subscribe([TOPIC])
        return self._consumer

    def _poll(self) -> list[Read]:
        consumer = self._opened()
        first = consumer.poll(POLL_S)
        if first is None:
            return []
        found: list[Read] = []
        for message in [first, *consumer.consume(BATCH_MAX - 1, 0)]:
            error = message.error()
            if error is not None:
                raise TransportFault(error.str())
            place = message.partition() or 0, message.offset() or 0
            found.append(read_of(*place, message.value()))
        return found

    def _commit(self, ends: dict[int, int]) -> None:
        offsets = [TopicPartition(TOPIC, each, end) for each, end in ends.items()]
        for each in self._opened().commit(offsets=offsets, asynchronous=False) or []:
            if each.error is not None:
                raise TransportFault(each.error.str())


def read_of(partition: int, offset: int, value: bytes | str | None) -> Read:
    """A message with its legs.

    Args:
        partition: Its shard.
        offset: Its place.
        value: Its bytes.

    Raises:
        ShardStopped: They cannot be read.
    """
    body = value if isinstance(value, bytes) else b""
    try:
        return Read(partition, offset, legs_of(decode_output(body)))
    except (NcashError, ValueError) as error:
        raise ShardStopped(f"{TOPIC}[{partition}]@{offset} cannot be read: {error}") from error
