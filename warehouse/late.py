"""What the late path asks: which late events wait, and what is known of their names and sessions.

Invariant: one question a round whatever the number of events; every value travels as a parameter.
A name (tenant, source, id, subject) is looked for whenever it happened: it counts once for ever.
It does not own what follows from the answers (``streams.late``).
"""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from schemas.errors import UNREADABLE
from schemas.usage import UsageEvent
from warehouse.cells import text, whole
from warehouse.port import Cell, Reader, WarehouseRefused

_event = msgspec.msgpack.Decoder(UsageEvent)


@dataclass(frozen=True, slots=True)
class LateItem:
    """A late event and its place.

    Args:
        shard: Whose.
        number: Of the shard's late events.
        sequence: Of its item in the applied stream.
        path: Ingest path.
        event: As it came.
    """

    shard: int
    number: int
    sequence: int
    path: str
    event: UsageEvent


@dataclass(frozen=True, slots=True)
class AppliedName:
    """An applied event: its name, and what of its content a row tells."""

    tenant: str
    source: str
    id: str
    subject: str
    type: str
    event_at_ms: int
    session: str
    content: str


@dataclass(frozen=True, slots=True)
class SealedLife:
    """One life of a session by its true CDR."""

    tenant: str
    subject: str
    source: str
    session: str
    incarnation: int
    start_ms: int
    end_ms: int
    sealed: bytes


def late_items(reader: Reader, wanted: Mapping[int, tuple[int, int]], limit: int) -> list[LateItem]:
    """Late events, by shard and number.

    Args:
        reader: The warehouse.
        wanted: By shard, the number to begin with and the sequence to stay below; not empty.
        limit: How many at most of each shard.

    Raises:
        WarehouseUnavailable: No answer.
        WarehouseRefused: A row cannot be read: somebody else wrote it.
    """
    places = " OR ".join(
        f"(shard = {int(shard)} AND number >= {int(number)} AND sequence < {int(end)})"
        for shard, (number, end) in sorted(wanted.items())
    )
    answer = reader.query(
        "SELECT shard, number, sequence, path, event FROM late_usage "  # noqa: S608 - whole numbers
        f"WHERE {places} ORDER BY shard, number LIMIT {int(limit)} BY shard"
    )
    return [
        LateItem(whole(shard), whole(number), whole(sequence), text(path), _event_of(event))
        for shard, number, sequence, path, event in answer.rows
    ]


def applied_names(reader: Reader, events: Sequence[UsageEvent]) -> list[AppliedName]:
    """Applied events that have the name of one of these, whenever they happened.

    Args:
        reader: The warehouse.
        events: Not empty; their names must fit a statement together.

    Raises:
        WarehouseUnavailable: No answer.
    """
    parameters = _Parameters()
    names = sorted({(each.tenant, each.source, each.id, each.subject) for each in events})
    ids = ", ".join(map(parameters.put, sorted({name for _, _, name, _ in names})))
    wanted = ", ".join(f"({', '.join(map(parameters.put, name))})" for name in names)
    # The ids stand alone as well: by them an index leaves out most of the table.
    answer = reader.query(
        "SELECT DISTINCT tenant, source, id, subject, type, event_at_ms, session, content "  # noqa: S608 - our own words
        f"FROM usage_events PREWHERE id IN ({ids}) WHERE outcome = 'applied' "
        f"AND (tenant, source, id, subject) IN ({wanted})",
        parameters.values,
    )
    return [
        AppliedName(
            text(tenant), text(source), text(name), text(subject), text(kind), whole(at),
            text(session), text(content),
        )
        for tenant, source, name, subject, kind, at, session, content in answer.rows
    ]  # fmt: skip


def sealed_lives(reader: Reader, events: Sequence[UsageEvent]) -> list[SealedLife]:
    """Every closed life of these events' sessions, by its highest revision.

    Args:
        reader: The warehouse.
        events: Of sessions; not empty; their names must fit a statement together.

    Raises:
        WarehouseUnavailable: No answer.
    """
    names = {(each.tenant, each.subject, each.source, each.session or "") for each in events}
    return sealed_by_name(reader, sorted(names))


def sealed_by_name(reader: Reader, names: Sequence[tuple[str, str, str, str]]) -> list[SealedLife]:
    """The same by tenant, subject, source and session.

    Raises:
        WarehouseUnavailable: No answer.
    """
    parameters = _Parameters()
    wanted = parameters.any_of(
        [
            {"tenant": tenant, "subject": subject, "source": source, "session": session}
            for tenant, subject, source, session in names
        ]
    )
    answer = reader.query(
        "SELECT tenant, subject, source, session, incarnation, start_ms, end_ms, sealed FROM cdrs "  # noqa: S608 - our own words
        f"WHERE {wanted} ORDER BY revision DESC "
        "LIMIT 1 BY tenant, subject, source, session, incarnation",
        parameters.values,
    )
    return [
        SealedLife(
            text(tenant), text(subject), text(source), text(session), whole(incarnation),
            whole(start), whole(end), _bytes(sealed),
        )
        for tenant, subject, source, session, incarnation, start, end, sealed in answer.rows
    ]  # fmt: skip


class _Parameters:
    """Placeholders for as many values as there are."""

    def __init__(self) -> None:
        self.values: dict[str, Cell] = {}

    def put(self, value: Cell) -> str:
        """The placeholder of one more value."""
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"%({name})s"

    def any_of(self, rows: Sequence[Mapping[str, str]]) -> str:
        """A condition that holds where all columns of any row have its values."""
        return " OR ".join(
            "(" + " AND ".join(f"{name} = {self.put(value)}" for name, value in row.items()) + ")"
            for row in rows
        )


def _event_of(cell: Cell) -> UsageEvent:
    try:
        return _event.decode(_bytes(cell))
    except (ValueError, *UNREADABLE) as error:
        raise WarehouseRefused(f"a row of late_usage cannot be read: {error}") from error


def _bytes(cell: Cell) -> bytes:
    return b64decode(text(cell))
