"""From items of a stream to rows of the warehouse: one pure function per table.

Owns: the tables' columns and the order of their cells. What comes with every event is made column
by column, since nearly all of a row's cost is in handling its cells one by one.
Invariant: a row carries its place (shard, sequence), so it can be found again and counted; the
same item at the same place gives the same row.
Does not own: the tables' DDL (infra/clickhouse/migrations), batching.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from schemas.applied import AppliedUsage, Cdr, LateUsage, ShadowCharge
from schemas.ledger import ChargeLine, Entry, Transfer
from schemas.refusals import DeadLetter
from schemas.usage import EVENT_TYPE_TEXTS, EventType
from warehouse.port import Cell, Columns, Row

INSERT_ROWS_MAX = 200_000
_event = msgspec.msgpack.Encoder()
LATE = "late"
# Stands for the lines of a scope that has lost its shadow.
_NO_LINE = ChargeLine("dropped", "", 0, 0)


@dataclass(frozen=True, slots=True)
class Table:
    """A table that a sink fills.

    Args:
        name: In the warehouse.
        columns: In the order in which its row function gives them.
        shard_column: Holds the shard, or the partition of a topic.
        sequence_column: Holds the sequence, or the offset in a topic.
    """

    name: str
    columns: tuple[str, ...]
    shard_column: str = "shard"
    sequence_column: str = "sequence"


class Place(NamedTuple):
    """Where an item stands in its stream; the last cells of its rows.

    Args:
        shard: Whose output.
        sequence: Of the item in its stream.
        log_offset: Of the log record that caused it.
        posted_at_ms: That record's stamp.
    """

    shard: int
    sequence: int
    log_offset: int
    posted_at_ms: int


class Places(NamedTuple):
    """Where the items of one output record stand; the last columns of their rows.

    Args:
        shard: Whose output.
        sequences: Of each item in its stream.
        log_offset: Of the log record that caused them.
        posted_at_ms: That record's stamp.
    """

    shard: int
    sequences: Sequence[int]
    log_offset: int
    posted_at_ms: int


class TopicPlace(NamedTuple):
    """Where a message stands that is not a shard's output."""

    topic: str
    partition: int
    offset: int
    posted_at_ms: int


_PLACE = ("shard", "sequence", "log_offset", "posted_at_ms")
_LETTER = (
    "tenant", "source", "id", "subject", "reason", "detail", "place", "refused_at_ms", "body",
    "body_encoding",
)  # fmt: skip
USAGE_EVENTS = Table(
    "usage_events",
    (
        "tenant", "source", "id", "type", "subject", "session", "incarnation", "content",
        "event_at_ms", "received_at_ms", "path", "outcome", "duration_ms", "meter_names",
        "meter_amounts", "ledger_sequence", "flags", *_PLACE,
    ),
)  # fmt: skip
CDRS = Table(
    "cdrs",
    (
        "tenant", "source", "session", "incarnation", "revision", "subject", "content", "tariff",
        "cause", "start_ms", "end_ms", "last_event_ms", "decided_at_ms", "duration_ms",
        "meter_names", "meter_amounts", "charged_micros", "provider_micros", "currency",
        "evidence", "sealed", *_PLACE,
    ),
)  # fmt: skip
LATE_USAGE = Table(
    "late_usage",
    (
        "tenant", "source", "id", "subject", "session", "event_at_ms", "path", "number", "event",
        *_PLACE,
    ),
)  # fmt: skip
LEDGER_ENTRIES = Table(
    "ledger_entries",
    (
        "tenant", "member", "account", "amount_micros", "balance_after_micros", "lot", "currency",
        "cause", "source", "session", "incarnation", "content", "tariff", "catalogue", "scope",
        "event_at_ms", "key", "reference", "corrects", "actor", "peer", "entry", *_PLACE,
    ),
)  # fmt: skip
CHARGES = Table(
    "charges",
    (
        "tenant", "member", "source", "session", "incarnation", "content", "tariff", "catalogue",
        "scope", "cause", "currency", "event_at_ms", "kind", "meter", "quantity",
        "amount_micros", "rate", "version", "price", "from_ms", "to_ms", "line", *_PLACE,
    ),
)  # fmt: skip
SHADOW_CHARGES = Table(
    "shadow_charges",
    (
        "tenant", "member", "source", "session", "incarnation", "content", "tariff", "catalogue",
        "scope", "currency", "event_at_ms", "kind", "meter", "quantity", "amount_micros", "rate",
        "version", "price", "from_ms", "to_ms", "provider_micros", "fault", "line", *_PLACE,
    ),
)  # fmt: skip
DEAD_LETTERS = Table("dead_letters", (*_LETTER, *_PLACE))
INGEST_DEAD_LETTERS = Table(
    "ingest_dead_letters",
    (*_LETTER, "topic", "topic_partition", "topic_offset", "posted_at_ms"),
    shard_column="topic_partition",
    sequence_column="topic_offset",
)
SINK_RANGES = Table(
    "sink_ranges",
    ("stream", "shard", "first", "last", "chain", "resume_offset", "posted_at_ms"),
    sequence_column="first",
)


def usage_columns(usages: Sequence[AppliedUsage], places: Places) -> Columns:
    """The rows of ``usage_events``, one per event; its columns are named as the item's fields."""
    named = _by_field(AppliedUsage, list(map(msgspec.structs.astuple, usages)))
    named["meter_names"] = [tuple(usage.meters) for usage in usages]
    named["meter_amounts"] = [tuple(usage.meters.values()) for usage in usages]
    return _placed(USAGE_EVENTS, named, places)


