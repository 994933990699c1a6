"""What a message of a stream means to the sinks: its sequences, its chain and its rows.

Owns: the streams that are sunk, and which tables each fills.
Invariant: pure; the same message gives the same parts.
Does not own: whether its turn has come (``progress``), writing (``writer``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

import msgspec

from schemas.applied import UNPRICED, AppliedUsage, Cdr, LateUsage, ShadowCharge
from schemas.errors import UNREADABLE, NcashError
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
from warehouse.port import Columns, Row
from warehouse.rows import (
    CDRS,
    CHARGES,
    DEAD_LETTERS,
    INGEST_DEAD_LETTERS,
    LATE_USAGE,
    LEDGER_ENTRIES,
    SHADOW_CHARGES,
    USAGE_EVENTS,
    Place,
    Places,
    Table,
    TopicPlace,
    cdr_row,
    charge_columns,
    dead_letter_row,
    entry_columns,
    ingest_dead_letter_row,
    late_row,
    late_usage_row,
    shadow_charge_rows,
    usage_columns,
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
        value_bytes: Size of the message, which its cells are about as large as.
        columns: By table; each table's rows in order, column by column.
        unpriced: Tenant and content of each event that counted and has no price.
    """

    stream: str
    shard: int
    first: int
    last: int
    chain_before: bytes
    chain_after: bytes
    posted_at_ms: int
    offset: int
    value_bytes: int
    columns: Mapping[Table, Columns]
    unpriced: tuple[tuple[str, str], ...] = ()


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
    transfers = transfers_of(record)
    places = _places(record, range(record.first, record.first + len(transfers)))
    return _part(
        message,
        record,
        {
            LEDGER_ENTRIES: entry_columns(transfers, places),
            CHARGES: charge_columns(transfers, places),
        },
    )


def applied_part(message: Message) -> Part:
    """The part of a message of ``usage.applied.v1``."""
    record = decode_output(message.value)
    usages: list[AppliedUsage] = []
    sequences: list[int] = []
    cdrs: list[Row] = []
    late: list[Row] = []
    waiting: list[Row] = []
    shadows: list[Row] = []
    for sequence, item in enumerate(applied_of(record), record.first):
        match item:
            case AppliedUsage():
                usages.append(item)
                sequences.append(sequence)
            case Cdr():
                cdrs.append(cdr_row(item, _place(record, sequence)))
            case LateUsage():
                place = _place(record, sequence)
                late.append(late_row(item, place))
                waiting.append(late_usage_row(item, place))
            case ShadowCharge():
                shadows.extend(shadow_charge_rows(item, _place(record, sequence)))
            case _:
                assert_never(item)
    events = usage_columns(usages, _places(record, sequences))
    unpriced = tuple((each.tenant, each.content) for each in usages if UNPRICED in each.flags)
    return _part(
        message,
        record,
        {
            USAGE_EVENTS: events.with_rows(late) if late else events,
            CDRS: Columns.from_rows(cdrs),
            LATE_USAGE: Columns.from_rows(waiting),
            SHADOW_CHARGES: Columns.from_rows(shadows),
        },
        unpriced,
    )


def dead_part(message: Message) -> Part:
    """The part of a message of ``usage.dead.v1``."""
    record = decode_output(message.value)
    letters = [
        dead_letter_row(letter, _place(record, sequence))
        for sequence, letter in enumerate(dead_letters_of(record), record.first)
    ]
    return _part(message, record, {DEAD_LETTERS: Columns.from_rows(letters)})


def ingest_dead_part(message: Message) -> Part:
    """The part of a message of ``ingest.dead.v1``; its sequence is its offset, it has no chain.

    Raises:
        NcashError: Unknown version or unreadable bytes.
    """
    if message.value[:1] != bytes((INGEST_DEAD_TOPIC_VERSION,)):
        raise NcashError(f"{message.topic}: dead letter of version {message.value[:1].hex()}")
    try:
        letter = _letter.decode(memoryview(message.value)[1:])
    except UNREADABLE as error:
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
        value_bytes=len(message.value),
        columns={INGEST_DEAD_LETTERS: Columns.from_rows([ingest_dead_letter_row(letter, place)])},
    )


SOURCES: tuple[Source, ...] = (
    Source(Stream.LEDGER, (LEDGER_ENTRIES, CHARGES), ledger_part),
    Source(Stream.APPLIED, (USAGE_EVENTS, CDRS, LATE_USAGE, SHADOW_CHARGES), applied_part),
    Source(Stream.DEAD, (DEAD_LETTERS,), dead_part),
    Source(INGEST_DEAD_TOPIC, (INGEST_DEAD_LETTERS,), ingest_dead_part, dense=False),
)


def _place(record: OutputRecord, sequence: int) -> Place:
    return Place(record.shard, sequence, record.log_offset, record.posted_at_ms)


def _places(record: OutputRecord, sequences: Sequence[int]) -> Places:
    return Places(record.shard, sequences, record.log_offset, record.posted_at_ms)


def _part(
    message: Message,
    record: OutputRecord,
    columns: Mapping[Table, Columns],
    unpriced: tuple[tuple[str, str], ...] = (),
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
        value_bytes=len(message.value),
        columns=columns,
        unpriced=unpriced,
    )
