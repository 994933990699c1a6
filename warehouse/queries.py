"""What the API and the commands ask of the warehouse, as typed functions.

Owns: entries of a member, closed sessions, the way of one event.
Invariant: every question is about one tenant, and every value travels as a parameter.
Does not own: statistics (``warehouse.statistics``), comparing copies (``warehouse.audit``).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.applied import Cdr
from warehouse.answers import (
    CDR_COLUMNS,
    DEAD_COLUMNS,
    ENTRY_COLUMNS,
    LINE_COLUMNS,
    USAGE_COLUMNS,
    EntryRow,
    EventWay,
    LineRow,
    LotSums,
    PlacedUsage,
    cdr_from_row,
    dead_from_row,
    entry_from_row,
    line_from_cells,
    usage_from_row,
)
from warehouse.cells import text, whole
from warehouse.port import Cell, Reader

PAGE_MAX = 1_000
_ROWS_OF_ONE_EVENT_MAX = 100


_OWN = "tenant = %(tenant)s AND member = %(member)s AND startsWith(account, %(account)s)"


def entries_of(
    reader: Reader,
    *,
    tenant: str,
    member: str,
    limit: int,
    before: int | None = None,
    lot: int | None = None,
) -> list[EntryRow]:
    """A member's own entries of their newest transfers, newest first, each transfer whole.

    Args:
        reader: The warehouse.
        tenant: Whose member.
        member: Whose wallet.
        limit: Transfers, at most ``PAGE_MAX``.
        before: Sequence of the last transfer of the page before.
        lot: Only transfers that moved this lot.

    Raises:
        WarehouseUnavailable: No answer.
    """
    parameters: dict[str, Cell] = {
        "tenant": tenant, "member": member, "account": f"member/{member}/",
        "limit": min(limit, PAGE_MAX),
    }  # fmt: skip
    page = ""
    if before is not None:
        parameters["before"] = before
        page = " AND sequence < %(before)s"
    if lot is not None:
        parameters["lot"] = lot
        page += " AND lot = %(lot)s"
    answer = reader.query(
        f"SELECT {ENTRY_COLUMNS} FROM ledger_entries WHERE {_OWN} AND sequence IN ("  # noqa: S608 - our own words
        f"SELECT DISTINCT sequence FROM ledger_entries WHERE {_OWN}{page} "
        "ORDER BY sequence DESC LIMIT %(limit)s) ORDER BY sequence DESC, entry DESC",
        parameters,
    )
    return [entry_from_row(row) for row in answer.rows]


def lot_of(reader: Reader, *, tenant: str, member: str, lot: int) -> LotSums | None:
    """What a lot came to; None where nothing is known of it.

    Raises:
        WarehouseUnavailable: No answer.
    """
    answer = reader.query(
        "SELECT cause, any(account), min(sequence), sum(amount_micros) FROM ledger_entries "  # noqa: S608
        f"WHERE {_OWN} AND lot = %(lot)s GROUP BY cause ORDER BY min(sequence)",
        {"tenant": tenant, "member": member, "account": f"member/{member}/", "lot": lot},
    )
    if not answer.rows:
        return None
    _, account, first, _ = answer.rows[0]
    sums = tuple((text(cause), whole(amount)) for cause, _, _, amount in answer.rows)
    return LotSums(text(account).rsplit("/", 1)[1], whole(first), sums)


def lines_of(reader: Reader, *, tenant: str, shard: int, sequence: int) -> list[LineRow]:
    """The priced lines of one transfer.

    Raises:
        WarehouseUnavailable: No answer.
    """
    answer = reader.query(
        f"SELECT sequence, {LINE_COLUMNS} FROM charges "  # noqa: S608 - our own words
        "WHERE tenant = %(tenant)s AND shard = %(shard)s AND sequence = %(sequence)s ORDER BY line",
        {"tenant": tenant, "shard": shard, "sequence": sequence},
    )
    return [LineRow(whole(at), line_from_cells(cells)) for at, *cells in answer.rows]


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Which closed sessions; None is any. Times bound the session's start, [from, to)."""

    member: str | None = None
    source: str | None = None
    session: str | None = None
    content: str | None = None
    cause: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None


SessionCursor = tuple[int, str, str, str, int]


def session_cursor(cdr: Cdr) -> SessionCursor:
    """Where a page that ends with this CDR goes on."""
    return (cdr.end_ms, cdr.source, cdr.subject, cdr.session, cdr.incarnation)


