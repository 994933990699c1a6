"""Records of ``shard.log.v1``: everything that can change a shard, in one order.

Layout: byte 0 version, byte 1 kind, then MessagePack. Invariant: a record is at most
``FRAME_BYTES_MAX`` bytes, and a reader that does not know version or kind stops, never guesses.
"""

from typing import Any

import msgspec

from schemas.commands import Command
from schemas.errors import UNREADABLE, ShardStopped
from schemas.legs import Leg
from schemas.usage import UsageEvent

VERSION = 1
FRAME_BYTES_MAX = 256 * 1024
EVENT_BYTES_MAX = 64 * 1024
EVENTS_PER_FRAME_MAX = 1_000

HTTP_PATH = "http"
KAFKA_PATH = "kafka"


class UsageFrame(msgspec.Struct, frozen=True, array_like=True):
    """Events of one shard that came by one ingest path, in arrival order."""

    path: str
    events: list[UsageEvent]


class Tick(msgspec.Struct, frozen=True, array_like=True):
    """All that ``member`` of ``path`` took in up to ``to_ms`` is before this record in this shard.

    Args:
        domain: Clock domain.
        path: Ingest path, ``http`` or ``kafka``.
        member: A collector of the HTTP path, a raw partition of the Kafka path.
        from_ms: Start of the stretch it vouches for, exclusive; None when it goes on seamlessly.
        to_ms: End of that stretch, inclusive, in received time.
        leave: Whether the member leaves the path with this tick.
    """

    domain: str
    path: str
    member: str
    from_ms: int | None
    to_ms: int
    leave: bool = False


class CatalogueVersion(msgspec.Struct, frozen=True, array_like=True):
    """From here on catalogue ``number``, whose body has ``digest``, decides."""

    number: int
    digest: str


class LateVerdict(msgspec.Struct, frozen=True, array_like=True):
    """What the warehouse knows of an event that the shard could not judge by itself.

    Args:
        event: As it came.
        path: Ingest path.
        is_known: Whether one of its name had been applied before it was put aside as late.
        looked_up_to: The applied stream was in the warehouse without a hole up to here.
        number: Of its ``LateUsage``; a shard takes verdicts in the order of these, each once.
        is_same: Whether the known one said the same.
        life: Incarnation of its session that is nearest to it among those with a CDR, or 0.
        sealed: That one's state, from its latest CDR; empty where none was kept.
    """

    event: UsageEvent
    path: str
    is_known: bool
    looked_up_to: int
    number: int
    is_same: bool = True
    life: int = 0
    sealed: bytes = b""


Record = UsageFrame | Tick | CatalogueVersion | Command | LateVerdict | Leg

_KINDS: dict[type, int] = {
    UsageFrame: 1,
    Tick: 2,
    CatalogueVersion: 3,
    Command: 4,
    LateVerdict: 5,
    Leg: 6,
}
_encoder = msgspec.msgpack.Encoder()
_decoders: dict[int, msgspec.msgpack.Decoder[Any]] = {
    1: msgspec.msgpack.Decoder(UsageFrame),
    2: msgspec.msgpack.Decoder(Tick),
    3: msgspec.msgpack.Decoder(CatalogueVersion),
    4: msgspec.msgpack.Decoder(Command),
    5: msgspec.msgpack.Decoder(LateVerdict),
    6: msgspec.msgpack.Decoder(Leg),
}


def encode_record(record: Record) -> bytes:
    """The bytes of a log record."""
    return bytes((VERSION, _KINDS[type(record)])) + _encoder.encode(record)


def decode_record(value: bytes) -> Record:
    """The record in a message's value.

    Raises:
        ShardStopped: Unknown version or kind, or bytes that are not that kind.
    """
    if len(value) < 2 or value[0] != VERSION:  # noqa: PLR2004
        raise ShardStopped(f"log record of version {value[:1].hex() or 'none'}; known: {VERSION}")
    decoder = _decoders.get(value[1])
    if decoder is None:
        raise ShardStopped(f"log record of unknown kind {value[1]}")
    try:
        record: Record = decoder.decode(memoryview(value)[2:])
    except UNREADABLE as error:
        raise ShardStopped(f"log record of kind {value[1]} cannot be read: {error}") from error
    return record