def late_usage_row(late: LateUsage, place: Place) -> Row:
    """The row of ``late_usage``: the event whole, so that its verdict can carry it on."""
    event = late.event
    return (
        event.tenant, event.source, event.id, event.subject, event.session or "",
        event.event_at_ms, late.path, late.number, b64encode(_event.encode(event)).decode(), *place,
    )  # fmt: skip


def late_row(late: LateUsage, place: Place) -> Row:
    """The row of ``usage_events`` of an event that waits for its verdict: it added nothing yet.

    Its outcome is ``late``; the verdict, when it comes, is another item with another row.
    """
    event = late.event
    return (
        event.tenant, event.source, event.id, EVENT_TYPE_TEXTS[EventType(event.type)],
        event.subject, event.session or "", 0, event.content or "", event.event_at_ms,
        event.received_at_ms, late.path, LATE, 0, [], [], -1, "", *place,
    )  # fmt: skip


def cdr_row(cdr: Cdr, place: Place) -> Row:
    """The row of ``cdrs``."""
    return (
        cdr.tenant, cdr.source, cdr.session, cdr.incarnation, cdr.revision, cdr.subject,
        cdr.content, cdr.tariff, cdr.cause, cdr.start_ms, cdr.end_ms, cdr.last_event_ms,
        cdr.decided_at_ms, cdr.duration_ms, list(cdr.meters), list(cdr.meters.values()),
        cdr.charged_micros, cdr.provider_micros, cdr.currency, cdr.evidence,
        b64encode(cdr.sealed).decode(), *place,
    )  # fmt: skip


def entry_columns(transfers: Sequence[Transfer], places: Places) -> Columns:
    """The rows of ``ledger_entries``, one per entry, each with its transfer's context."""
    entries = [transfer.entries for transfer in transfers]
    named = _with_context(transfers, Entry, entries)
    named["entry"] = [index for own in entries for index in range(len(own))]
    return _placed(LEDGER_ENTRIES, named, _repeated(places, entries))


def charge_columns(transfers: Sequence[Transfer], places: Places) -> Columns:
    """The rows of ``charges``, one per priced line; none for money without use."""
    lines = [transfer.lines for transfer in transfers]
    named = _with_context(transfers, ChargeLine, lines)
    named["line"] = [index for own in lines for index in range(len(own))]
    return _placed(CHARGES, named, _repeated(places, lines))


def shadow_charge_rows(charge: ShadowCharge, place: Place) -> list[Row]:
    """The rows of ``shadow_charges``, one per line; one of kind ``dropped`` where there is a fault.

    The providers' part is the whole charge's, so it stands on its first line only.
    """
    return [
        (
            charge.tenant, charge.member, charge.source, charge.session, charge.incarnation,
            charge.content, charge.tariff, charge.catalogue, charge.scope, charge.currency,
            charge.event_at_ms, *msgspec.structs.astuple(line),
            0 if index else charge.provider_micros, charge.fault, index, *place,
        )
        for index, line in enumerate(charge.lines or [_NO_LINE])
    ]  # fmt: skip


def dead_letter_row(letter: DeadLetter, place: Place) -> Row:
    """The row of ``dead_letters``: refused by a shard."""
    return (*_letter_cells(letter), *place)


def ingest_dead_letter_row(letter: DeadLetter, place: TopicPlace) -> Row:
    """The row of ``ingest_dead_letters``: refused by a collector."""
    return (*_letter_cells(letter), *place)


def _letter_cells(letter: DeadLetter) -> Row:
    """The bytes stay readable where they are text, and exact where they are not."""
    try:
        body, encoding = letter.body.decode(), "utf-8"
    except UnicodeDecodeError:
        body, encoding = b64encode(letter.body).decode(), "base64"
    return (
        letter.tenant, letter.source, letter.id, letter.subject, letter.reason, letter.detail,
        letter.place, letter.refused_at_ms, body, encoding,
    )  # fmt: skip


def _with_context(
    transfers: Sequence[Transfer],
    kind: type[Entry | ChargeLine],
    parts: Sequence[Sequence[Entry | ChargeLine]],
) -> dict[str, Sequence[Cell]]:
    """The columns of each transfer's parts, and those of the transfer beside each part."""
    contexts = map(msgspec.structs.astuple, transfers)
    repeated = [cells for cells, own in zip(contexts, parts, strict=True) for _ in own]
    details = [msgspec.structs.astuple(part) for own in parts for part in own]
    return _by_field(Transfer, repeated) | _by_field(kind, details)


def _repeated(places: Places, parts: Sequence[Sequence[msgspec.Struct]]) -> Places:
    """The place of each item once for each of its parts."""
    sequences = [at for at, own in zip(places.sequences, parts, strict=True) for _ in own]
    return places._replace(sequences=sequences)


def _by_field(
    kind: type[msgspec.Struct], items: Sequence[tuple[Cell, ...]]
) -> dict[str, Sequence[Cell]]:
    """The items' fields, each as a column; none of no items."""
    return dict(zip(kind.__struct_fields__, zip(*items, strict=True), strict=bool(items)))


def _placed(table: Table, named: Mapping[str, Sequence[Cell]], places: Places) -> Columns:
    """A table's columns in its order, the place's last; no columns when there are no rows."""
    height = len(places.sequences)
    if not height:
        return Columns(())
    return Columns((
        *[named[name] for name in table.columns[: -len(_PLACE)]],
        [places.shard] * height,
        places.sequences,
        [places.log_offset] * height,
        [places.posted_at_ms] * height,
    ))  # fmt: skip
