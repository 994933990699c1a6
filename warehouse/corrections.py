"""What a wrong price has touched: sessions in a period, and what no session has.

Invariant: a session is found by its own events, be it open, closed or forgotten by its shard; every
value travels as a parameter. It does not own what is made of it (cli).
"""

# ruff: noqa: S608 -- statements are our own words; values travel as parameters

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from warehouse.cells import text, whole
from warehouse.late import SealedLife, sealed_by_name
from warehouse.period import Life
from warehouse.port import Cell, Reader

PAGE_LIVES = 5_000
# Names of one statement about CDRs: four parameters each.
NAMES_MAX = 100
_NAMES = "subject, source, session, incarnation"
# Before every name.
_FIRST = Life("", "", "", 0)


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


def lives_touching(reader: Reader, use: Use) -> Iterator[list[Life]]:
    """Lives of sessions of which any part lies in the period, by their names, page by page.

    Raises:
        WarehouseUnavailable: No answer.
    """
    after = _FIRST
    while True:
        page = _page(reader, use, after)
        if page:
            yield page
        if len(page) < PAGE_LIVES:
            return
        after = page[-1]


def sealed_of(reader: Reader, tenant: str, lives: Sequence[Life]) -> dict[Life, SealedLife]:
    """The latest CDR's state of each life that has one.

    Raises:
        WarehouseUnavailable: No answer.
    """
    names = sorted({(tenant, each.member, each.source, each.session) for each in lives})
    found: dict[Life, SealedLife] = {}
    for start in range(0, len(names), NAMES_MAX):
        for life in sealed_by_name(reader, names[start : start + NAMES_MAX]):
            found[Life(life.subject, life.source, life.session, life.incarnation)] = life
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


def _page(reader: Reader, use: Use, after: Life) -> list[Life]:
    contents = {f"c{place}": content for place, content in enumerate(use.contents)}
    names: tuple[Cell, ...] = after
    behind = {f"a{place}": name for place, name in enumerate(names)}
    answer = reader.query(
        f"SELECT {_NAMES} FROM usage_events WHERE tenant = %(tenant)s AND outcome = 'applied' "
        f"AND incarnation > 0 AND content IN ({_listed(contents)}) "
        f"AND ({_NAMES}) > ({_listed(behind)}) GROUP BY {_NAMES} "
        "HAVING min(event_at_ms) < %(to_ms)s AND max(event_at_ms) >= %(from_ms)s "
        f"ORDER BY {_NAMES} LIMIT {PAGE_LIVES}",
        {"tenant": use.tenant, "from_ms": use.from_ms, "to_ms": use.to_ms, **contents, **behind},
    )
    return [
        Life(text(member), text(source), text(session), whole(incarnation))
        for member, source, session, incarnation in answer.rows
    ]


def _listed(parameters: Iterable[str]) -> str:
    return ", ".join(f"%({name})s" for name in parameters)
