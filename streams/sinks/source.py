"""What a message of a stream means to the sinks: its sequences, its chain and its rows.

Owns: the streams that are sunk, and which tables each fills.
Invariant: pure; the same message gives the same parts.
Does not own: whether its turn has come (``progress``), writing (``writer``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

import msgspec

from schemas.applied import AppliedUsage, Cdr, LateUsage
from schemas.errors import NcashError
from schemas.outputs import (
    GENESIS,
    OutputRecord,
    Stream,
    applied_of,
    dead_letters_of,
    decode_output,
    transfers_of,
)
from schemas.refusals import DeadLetter
from schemas.topics import INGEST_DEAD_TOPIC
from warehouse.port import Row
from warehouse.rows import (
    CDRS,
    CHARGES,
    DEAD_LETTERS,
    INGEST_DEAD_LETTERS,
    LATE_USAGE,
    LEDGER_ENTRIES,
    USAGE_EVENTS,
    Place,
    Table,
    TopicPlace,
    cdr_row,
    charge_rows,
    dead_letter_row,
    entry_rows,
    ingest_dead_letter_row,
    late_row,
    late_usage_row,
    usage_row,
)

INGEST_DEAD_TOPIC_VERSION = 1
_letter = msgspec.msgpack.Decoder(DeadLetter)


@dataclass(frozen=True, slots=True)
class Message:
    """A Kafka message, as far as a sink looks at it."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Part:
    """A decoded message.

    Args:
        stream: Its topic.
        shard: Its shard, or partition.
        first: Sequence of its first item.
        last: And of its last.
        chain_before: Hash that its shard's chain must have.
        chain_after: And has after it.
        posted_at_ms: Stamp that decides its partition in the warehouse.
        offset: In the topic.
        rows: By table; each table's rows in order, with the sequence each belongs to.
    """

    stream: str
    shard: int
    first: int
    last: int
    chain_before: bytes
    chain_after: bytes
    posted_at_ms: int
    offset: int
    rows: Mapping[Table, Sequence[tuple[int, Row]]]


@dataclass(frozen=True, slots=True)
class Source:
    """A stream that is sunk.

    Args:
        topic: Its topic.
        tables: That it fills.
        part_of: Its decoder; raises NcashError on bytes that it cannot trust.
        dense: Whether its sequences have no holes; a topic's offsets may have.
    """

    topic: str
    tables: tuple[Table, ...]
    part_of: Callable[[Message], Part]
    dense: bool = True


def ledger_part(message: Message) -> Part:
    """The part of a message of ``ledger.entries.v1``."""
    record = decode_output(message.value)
    entries: list[tuple[int, Row]] = []
    charges: list[tuple[int, Row]] = []
    for sequence, transfer in enumerate(transfers_of(record), record.first):
        place = _place(record, sequence)
        entries += [(sequence, row) for row in entry_rows(transfer, place)]
        charges += [(sequence, row) for row in charge_rows(transfer, place)]
    return _part(message, record, {LEDGER_ENTRIES: entries, CHARGES: charges})


def applied_part(message: Message) -> Part:
    """The part of a message of ``usage.applied.v1``."""
    record = decode_output(message.value)
    usages: list[tuple[int, Row]] = []
    cdrs: list[tuple[int, Row]] = []
    lates: list[tuple[int, Row]] = []
    for sequence, item in enumerate(applied_of(record), record.first):
        place = _place(record, sequence)
        match item:
            case Cdr():
                cdrs.append((sequence, cdr_row(item, place)))
            case AppliedUsage():
                usages.append((sequence, usage_row(item, place)))
            case LateUsage():
                usages.append((sequence, late_row(item, place)))
                lates.append((sequence, late_usage_row(item, place)))
            case _:
                assert_never(item)
    return _part(message, record, {USAGE_EVENTS: usages, CDRS: cdrs, LATE_USAGE: lates})


def dead_part(message: Message) -> Part:
    """The part of a message of ``usage.dead.v1``."""
    record = decode_output(message.value)
    letters = [
        (sequence, dead_letter_row(letter, _place(record, sequence)))
        for sequence, letter in enumerate(dead_letters_of(record), record.first)
    ]
    return _part(message, record, {DEAD_LETTERS: letters})


def ingest_dead_part(message: Message) -> Part:
    """The part of a message of ``ingest.dead.v1``; its sequence is its offset, it has no chain.

    Raises:
        NcashError: Unknown version or unreadable bytes.
    """
    if message.value[:1] != bytes((INGEST_DEAD_TOPIC_VERSION,)):
        raise NcashError(f"{message.topic}: dead letter of version {message.value[:1].hex()}")
    try:
        letter = _letter.decode(memoryview(message.value)[1:])
    except msgspec.DecodeError as error:
        raise NcashError(f"{message.topic}: dead letter cannot be read: {error}") from error
    place = TopicPlace(message.topic, message.partition, message.offset, message.timestamp_ms)
    return Part(
        stream=message.topic,
        shard=message.partition,
        first=message.offset,
        last=message.offset,
        chain_before=GENESIS,
        chain_after=GENESIS,
        posted_at_ms=message.timestamp_ms,
        offset=message.offset,
        rows={INGEST_DEAD_LETTERS: [(message.offset, ingest_dead_letter_row(letter, place))]},
    )


SOURCES: tuple[Source, ...] = (
    Source(Stream.LEDGER, (LEDGER_ENTRIES, CHARGES), ledger_part),
    Source(Stream.APPLIED, (USAGE_EVENTS, CDRS, LATE_USAGE), applied_part),
    Source(Stream.DEAD, (DEAD_LETTERS,), dead_part),
    Source(INGEST_DEAD_TOPIC, (INGEST_DEAD_LETTERS,), ingest_dead_part, dense=False),
)


def _place(record: OutputRecord, sequence: int) -> Place:
    return Place(record.shard, sequence, record.log_offset, record.posted_at_ms)


def _part(
    message: Message, record: OutputRecord, rows: Mapping[Table, Sequence[tuple[int, Row]]]
) -> Part:
    if record.shard != message.partition:
        raise NcashError(
            f"{message.topic}/{message.partition}: output of shard {record.shard} at offset "
            f"{message.offset}"
        )
    return Part(
        stream=message.topic,
        shard=record.shard,
        first=record.first,
        last=record.first + record.count - 1,
        chain_before=record.chain_before,
        chain_after=record.chain_after,
        posted_at_ms=record.posted_at_ms,
        offset=message.offset,
        rows=rows,
    )
