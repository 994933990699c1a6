"""What a wrong price has touched: sessions in a period, and what no session has.

Invariant: a session is found by its own events, be it open, closed or forgotten by its shard; every
value travels as a parameter. It does not own what is made of it (cli).
"""

# ruff: noqa: S608 -- statements are our own words; values travel as parameters

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from warehouse.cells import text, whole
from warehouse.late import SealedLife, sealed_by_name
from warehouse.port import Cell, Reader

PAGE_LIVES = 5_000
# Names of one statement about CDRs: four parameters each.
NAMES_MAX = 100
_NAMES = ("subject", "source", "session", "incarnation")


class Touched(NamedTuple):
    """One life of a session, by its names."""

    subject: str
    source: str
    session: str
    incarnation: int


class Use(NamedTuple):
    """What is asked about: contents of a tenant in a period of event time, [from, to)."""

    tenant: str
    contents: Sequence[str]
    from_ms: int
    to_ms: int


class Outside(NamedTuple):
    """Transfers of a tariff that are of no session, and what they came to."""

    transfers: int
    amount_micros: int


def lives_touching(reader: Reader, use: Use) -> Iterator[list[Touched]]:
    """Lives of sessions of which any part lies in the period, by their names, page by page.

    Raises:
        WarehouseUnavailable: No answer.
    """
    after: Touched | None = None
    while True:
        page = _page(reader, use, after)
        if page:
            yield page
        if len(page) < PAGE_LIVES:
            return
        after = page[-1]


def sealed_of(reader: Reader, tenant: str, lives: Sequence[Touched]) -> dict[Touched, SealedLife]:
    """The latest CDR's state of each life that has one.

    Raises:
        WarehouseUnavailable: No answer.
    """
    names = sorted({(tenant, each.subject, each.source, each.session) for each in lives})
    found: dict[Touched, SealedLife] = {}
    for start in range(0, len(names), NAMES_MAX):
        for life in sealed_by_name(reader, names[start : start + NAMES_MAX]):
            found[Touched(life.subject, life.source, life.session, life.incarnation)] = life
    return found


def outside_sessions(reader: Reader, tenant: str, tariff: str, from_ms: int, to_ms: int) -> Outside:
    """What a tariff charged for use outside sessions, and for passes, in a period.

    Raises:
        WarehouseUnavailable: No answer.
    """
    answer = reader.query(
        "SELECT count(), sum(moved) FROM (SELECT sum(amount_micros) AS moved FROM charges "
        "WHERE tenant = %(tenant)s AND tariff = %(tariff)s AND scope != 'session' "
        "AND event_at_ms >= %(from_ms)s AND event_at_ms < %(to_ms)s GROUP BY shard, sequence)",
        {"tenant": tenant, "tariff": tariff, "from_ms": from_ms, "to_ms": to_ms},
    )
    [[transfers, moved]] = answer.rows
    return Outside(whole(transfers), whole(moved or 0))


def _page(reader: Reader, use: Use, after: Touched | None) -> list[Touched]:
    parameters: dict[str, Cell] = {
        "tenant": use.tenant, "from_ms": use.from_ms, "to_ms": use.to_ms
    }  # fmt: skip
    contents = {f"c{place}": content for place, content in enumerate(use.contents)}
    parameters |= contents
    sold = ", ".join(f"%({name})s" for name in contents)
    behind = ""
    if after is not None:
        values: tuple[Cell, ...] = after
        parameters |= {f"a{place}": value for place, value in enumerate(values)}
        # Each name is behind where all before it are the same.
        either = [
            " AND ".join([*(f"{same} = %(a{n})s" for n, same in enumerate(_NAMES[:place])),
                          f"{name} > %(a{place})s"])
            for place, name in enumerate(_NAMES)
        ]  # fmt: skip
        behind = f"AND (({') OR ('.join(either)})) "
    names = ", ".join(_NAMES)
    answer = reader.query(
        f"SELECT {names} FROM usage_events WHERE tenant = %(tenant)s AND outcome = 'applied' "
        f"AND incarnation > 0 AND content IN ({sold}) {behind}"
        f"GROUP BY {names} HAVING min(event_at_ms) < %(to_ms)s AND max(event_at_ms) >= %(from_ms)s "
        f"ORDER BY {names} LIMIT {PAGE_LIVES}",
        parameters,
    )
    return [
        Touched(text(subject), text(source), text(session), whole(incarnation))
        for subject, source, session, incarnation in answer.rows
    ]
