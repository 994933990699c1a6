"""Outputs of a shard: how the items of one log record are framed and chained per stream.

One message per (log record, slice, stream). Layout: byte 0 version, then MessagePack of
``OutputRecord``. Invariant: sequences are contiguous per (shard, stream), and ``chain_after`` is
BLAKE2b-16 of ``chain_before`` and the items, so same log and same state give the same bytes.
"""

from collections.abc import Sequence
from enum import StrEnum
from hashlib import blake2b
from typing import TypeVar

import msgspec

from schemas.applied import Applied
from schemas.errors import UNREADABLE, NcashError
from schemas.ledger import Transfer
from schemas.legs import Leg
from schemas.refusals import DeadLetter

VERSION = 1
CHAIN_BYTES = 16
GENESIS = bytes(CHAIN_BYTES)


class Stream(StrEnum):
    """The output streams, by topic, in the order in which they are published."""

    LEDGER = "ledger.entries.v1"
    APPLIED = "usage.applied.v1"
    CONTROL = "session.control.v1"
    DEAD = "usage.dead.v1"
    LEGS = "shard.legs.v1"
    WALLETS = "wallet.events.v1"


STREAMS: tuple[Stream, ...] = (
    Stream.LEDGER,
    Stream.APPLIED,
    Stream.CONTROL,
    Stream.DEAD,
    Stream.LEGS,
    Stream.WALLETS,
)
# One JSON object a message, which says its own sequence; the others are framed.
TOLD: frozenset[Stream] = frozenset({Stream.CONTROL, Stream.WALLETS})


class OutputRecord(msgspec.Struct, frozen=True, array_like=True):
    """The items that one log record (or one slice of it) put into one stream.

    Args:
        shard: Whose output.
        log_offset: Offset of the log record.
        slice: Slice of a record that makes much work, from 0.
        posted_at_ms: The log record's stamp.
        first: Sequence of the first item.
        count: Number of items, at least 1.
        chain_before: Chain hash before these items.
        chain_after: And after them.
        items: MessagePack array of the stream's items.
    """

    shard: int
    log_offset: int
    slice: int
    posted_at_ms: int
    first: int
    count: int
    chain_before: bytes
    chain_after: bytes
    items: msgspec.Raw


T = TypeVar("T")
Item = Transfer | Applied | DeadLetter | Leg
_encoder = msgspec.msgpack.Encoder()
_record_decoder = msgspec.msgpack.Decoder(OutputRecord)
_ledger_items = msgspec.msgpack.Decoder(list[Transfer])
_applied_items = msgspec.msgpack.Decoder(list[Applied])
_dead_items = msgspec.msgpack.Decoder(list[DeadLetter])
_leg_items = msgspec.msgpack.Decoder(list[Leg])


def encode_items(items: Sequence[msgspec.Struct]) -> bytes:
    """The items' bytes, of which the chain is made."""
    return _encoder.encode(items)


def chained(before: bytes, items: bytes) -> bytes:
    """The chain hash after these items."""
    return blake2b(before + items, digest_size=CHAIN_BYTES).digest()


def encode_output(record: OutputRecord) -> bytes:
    """The value of an output message."""
    return bytes((VERSION,)) + _encoder.encode(record)


def decode_output(value: bytes) -> OutputRecord:
    """The output record in a message's value.

    Raises:
        NcashError: Unknown version, unreadable bytes, or a chain that does not fit its items.
    """
    if not value or value[0] != VERSION:
        raise NcashError(f"output record of version {value[:1].hex() or 'none'}; known: {VERSION}")
    try:
        record = _record_decoder.decode(memoryview(value)[1:])
    except UNREADABLE as error:
        raise NcashError(f"output record cannot be read: {error}") from error
    if chained(record.chain_before, bytes(record.items)) != record.chain_after:
        raise NcashError(f"output of shard {record.shard} at {record.first} breaks its chain")
    return record


def transfers_of(record: OutputRecord) -> list[Transfer]:
    """The transfers in a record of the ledger stream.

    Raises:
        NcashError: The items are of another kind; likewise of the other streams.
    """
    return _items_of(record, _ledger_items)


def applied_of(record: OutputRecord) -> list[Applied]:
    """The applied usage and CDRs in a record of the applied stream."""
    return _items_of(record, _applied_items)


def dead_letters_of(record: OutputRecord) -> list[DeadLetter]:
    """The dead letters in a record of a shard's dead-letter stream."""
    return _items_of(record, _dead_items)


def legs_of(record: OutputRecord) -> list[Leg]:
    """The legs in a record of the legs stream."""
    return _items_of(record, _leg_items)


def _items_of(record: OutputRecord, decoder: msgspec.msgpack.Decoder[list[T]]) -> list[T]:
    try:
        return decoder.decode(record.items)
    except UNREADABLE as error:
        raise NcashError(
            f"items of shard {record.shard} from {record.first} cannot be read: {error}"
        ) from error
