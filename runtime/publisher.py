"""Publishing to Kafka: a call resolves when Kafka has every one of its messages.

Invariant: per partition, messages arrive in the order of the calls and without a hole: once one is
not confirmed, none behind it is sent by this producer. What was sent before that may still arrive,
so after a ``TransportFault`` a message may be there, and may be published again.
It does not own what is published, nor whether to try again.
"""

import asyncio
import logging
import threading
from collections.abc import Sequence

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from runtime.faults import TransportFault
from runtime.settings import Settings

MESSAGE_BYTES_MAX = 4 * 1024 * 1024
POLL_S = 0.1
QUEUE_WAIT_S = 0.002
CLOSE_S = 10
_BYTES_OVERHEAD = 1_024
_NO_PARTITION = -1


class OutMessage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message on its way to Kafka.

    Args:
        topic: Where to.
        partition: Which; None lets the key, or chance, choose.
        key: Or None.
        value: At most ``MESSAGE_BYTES_MAX``.
        headers: In order, or None.
        timestamp_ms: Create time; None is now.
    """

    topic: str
    partition: int | None = None
    key: bytes | None = None
    value: bytes
    headers: list[tuple[str, bytes | str | None]] | None = None
    timestamp_ms: int | None = None


class _Flight:
    """The messages of one call, counted down as Kafka confirms them (on the line's thread)."""

    __slots__ = ("_left", "_loop", "done", "fault", "offsets")

    def __init__(self, size: int, loop: asyncio.AbstractEventLoop) -> None:
        self._left = size
        self._loop = loop
        self.done: asyncio.Future[None] = loop.create_future()
        self.fault: KafkaError | None = None
        self.offsets = [_NO_PARTITION] * size

    def landed(self, index: int, error: KafkaError | None, message: Message) -> None:
        if error is None:
            offset = message.offset()
            self.offsets[index] = _NO_PARTITION if offset is None else offset
        else:
            self.fault = self.fault or error
        self._left -= 1
        if not self._left:
            self._tell()

    def _tell(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._finish)
        except RuntimeError:
            # The loop has ended, and with it everybody who could have waited.
            return

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


class _Line:
    """One librdkafka producer with the thread that serves its callbacks."""

    def __init__(self, settings: Settings) -> None:
        self.broken = False
        self.producer = Producer(
            producer_config(settings),
            logger=logging.getLogger("librdkafka"),
        )
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="kafka-publisher", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._closing.is_set() or len(self.producer):
            try:
                self.producer.poll(POLL_S)
            except KafkaException:
                # Only a fatal fault of the whole producer is raised here. The thread goes on: the
                # flights of what is dropped now still have to be told.
                self.abandon()
        # Taken down here, since that waits for librdkafka's threads and must not block a loop.
        del self.producer

    def abandon(self) -> None:
        """Drop all that is queued or in flight, at once, so that nothing overtakes what failed."""
        if self.broken:
            return
        self.broken = True
        self.producer.purge(in_queue=True, in_flight=True, blocking=False)
        self._closing.set()

    def close(self) -> None:
        """Wait, bounded, until what is queued is confirmed, and end the thread."""
        if not self.broken and self.producer.flush(CLOSE_S):
            self.producer.purge(in_queue=True, in_flight=True, blocking=False)
        self._closing.set()
        self._thread.join(CLOSE_S)


def producer_config(settings: Settings) -> dict[str, str | int | bool]:
    """Give librdkafka's configuration: safe first, then large requests."""
    return {
        "bootstrap.servers": settings.kafka,
        "client.id": "ncash-publisher",
        "acks": "all",
        "enable.idempotence": True,
        # A permanent failure in the middle stops the producer instead of leaving a hole. Its own
        # timeout would leave one all the same, so it has none: ours drops everything behind it.
        "enable.gapless.guarantee": True,
        "message.timeout.ms": 0,
        "linger.ms": settings.linger_ms,
        "compression.type": "lz4",
        "message.max.bytes": MESSAGE_BYTES_MAX + _BYTES_OVERHEAD,
        "batch.size": 1024 * 1024,
        "queue.buffering.max.messages": settings.publish_queue_messages_max,
        "reconnect.backoff.max.ms": 1_000,
        "log_level": 3,
    }


class Publisher:
    """Publishes messages; build one per process, inside its loop.

    Args:
        settings: Where Kafka is, and the limits of waiting and gathering.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._timeout_s = settings.publish_timeout_ms / 1_000
        self._line = _Line(settings)
        # Held while a call puts its messages in, so that calls cannot interleave when it must wait.
        self._turn = asyncio.Lock()

    async def publish(self, messages: Sequence[OutMessage]) -> list[int]:
        """Send the messages and wait until Kafka has all of them. Retries inside, bounded in time.

        Args:
            messages: In order; may be of several topics and partitions.

        Returns:
            The offset of each.

        Raises:
            TransportFault: Kafka did not confirm in time, or refused; each message may or may not
                be there. Calls that were waiting at the same time fail too.
            ValueError: A message is over ``MESSAGE_BYTES_MAX``; nothing was sent.
        """
        if not messages:
            return []
        _check_sizes(messages)
        flight = _Flight(len(messages), asyncio.get_running_loop())
        line = self._line
        try:
            async with asyncio.timeout(self._timeout_s):
                async with self._turn:
                    line = self._open_line()
                    await _enqueue(line, messages, flight)
                await flight.done
        except TimeoutError as error:
            line.abandon()
            waited = self._settings.publish_timeout_ms
            raise TransportFault(f"Kafka did not confirm within {waited} ms") from error
        except (KafkaException, BufferError) as error:
            line.abandon()
            raise TransportFault(f"Kafka did not take the messages: {error}") from error
        if flight.fault is not None:
            line.abandon()
            raise TransportFault(f"Kafka did not confirm: {flight.fault}")
        return flight.offsets

    async def close(self) -> None:
        """Wait, bounded, for what is under way; the publisher takes nothing more."""
        await asyncio.get_running_loop().run_in_executor(None, self._line.close)

    def _open_line(self) -> _Line:
        if self._line.broken:
            self._line = _Line(self._settings)
        return self._line


async def _enqueue(line: _Line, messages: Sequence[OutMessage], flight: _Flight) -> None:
    """Put the messages into the producer's queue, waiting while it is full."""
    for index, message in enumerate(messages):
        while True:
            if line.broken:
                raise BufferError("another publish failed")
            try:
                _produce(line.producer, message, flight, index)
                break
            except BufferError:
                # The deadline of the call bounds this: a full queue is backpressure.
                await asyncio.sleep(QUEUE_WAIT_S)


def _produce(producer: Producer, message: OutMessage, flight: _Flight, index: int) -> None:
    def landed(error: KafkaError | None, delivered: Message) -> None:
        flight.landed(index, error, delivered)

    producer.produce(
        message.topic,
        message.value,
        message.key,
        _NO_PARTITION if message.partition is None else message.partition,
        on_delivery=landed,
        timestamp=message.timestamp_ms or 0,
        headers=message.headers,
    )


def _check_sizes(messages: Sequence[OutMessage]) -> None:
    for message in messages:
        size = len(message.value) + len(message.key or b"")
        if size > MESSAGE_BYTES_MAX:
            raise ValueError(f"{size} bytes for {message.topic}; at most {MESSAGE_BYTES_MAX}")
