"""Catalogue bodies by digest, as ``catalogue.bodies.v1`` has them, and how a new one gets in.

Invariant: a body never changes, and of two bodies that claim the same number the first in the
topic has it. Which number decides in a shard is said by the shard's own log, not here.
"""

import asyncio
import threading
from collections.abc import Callable

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from rating.catalogue import Catalogue, compile_catalogue
from runtime.publisher import OutMessage, Publisher
from runtime.settings import Settings
from runtime.succession import check_horizons, check_succession
from schemas.catalogue import digest_of, document_from_json
from schemas.errors import InvalidDocument, RecoverableError
from schemas.frames import CatalogueVersion, encode_record
from schemas.topics import BODIES_TOPIC, LOG_TOPIC

NUMBER_HEADER = "number"
WAIT_S = 30
CLOSE_S = 10
POLL_S = 0.2
ANSWER_S = 2
LOOK_S = 0.02
TRIES_MAX = 5
_QUEUED_KIB = 8_192

_log = structlog.get_logger()


class CatalogueBodies:
    """Reads every body from the topic's beginning, on a thread of its own.

    Args:
        settings: Where Kafka is.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._bodies: dict[str, bytes] = {}
        self._compiled: dict[str, Catalogue] = {}
        self._versions: list[str] = []
        self._latest: tuple[int, str] | None = None
        self._in_force: Catalogue | None = None
        self._read_to = -1
        self._end: int | None = None
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._read, name="catalogue-bodies", daemon=True)

    def start(self) -> None:
        """Begins to read; call once."""
        self._thread.start()

    async def close(self) -> None:
        """Ends the thread."""
        self._closing.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, CLOSE_S)

    def body(self, digest: str) -> bytes | None:
        """A body, or None while it has not been read."""
        with self._lock:
            return self._bodies.get(digest)

    def latest(self) -> tuple[int, str, bytes] | None:
        """Number, digest and body of the newest version read so far."""
        with self._lock:
            if self._latest is None:
                return None
            number, digest = self._latest
            return number, digest, self._bodies[digest]

    def versions(self) -> list[bytes]:
        """The bodies of versions 1, 2, … as far as they were read."""
        with self._lock:
            return [self._bodies[digest] for digest in self._versions]

    def in_force(self) -> Catalogue | None:
        """The newest version read so far, ready for rating; None before the first."""
        return self._in_force

    async def compiled(self, digest: str) -> Catalogue:
        """The catalogue of a body, ready for rating; waits until the body has been read.

        Raises:
            RecoverableError: It did not come within ``WAIT_S``.
        """
        known = self._compiled.get(digest)
        if known is None:
            await self._wait(lambda: digest in self._bodies, f"catalogue body {digest}")
            with self._lock:
                is_newest = self._latest is not None and self._latest[1] == digest
                known = self._in_force if is_newest else None
            # Older versions are asked for only by a shard that is behind.
            known = known or compile_catalogue(document_from_json(self._bodies[digest]))
            self._compiled[digest] = known
        return known

    async def caught_up(self) -> None:
        """Waits until all is read that was in the topic when reading began.

        Raises:
            RecoverableError: Not within ``WAIT_S``.
        """
        await self._wait(
            lambda: self._end is not None and self._read_to + 1 >= self._end, BODIES_TOPIC
        )

    async def read_past(self, offset: int) -> None:
        """Waits until the message at an offset has been read.

        Raises:
            RecoverableError: Not within ``WAIT_S``.
        """
        await self._wait(lambda: self._read_to >= offset, f"{BODIES_TOPIC} at {offset}")

    async def _wait(self, is_there: Callable[[], bool], what: str) -> None:
        tries = 0
        while not is_there():
            tries += 1
            if tries > WAIT_S / LOOK_S or self._closing.is_set():
                raise RecoverableError(f"{what} was not read within {WAIT_S} s; is Kafka up?")
            await asyncio.sleep(LOOK_S)

    def _read(self) -> None:
        consumer = Consumer(_consumer_config(self._settings))
        try:
            consumer.assign([TopicPartition(BODIES_TOPIC, 0, 0)])
            while not self._closing.is_set():
                if self._end is None:
                    self._look_up_end(consumer)
                message = consumer.poll(POLL_S)
                if message is not None:
                    self._take(message)
        finally:
            consumer.close()

    def _look_up_end(self, consumer: Consumer) -> None:
        try:
            _, end = consumer.get_watermark_offsets(TopicPartition(BODIES_TOPIC, 0), ANSWER_S)
        except KafkaException as fault:
            _log.debug("catalogue topic cannot be reached", fault=str(fault))
            return
        with self._lock:
            self._end = end

    def _take(self, message: Message) -> None:
        fault, offset = message.error(), message.offset()
        if fault is not None or offset is None:
            if fault is not None and fault.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001
                _log.warning("catalogue bodies cannot be read", fault=str(fault))
            return
        body, number = message.value() or b"", _number_of(message)
        # Only this thread changes what is newest, so nobody waits while it is compiled.
        expected = 1 if self._latest is None else self._latest[0] + 1
        catalogue = _catalogue_of(body) if number == expected else None
        with self._lock:
            self._read_to = offset
            if catalogue is not None:
                digest = digest_of(body)
                self._bodies[digest] = body
                self._versions.append(digest)
                self._latest, self._in_force = (number, digest), catalogue


async def publish_catalogue(
    publisher: Publisher, bodies: CatalogueBodies, body: bytes, settings: Settings
) -> int:
    """Makes a body the catalogue in force; safe to repeat, also after a crash in between.

    Before a new number is given out, all logs are told of the latest, so no shard, which takes
    only the next number, can be left behind.

    Args:
        publisher: To Kafka.
        bodies: Started; tells what the latest version is.
        body: JSON of the catalogue.
        settings: Number of shards, and how old an event may be that edges accept.

    Returns:
        The number of the version that has this body.

    Raises:
        InvalidDocument: The body is no catalogue, or cannot follow the one in force
            (``runtime.succession``); nothing was published.
        RecoverableError: Kafka cannot be reached.
    """
    document, shards = document_from_json(body), settings.shards
    compile_catalogue(document)
    check_horizons(document, settings.allowance_past_ms)
    digest = digest_of(body)
    await bodies.caught_up()
    for _ in range(TRIES_MAX):
        latest = bodies.latest()
        if latest is not None:
            await _tell_shards(publisher, CatalogueVersion(latest[0], latest[1]), shards)
            if latest[1] == digest:
                return latest[0]
            check_succession(document_from_json(latest[2]), document)
        number = 1 if latest is None else latest[0] + 1
        message = OutMessage(
            topic=BODIES_TOPIC,
            partition=0,
            key=digest.encode(),
            value=body,
            headers=[(NUMBER_HEADER, str(number).encode())],
        )
        offsets = await publisher.publish([message])
        await bodies.read_past(offsets[0])
    latest = bodies.latest()
    if latest is not None and latest[1] == digest:
        await _tell_shards(publisher, CatalogueVersion(latest[0], latest[1]), shards)
        return latest[0]
    raise RecoverableError(f"others published catalogues {TRIES_MAX} times in between; try again")


async def _tell_shards(publisher: Publisher, version: CatalogueVersion, shards: int) -> None:
    value = encode_record(version)
    await publisher.publish(
        [OutMessage(topic=LOG_TOPIC, partition=shard, value=value) for shard in range(shards)]
    )


def _number_of(message: Message) -> int:
    headers = dict(message.headers() or [])
    value = headers.get(NUMBER_HEADER) or b""
    text = value if isinstance(value, str) else value.decode("ascii", "replace")
    return int(text) if text.isdigit() else 0


def _catalogue_of(body: bytes) -> Catalogue | None:
    """A body compiled, or None when it is no catalogue."""
    try:
        return compile_catalogue(document_from_json(body))
    except InvalidDocument as fault:
        _log.error("a catalogue body was skipped", fault=str(fault))
        return None


def _consumer_config(settings: Settings) -> dict[str, str | int | bool]:
    return {
        "bootstrap.servers": settings.kafka,
        # librdkafka wants a group; partitions are assigned by hand and nothing is committed.
        "group.id": "ncash-catalogue",
        "client.id": "ncash-catalogue",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "queued.max.messages.kbytes": _QUEUED_KIB,
        "reconnect.backoff.max.ms": 1_000,
        "log_level": 2,
    }
