"""Parsers of what comes from Kafka and of what is kept in Redis."""

from collections.abc import Callable, Sequence

import msgspec

from rating.session import decode_session, encode_session
from schemas.commands import Result
from schemas.errors import NcashError, ShardStopped
from schemas.frames import decode_record, encode_record
from schemas.outputs import (
    OutputRecord,
    Stream,
    applied_of,
    chained,
    dead_letters_of,
    decode_output,
    encode_items,
    encode_output,
    legs_of,
    transfers_of,
)
from shard.cursor import decode_cursor, encode_cursor
from shard.stored import (
    Bought,
    Counter,
    Meta,
    NextLeg,
    PassSold,
    Renewal,
    Seen,
    Timelines,
    Wake,
    decode_as,
    encode_stored,
)
from streams.published import span_of
from streams.sinks.source import SOURCES, Message
from tests.property.parsing.parser import Parser
from wallet.consents import decode_consents, encode_consents
from wallet.wallet import decode_wallet, encode_wallet

_STORED: tuple[type[msgspec.Struct], ...] = (
    Meta, Timelines, NextLeg, PassSold, Counter, Bought, Renewal, Wake, Seen, Result,
)  # fmt: skip
_ITEMS: dict[Stream, Callable[[OutputRecord], Sequence[msgspec.Struct]]] = {
    Stream.LEDGER: transfers_of,
    Stream.APPLIED: applied_of,
    Stream.DEAD: dead_letters_of,
    Stream.LEGS: legs_of,
}


def _record(value: bytes) -> None:
    record = decode_record(value)
    assert decode_record(encode_record(record)) == record


def _output(value: bytes) -> None:
    record = decode_output(value)
    assert decode_output(encode_output(record)) == record


def _items(value: bytes) -> None:
    """Reads the bytes as items of a stream that the first byte names, in a sound chain."""
    stream = list(_ITEMS)[value[0] % len(_ITEMS)] if value else Stream.LEDGER
    items = value[1:]
    after = chained(b"", items)
    record = OutputRecord(0, 0, 0, 0, 0, 1, b"", after, msgspec.Raw(items))
    found = _ITEMS[stream](record)
    again = msgspec.structs.replace(record, items=msgspec.Raw(encode_items(found)))
    assert _ITEMS[stream](again) == found


def _sunk(value: bytes) -> None:
    """Reads a message as a sink; two bytes name its topic and its partition."""
    which, partition = value[:2] if len(value) > 1 else b"\0\0"
    source = SOURCES[which % len(SOURCES)]
    source.part_of(Message(source.topic, partition, 7, 1_800_000_000_000, value[2:]))


def _span(value: bytes) -> None:
    stream = list(Stream)[value[0] % len(Stream)] if value else Stream.CONTROL
    span_of(stream, value[1:], "here")


def _stored(value: bytes) -> None:
    kind = _STORED[value[0] % len(_STORED)] if value else Meta
    found = decode_as(kind, value[1:])
    assert decode_as(kind, encode_stored(found)) == found


def _cursor(value: bytes) -> None:
    found = decode_cursor(value)
    assert decode_cursor(encode_cursor(found)) == found


def _session(value: bytes) -> None:
    found = decode_session(value)
    assert decode_session(encode_session(found)) == found


def _wallet(value: bytes) -> None:
    found = decode_wallet(value)
    assert decode_wallet(encode_wallet(found)) == found


def _consents(value: bytes) -> None:
    found = decode_consents(value)
    assert decode_consents(encode_consents(found)) == found


WIRE: tuple[Parser, ...] = (
    Parser("log-record", _record, (ShardStopped,)),
    Parser("output", _output, (NcashError,)),
    Parser("output-items", _items, (NcashError,)),
    Parser("sunk-message", _sunk, (NcashError,)),
    Parser("published-span", _span, (ShardStopped,)),
    Parser("stored-value", _stored, (ShardStopped,)),
    Parser("stored-cursor", _cursor, (ShardStopped,)),
    Parser("stored-session", _session, (ShardStopped,)),
    Parser("stored-wallet", _wallet, (ShardStopped,)),
    Parser("stored-consents", _consents, (ShardStopped,)),
)
