"""What was used in a period, in the order in which it happened, and what the ledger charged for it.

Owns: which rows are of a period, read page by page, so that memory does not grow with it.
Invariant: a session's life belongs to the period in which it began, whole, with all of its charges;
a use outside sessions to that in which it happened; a pass to the use by whose record it was paid.
Does not own: prices, and what is made of a difference (cli).
"""

# ruff: noqa: S608 -- statements are our own words; values travel as parameters

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from schemas.moment import DAY_MS
from warehouse.answers import USAGE_COLUMNS, PlacedUsage, usage_from_row
from warehouse.cells import text, whole
from warehouse.port import Cell, Reader

PAGE_ROWS = 50_000
# No pass's period begins earlier before a use that needs it.
PASS_MS_MAX = 32 * DAY_MS
_APPLIED = "tenant = %(tenant)s AND outcome = 'applied'"
_IN_PERIOD = "event_at_ms >= %(from_ms)s AND event_at_ms < %(to_ms)s"
_LIFE = "subject, source, session, incarnation"
_LIVES = f"SELECT {_LIFE} FROM usage_events WHERE {_APPLIED} AND incarnation > 0"
_INSIDE = f"{_LIVES} AND {_IN_PERIOD}"
_EARLIER = f"{_LIVES} AND event_at_ms < %(from_ms)s AND ({_LIFE}) IN ({_INSIDE})"
_BEGUN = f"({_LIFE}) IN ({_INSIDE}) AND ({_LIFE}) NOT IN ({_EARLIER})"
_LOOSE = f"incarnation = 0 AND {_IN_PERIOD}"
_CHOSEN = (
    f"{_APPLIED} AND event_at_ms >= %(from_ms)s AND (({_LOOSE}) OR (incarnation > 0 AND {_BEGUN}))"
)
_RECORDS = f"SELECT shard, log_offset, subject FROM usage_events WHERE {_CHOSEN}"
_PAID_HERE = f"(shard, log_offset, member) IN ({_RECORDS})"
_NAMED = "(member, source, session, incarnation)"
_OF_LIVES = f"{_NAMED} IN ({_INSIDE}) AND {_NAMED} NOT IN ({_EARLIER})"
_OF_USES = (
    f"(shard, sequence) IN (SELECT shard, ledger_sequence FROM usage_events WHERE {_APPLIED} "
    f"AND {_LOOSE} AND ledger_sequence >= 0)"
)
_CHARGES = (
    "tenant = %(tenant)s AND ((cause != 'pass' AND scope = 'session' AND "
    f"{_OF_LIVES}) OR (cause != 'pass' AND {_OF_USES}) OR (cause = 'pass' AND {_PAID_HERE}))"
)
_HELD = (
    "tenant = %(tenant)s AND cause = 'pass' AND event_at_ms >= %(passes_ms)s AND member IN "
    f"(SELECT subject FROM usage_events WHERE {_CHOSEN}) AND NOT {_PAID_HERE}"
)
_CHARGE_COLUMNS = (
    "member, source, session, incarnation, scope, cause, content, catalogue, event_at_ms, "
    "posted_at_ms, kind, meter, quantity, amount_micros, shard, sequence, line"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A tenant's period of event time, [from, to)."""

    tenant: str
    from_ms: int
    to_ms: int

    def parameters(self) -> dict[str, Cell]:
        """As the questions name them."""
        return {
            "tenant": self.tenant,
            "from_ms": self.from_ms,
            "to_ms": self.to_ms,
            "passes_ms": self.from_ms - PASS_MS_MAX,
        }


class Life(NamedTuple):
    """One life of a session, by its names."""

    member: str
    source: str
    session: str
    incarnation: int


class ChargedLine(NamedTuple):
    """One line of a transfer, with what it is for."""

    member: str
    source: str
    session: str
    incarnation: int
    scope: str
    cause: str
    content: str
    catalogue: int
    event_at_ms: int
    posted_at_ms: int
    kind: str
    meter: str
    quantity: int
    amount_micros: int
    shard: int
    sequence: int
    line: int


def usage_of(reader: Reader, period: Period) -> Iterator[PlacedUsage]:
    """Applied events of a period's lives and uses, by the time at which they happened.

    Args:
        reader: The warehouse.
        period: Which.

    Raises:
        WarehouseUnavailable: No answer.
        WarehouseRefused: The question takes longer than an answer may.
    """
    after: tuple[int, ...] = (-(2**62), -1, -1)
    while True:
        rows = _page(reader, period, "usage_events", USAGE_COLUMNS, _CHOSEN, _BY_TIME, after)
        for row in rows:
            yield usage_from_row(row)
        if len(rows) < PAGE_ROWS:
            return
        last = usage_from_row(rows[-1])
        after = (last.usage.event_at_ms, last.shard, last.sequence)


def charges_of(reader: Reader, period: Period) -> Iterator[ChargedLine]:
    """What the ledger charged for the same lives and uses, whenever it did so.

    Raises:
        WarehouseUnavailable: No answer.
        WarehouseRefused: The question takes longer than an answer may.
    """
    return _charges(reader, period, _CHARGES)


def passes_held(reader: Reader, period: Period) -> Iterator[ChargedLine]:
    """Passes of the same members that other use paid, be it before the period or after it.

    Raises:
        WarehouseUnavailable: No answer.
        WarehouseRefused: The question takes longer than an answer may.
    """
    return _charges(reader, period, _HELD)


def open_lives(reader: Reader, period: Period) -> set[Life]:
    """The period's lives whose latest event no CDR knows: they go on.

    Raises:
        WarehouseUnavailable: No answer.
        WarehouseRefused: There are more than an answer may hold.
    """
    answer = reader.query(
        f"SELECT {_LIFE} FROM (SELECT {_LIFE}, max(event_at_ms) AS last_ms FROM usage_events "
        f"WHERE {_CHOSEN} AND incarnation > 0 GROUP BY {_LIFE}) "
        f"WHERE ({_LIFE}, last_ms) NOT IN (SELECT {_LIFE}, last_event_ms FROM cdrs "
        "WHERE tenant = %(tenant)s)",
        period.parameters(),
    )
    return {
        Life(text(member), text(source), text(session), whole(incarnation))
        for member, source, session, incarnation in answer.rows
    }


_BY_TIME = "event_at_ms, shard, sequence"
_BY_LINE = "event_at_ms, shard, sequence, line"


def _charges(reader: Reader, period: Period, where: str) -> Iterator[ChargedLine]:
    after: tuple[int, ...] = (-(2**62), -1, -1, -1)
    while True:
        rows = _page(reader, period, "charges", _CHARGE_COLUMNS, where, _BY_LINE, after)
        found = [_charged(row) for row in rows]
        yield from found
        if len(found) < PAGE_ROWS:
            return
        last = found[-1]
        after = (last.event_at_ms, last.shard, last.sequence, last.line)


def _page(  # noqa: PLR0917 -- the parts of one statement, in its order
    reader: Reader,
    period: Period,
    table: str,
    columns: str,
    where: str,
    order: str,
    after: tuple[int, ...],
) -> list[list[Cell]]:
    names = [f"after_{place}" for place in range(len(after))]
    place = ", ".join(f"%({name})s" for name in names)
    return reader.query(
        f"SELECT {columns} FROM {table} WHERE {where} AND ({order}) > ({place}) "
        f"ORDER BY {order} LIMIT {PAGE_ROWS}",
        period.parameters() | dict(zip(names, after, strict=True)),
    ).rows


def _charged(row: list[Cell]) -> ChargedLine:
    (
        member, source, session, incarnation, scope, cause, content, catalogue, event_at,
        posted_at, kind, meter, quantity, amount, shard, sequence, line,
    ) = row  # fmt: skip
    return ChargedLine(
        text(member), text(source), text(session), whole(incarnation), text(scope), text(cause),
        text(content), whole(catalogue), whole(event_at), whole(posted_at), text(kind),
        text(meter), whole(quantity), whole(amount), whole(shard), whole(sequence), whole(line),
    )  # fmt: skip
