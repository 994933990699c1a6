"""How far a shard has come: the log record it stands on and the head of each output stream.

Invariant: the cursor is stored with the state, in one atomic write; two cursors are the same
place only when all their bytes are the same.
"""

import msgspec
import xxhash

from schemas.errors import UNREADABLE, ShardHeld, ShardStopped
from schemas.outputs import GENESIS, STREAMS, Stream

VERSION = 1
# A token in the cursor's place: no version byte of a cursor, so whoever reads it goes no further.
HELD = b"\x00held:"
ENGINE = 1
START_OFFSET = -1


class Head(msgspec.Struct, frozen=True, array_like=True):
    """The end of one output stream.

    Args:
        next: Sequence of the next item.
        chain: Chain hash of all items before it.
    """

    next: int = 0
    chain: bytes = GENESIS


# In the order of ``STREAMS``; a stream in which nothing was said may be left out at the end.
Heads = tuple[Head, ...]
# So many a cursor has had from the first; its bytes are compared, so they stay as they were.
HEADS_MIN = 5


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """A place in a shard's log, and what had been put out there.

    Args:
        log: Identity of the log (cluster and topic), so that a new log is never taken for the old.
        offset: Of the record stood on, -1 before the first.
        slice: Slices done of that record.
        is_done: Whether the record is done; False between the slices of a long one.
        digest: 8 bytes of the record's value.
        heads: Of each output stream, in the order of ``STREAMS``.
        engine: Version of the rules.
    """

    log: str
    offset: int = START_OFFSET
    slice: int = 0
    is_done: bool = True
    digest: bytes = b""
    heads: Heads = (Head(),) * HEADS_MIN
    engine: int = ENGINE

    def head(self, stream: Stream) -> Head:
        """The end of one output stream."""
        place = STREAMS.index(stream)
        return self.heads[place] if place < len(self.heads) else Head()


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Cursor)


def as_stored(heads: Heads) -> Heads:
    """The heads without those at the end of which nothing is to be known."""
    while len(heads) > HEADS_MIN and heads[-1] == Head():
        heads = heads[:-1]
    return heads


def record_digest(value: bytes) -> bytes:
    """8 bytes by which a log record is recognised when it is read again."""
    return xxhash.xxh3_64_digest(value)


def encode_cursor(cursor: Cursor) -> bytes:
    """Version byte and MessagePack."""
    return bytes((VERSION,)) + _encoder.encode(cursor)


def decode_cursor(value: bytes) -> Cursor:
    """The cursor in a stored value.

    Raises:
        ShardHeld: It is a token: somebody makes the state again.
        ShardStopped: Unknown version, unreadable, or of rules that this program does not know.
    """
    if value.startswith(HELD):
        raise ShardHeld("the shard's state is being made again; once that is done it goes on")
    if value[:1] != bytes((VERSION,)):
        raise ShardStopped(f"stored cursor of version {value[:1].hex()}; known: {VERSION}")
    try:
        cursor = _decoder.decode(memoryview(value)[1:])
    except UNREADABLE as error:
        raise ShardStopped(f"stored cursor cannot be read: {error}") from error
    if cursor.engine != ENGINE:
        raise ShardStopped(f"state of engine {cursor.engine}; this program knows {ENGINE}")
    return cursor
