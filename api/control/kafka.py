"""The control topic in Kafka: its tail for the hub, its past for clients that come again.

Invariant: both read offsets that they are given, of every partition; nothing joins a group or
commits. The tail waits for the event loop, so what was read and not handed out is bounded.
It does not own who is told (``hub``).
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import cast

import msgspec
import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from api.control.hub import ControlHub, ControlMessage, PositionLost
from api.control.positions import Positions
from schemas.errors import UNREADABLE, RecoverableError
from schemas.outputs import Stream

TOPIC = Stream.CONTROL.value
REQUEST_S = 5
POLL_S = 0.25
PART_MESSAGES = 500
AGAIN_S = 1
CLOSE_S = 10
END_TOLD_MS = 100
# Nothing that is there comes for so long: Kafka is away.
SILENCE_POLLS_MAX = 60
_LOST = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE})  # noqa: SLF001 -- librdkafka's own names for client-side errors

_log = structlog.get_logger()


class _Words(msgspec.Struct):
    tenant: str
    source: str


_words = msgspec.json.Decoder(_Words)


class ControlTail:
    """Reads what comes into a hub, on a thread of its own, until it is closed.

    Args:
        bootstrap: Kafka's servers, ``host:port,…``.
        hub: Fed on the running loop.
    """

    def __init__(self, bootstrap: str, hub: ControlHub) -> None:
        self._bootstrap = bootstrap
        self._hub = hub
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="control-tail", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """End the thread; bounded."""
        self._stop.set()
        await asyncio.to_thread(self._thread.join, CLOSE_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with closing(_consumer(self._bootstrap, "tail")) as consumer:
                    self._follow(consumer)
            except (RecoverableError, PositionLost, KafkaException) as error:
                _log.warning("control topic not read; trying again", fault=str(error))
                self._stop.wait(AGAIN_S)

    def _follow(self, consumer: Consumer) -> None:
        partitions = range(_partitions(consumer))
        ends = [_watermarks(consumer, partition)[1] for partition in partitions]
        consumer.assign([TopicPartition(TOPIC, each, ends[each]) for each in partitions])
        self._call(self._begin(ends))
        while not self._stop.is_set():
            messages, _ = _read(consumer)
            if messages:
                self._call(self._take(messages))

    def _call(self, work: Coroutine[None, None, None]) -> None:
        """Wait until the loop has done it."""
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _begin(self, ends: Positions) -> None:
        self._hub.begin(ends)

    async def _take(self, messages: list[ControlMessage]) -> None:
        self._hub.take(messages)


class KafkaHistory:
    """See ``api.control.hub.History``.

    Args:
        bootstrap: Kafka's servers, ``host:port,…``.
    """

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    async def check(self, low: Positions, high: Positions) -> None:
        """See the port."""
        asked = [(each, at) for each, at in enumerate(low) if at != high[each]]
        if asked:
            await asyncio.to_thread(self._check, asked)

    async def between(
        self, low: Positions, high: Positions
    ) -> AsyncGenerator[list[ControlMessage]]:
        """See the port."""
        left = {each: end for each, end in enumerate(high) if low[each] < end}
        loop = asyncio.get_running_loop()
        # One thread opens, reads and closes: a consumer must not be closed while it reads.
        thread = ThreadPoolExecutor(1, "control-history")
        consumer = await loop.run_in_executor(thread, self._opened, low, left)
        try:
            silent = 0
            while left:
                found, ends = await loop.run_in_executor(thread, _read, consumer)
                messages = [each for each in found if each.offset < high[each.partition]]
                ends |= {each.partition: each.offset + 1 for each in found}
                left = {each: end for each, end in left.items() if ends.get(each, 0) < end}
                silent = 0 if found or ends else silent + 1
                if silent > SILENCE_POLLS_MAX:
                    raise RecoverableError("Kafka does not give what was said before")
                yield messages
        finally:
            thread.submit(consumer.close)
            thread.shutdown(wait=False)

    def _opened(self, low: Positions, left: Iterable[int]) -> Consumer:
        consumer = _consumer(self._bootstrap, "history")
        consumer.assign([TopicPartition(TOPIC, each, low[each]) for each in left])
        return consumer

    def _check(self, asked: list[tuple[int, int]]) -> None:
        with closing(_consumer(self._bootstrap, "check")) as consumer:
            for partition, at in asked:
                first, end = _watermarks(consumer, partition)
                if not first <= at <= end:
                    raise PositionLost(
                        f"partition {partition} has {first} to {end}, the id says {at}"
                    )


def _consumer(bootstrap: str, purpose: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "client.id": f"ncash-control-{purpose}",
            # A consumer must name a group; this one never joins or commits.
            "group.id": "ncash-control",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            # How soon an end is told where nothing comes; what comes is told at once.
            "fetch.wait.max.ms": END_TOLD_MS,
            "queued.max.messages.kbytes": 4_096,
            "log_level": 3,
        }
    )


def _partitions(consumer: Consumer) -> int:
    try:
        found = consumer.list_topics(TOPIC, timeout=REQUEST_S).topics[TOPIC]
    except KafkaException as error:
        raise RecoverableError(f"Kafka does not list {TOPIC}: {error}") from error
    if found.error is not None or not found.partitions:
        raise RecoverableError(f"topic {TOPIC} is not there yet: {found.error}")
    return len(found.partitions)


def _watermarks(consumer: Consumer, partition: int) -> tuple[int, int]:
    place = TopicPartition(TOPIC, partition)
    try:
        # Nothing comes back when the time is up, which its types do not say.
        ends = cast("tuple[int, int] | None", consumer.get_watermark_offsets(place, REQUEST_S))
    except KafkaException as error:
        raise RecoverableError(f"Kafka does not tell the end of {TOPIC}: {error}") from error
    if ends is None:
        raise RecoverableError(f"Kafka did not tell the end of {TOPIC} in time")
    return ends


def _read(consumer: Consumer) -> tuple[list[ControlMessage], dict[int, int]]:
    """What comes next, and where partitions were found to end.

    Raises:
        PositionLost: The topic does not have an offset that was asked for.
        RecoverableError: The client gave up.
    """
    messages: list[ControlMessage] = []
    ends: dict[int, int] = {}
    # What is there is taken at once: asked for many, the client would wait for all of them.
    first = consumer.poll(POLL_S)
    if first is None:
        return messages, ends
    for message in [first, *consumer.consume(PART_MESSAGES - 1, 0)]:
        partition, offset = message.partition() or 0, message.offset() or 0
        error = message.error()
        if error is None:
            messages.append(_message(partition, offset, message.value()))
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 -- as above
            ends[partition] = offset
        elif error.code() in _LOST:
            raise PositionLost(f"partition {partition}: {error.str()}")
        elif error.fatal():
            raise RecoverableError(error.str())
    return messages, ends


def _message(partition: int, offset: int, value: bytes | str | None) -> ControlMessage:
    text = value if isinstance(value, bytes) else b""
    try:
        words = _words.decode(text)
    except UNREADABLE:
        # Of no tenant, so it is for nobody; its place still counts.
        _log.warning("unreadable signal", partition=partition, offset=offset)
        words = _Words("", "")
    return ControlMessage(partition, offset, words.tenant, words.source, text)