def sessions(
    reader: Reader,
    *,
    tenant: str,
    only: SessionFilter,
    limit: int,
    before: SessionCursor | None = None,
) -> list[Cdr]:
    """The true CDR (highest revision) of each closed session, the last ended first.

    Args:
        reader: The warehouse.
        tenant: Whose.
        only: Which.
        limit: At most ``PAGE_MAX``.
        before: ``session_cursor`` of the last row of the page before.

    Raises:
        WarehouseUnavailable: No answer.
    """
    parameters: dict[str, Cell] = {"tenant": tenant, "limit": min(limit, PAGE_MAX)}
    # A revision may change everything but the session's names, so only those narrow what is
    # compared; the rest is asked of the true one.
    inner = _conditions(
        {"subject": only.member, "source": only.source, "session": only.session}, parameters
    )
    outer = _conditions({"content": only.content, "cause": only.cause}, parameters)
    for name, sign, bound in (("from_ms", ">=", only.from_ms), ("to_ms", "<", only.to_ms)):
        if bound is not None:
            parameters[name] = bound
            outer += f" AND start_ms {sign} %({name})s"
    if before is not None:
        names = ("end_before", "source_before", "subject_before", "session_before", "n_before")
        parameters.update(zip(names, before, strict=True))
        outer += (
            " AND (end_ms, source, subject, session, incarnation) < (%(end_before)s, "
            "%(source_before)s, %(subject_before)s, %(session_before)s, %(n_before)s)"
        )
    answer = reader.query(
        f"SELECT {CDR_COLUMNS} FROM (SELECT {CDR_COLUMNS} FROM cdrs "  # noqa: S608 - our words
        f"WHERE tenant = %(tenant)s{inner} ORDER BY revision DESC "
        "LIMIT 1 BY source, subject, session, incarnation) "
        f"WHERE 1{outer} ORDER BY end_ms DESC, source DESC, subject DESC, session DESC, "
        "incarnation DESC LIMIT %(limit)s",
        parameters,
    )
    return [cdr_from_row(row) for row in answer.rows]


def way_of_event(
    reader: Reader, *, tenant: str, source: str, event: str, subject: str | None = None
) -> EventWay:
    """What became of an event.

    Args:
        reader: The warehouse.
        tenant: Whose.
        source: Who sent it.
        event: Its id.
        subject: Its member, when known; ids are unique only with it.

    Raises:
        WarehouseUnavailable: No answer.
    """
    parameters: dict[str, Cell] = {"tenant": tenant, "source": source, "id": event}
    where = "tenant = %(tenant)s AND source = %(source)s AND id = %(id)s"
    where += _conditions({"subject": subject}, parameters)
    limit = f" LIMIT {_ROWS_OF_ONE_EVENT_MAX}"
    found = reader.query(
        f"SELECT {USAGE_COLUMNS} FROM usage_events WHERE {where} "  # noqa: S608 - our own words
        f"ORDER BY posted_at_ms, sequence{limit}",
        parameters,
    )
    usages = tuple(usage_from_row(row) for row in found.rows)
    dead = [
        row
        for table in ("dead_letters", "ingest_dead_letters")
        for row in reader.query(
            f"SELECT {DEAD_COLUMNS} FROM {table} WHERE {where} ORDER BY refused_at_ms{limit}",  # noqa: S608 - our own words
            parameters,
        ).rows
    ]
    moved = next((one for one in usages if one.usage.ledger_sequence >= 0), None)
    return EventWay(
        usages=usages,
        dead=tuple(dead_from_row(row) for row in dead),
        entries=tuple(_entries_at(reader, tenant, moved)) if moved else (),
        lines=tuple(
            lines_of(reader, tenant=tenant, shard=moved.shard, sequence=moved.usage.ledger_sequence)
        )
        if moved
        else (),
    )


def _entries_at(reader: Reader, tenant: str, moved: PlacedUsage) -> list[EntryRow]:
    answer = reader.query(
        f"SELECT {ENTRY_COLUMNS} FROM ledger_entries "  # noqa: S608 - our own words
        "WHERE tenant = %(tenant)s AND member = %(member)s AND shard = %(shard)s "
        "AND sequence = %(sequence)s ORDER BY entry",
        {
            "tenant": tenant,
            "member": moved.usage.subject,
            "shard": moved.shard,
            "sequence": moved.usage.ledger_sequence,
        },
    )
    return [entry_from_row(row) for row in answer.rows]


def _conditions(wanted: Mapping[str, str | None], parameters: dict[str, Cell]) -> str:
    """``AND column = value`` for each that is wanted; columns are our own words."""
    given = {column: value for column, value in wanted.items() if value is not None}
    parameters.update(given)
    return "".join(f" AND {column} = %({column})s" for column in given)
