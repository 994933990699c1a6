"""Rows of answers as typed values.

Owns: what a row of a question means, and the columns that make it.
Invariant: columns stand in the order in which the row is read.
Does not own: the questions (``warehouse.queries``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.applied import AppliedUsage, Cdr
from schemas.ledger import ChargeLine
from warehouse.cells import meters, text, whole
from warehouse.port import Cell


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One entry of a member's wallet with its transfer's context."""

    member: str
    account: str
    amount_micros: int
    balance_after_micros: int | None
    lot: int
    currency: str
    cause: str
    source: str
    session: str
    incarnation: int
    content: str
    tariff: str
    event_at_ms: int
    posted_at_ms: int
    key: str
    reference: str
    corrects: int
    peer: str
    shard: int
    sequence: int
    entry: int


@dataclass(frozen=True, slots=True)
class LineRow:
    """One priced line of a transfer."""

    sequence: int
    line: ChargeLine


@dataclass(frozen=True, slots=True)
class LotSums:
    """What one of a member's lots came to.

    Args:
        bucket: Of it.
        first: Ledger sequence of the transfer that brought it.
        sums: What each cause moved of it.
    """

    bucket: str
    first: int
    sums: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class DeadRow:
    """A refused event, by a shard or by a collector."""

    tenant: str
    source: str
    id: str
    subject: str
    reason: str
    detail: str
    place: str
    refused_at_ms: int


@dataclass(frozen=True, slots=True)
class PlacedUsage:
    """What became of an event, and where that stands."""

    usage: AppliedUsage
    shard: int
    sequence: int
    posted_at_ms: int


@dataclass(frozen=True, slots=True)
class EventWay:
    """The way of one event, as far as the warehouse knows.

    Args:
        usages: Each time that it arrived at a shard and was applied or recognised.
        dead: Each time that it was refused.
        entries: Of the transfer that its use moved.
        lines: Of that transfer.
    """

    usages: tuple[PlacedUsage, ...]
    dead: tuple[DeadRow, ...]
    entries: tuple[EntryRow, ...]
    lines: tuple[LineRow, ...]


LINE_COLUMNS = "kind, meter, quantity, amount_micros, rate, version, price, from_ms, to_ms"
ENTRY_COLUMNS = (
    "member, account, amount_micros, balance_after_micros, lot, currency, cause, source, session, "
    "incarnation, content, tariff, event_at_ms, posted_at_ms, key, reference, corrects, peer, "
    "shard, sequence, entry"
)
CDR_COLUMNS = (
    "tenant, source, session, incarnation, revision, subject, content, tariff, cause, start_ms, "
    "end_ms, last_event_ms, decided_at_ms, duration_ms, meter_names, meter_amounts, "
    "charged_micros, provider_micros, currency, evidence"
)
USAGE_COLUMNS = (
    "tenant, source, id, type, subject, session, incarnation, content, event_at_ms, "
    "received_at_ms, path, outcome, duration_ms, meter_names, meter_amounts, ledger_sequence, "
    "flags, shard, sequence, posted_at_ms"
)
DEAD_COLUMNS = "tenant, source, id, subject, reason, detail, place, refused_at_ms"


def line_from_cells(cells: Sequence[Cell]) -> ChargeLine:
    """A charge line from cells in the order of ``LINE_COLUMNS``."""
    kind, meter, quantity, amount, rate, version, price, from_ms, to_ms = cells
    return ChargeLine(
        text(kind),
        text(meter),
        whole(quantity),
        whole(amount),
        text(rate),
        whole(version),
        text(price),
        whole(from_ms),
        whole(to_ms),
    )


def entry_from_row(row: list[Cell]) -> EntryRow:
    """An entry from a row of ``ENTRY_COLUMNS``."""
    (
        member,
        account,
        amount,
        after,
        lot,
        currency,
        cause,
        source,
        session,
        incarnation,
        content,
        tariff,
        event_at,
        posted_at,
        key,
        reference,
        corrects,
        peer,
        shard,
        sequence,
        entry,
    ) = row
    return EntryRow(
        text(member), text(account), whole(amount), None if after is None else whole(after),
        whole(lot), text(currency), text(cause), text(source), text(session), whole(incarnation),
        text(content), text(tariff), whole(event_at), whole(posted_at), text(key),
        text(reference), whole(corrects), text(peer), whole(shard), whole(sequence), whole(entry),
    )  # fmt: skip


def cdr_from_row(row: list[Cell]) -> Cdr:
    """A CDR from a row of ``CDR_COLUMNS``, without what is sealed."""
    (
        tenant,
        source,
        session,
        incarnation,
        revision,
        subject,
        content,
        tariff,
        cause,
        start,
        end,
        last,
        decided,
        duration,
        names,
        amounts,
        charged,
        provider,
        currency,
        evidence,
    ) = row
    return Cdr(
        text(tenant), text(source), text(session), whole(incarnation), whole(revision),
        text(subject), text(content), text(tariff), text(cause), whole(start), whole(end),
        whole(last), whole(decided), whole(duration), meters(names, amounts), whole(charged),
        whole(provider), text(currency), text(evidence),
    )  # fmt: skip


def usage_from_row(row: list[Cell]) -> PlacedUsage:
    """Applied usage from a row of ``USAGE_COLUMNS``."""
    (
        tenant,
        source,
        event,
        kind,
        subject,
        session,
        incarnation,
        content,
        event_at,
        received_at,
        path,
        outcome,
        duration,
        names,
        amounts,
        ledger,
        flags,
        shard,
        sequence,
        posted_at,
    ) = row
    usage = AppliedUsage(
        text(tenant), text(source), text(event), text(kind), text(subject), text(session),
        whole(incarnation), text(content), whole(event_at), whole(received_at), text(path),
        text(outcome), whole(duration), meters(names, amounts), whole(ledger), text(flags),
    )  # fmt: skip
    return PlacedUsage(usage, whole(shard), whole(sequence), whole(posted_at))


def dead_from_row(row: list[Cell]) -> DeadRow:
    """A dead letter from a row of ``DEAD_COLUMNS``."""
    *words, refused_at = row
    tenant, source, event, subject, reason, detail, place = map(text, words)
    return DeadRow(tenant, source, event, subject, reason, detail, place, whole(refused_at))
