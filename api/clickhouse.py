"""The warehouse's questions for the routes: off the event loop, a few at a time, tenants apart.

Invariant: a question runs on a thread of its own pool, since every adapter of the warehouse blocks,
and holds its tenant's turn until the thread is done, also when its caller has gone away.
It does not own what is asked often (``warehouse.queries``) nor the reader, which it never closes.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from operator import attrgetter
from typing import TypeVar

from api.limits import WAREHOUSE_TURNS, TurnLimits
from api.ports import EventName, MemberTransfer, UsageQuestion
from api.turns import Turns
from schemas.applied import Cdr
from schemas.ledger import ChargeLine
from schemas.outputs import Stream
from warehouse.answers import LINE_COLUMNS, EntryRow, EventWay, LineRow, LotSums, line_from_cells
from warehouse.cells import whole
from warehouse.port import Cell, Reader, Rows
from warehouse.queries import (
    SessionCursor,
    SessionFilter,
    entries_of,
    lot_of,
    sessions,
    way_of_event,
)
from warehouse.statistics import UsageFigures, usage_statistics

# A member's part of a transfer is cash and debt.
T = TypeVar("T")

_LINES = (
    f"SELECT sequence, {LINE_COLUMNS} FROM charges "  # noqa: S608 - our own words
    "WHERE tenant = %(tenant)s AND member = %(member)s AND shard = %(shard)s "
    "AND sequence >= %(first)s AND sequence <= %(last)s ORDER BY sequence, line"
)
_CHARGES = (
    "SELECT kind, meter, sum(toDecimal128(quantity, 0)), sum(toDecimal128(amount_micros, 0)), "
    "rate, version, price, min(from_ms), max(to_ms) "
    "FROM charges WHERE tenant = %(tenant)s AND member = %(member)s AND source = %(source)s "
    "AND session = %(session)s AND incarnation = %(incarnation)s "
    "GROUP BY kind, meter, rate, version, price ORDER BY kind, meter, version, rate, price"
)
_KNOWN = (
    "SELECT count(), min(known) FROM (SELECT max(posted_at_ms) AS known FROM sink_ranges "
    "WHERE (stream = %(ledger)s OR stream = %(applied)s) AND (%(shard)s < 0 OR shard = %(shard)s) "
    "GROUP BY stream, shard)"
)


class ClickHouse:
    """See ``api.ports.Warehouse``.

    Args:
        reader: Of the process.
        limits: How many questions run at once.
    """

    def __init__(self, reader: Reader, limits: TurnLimits = WAREHOUSE_TURNS) -> None:
        self._reader = reader
        self._turns = Turns(limits)
        # One more, for the probe: it takes no turn.
        self._threads = ThreadPoolExecutor(limits.at_once + 1, "warehouse-question")
        self._under_way: set[asyncio.Task[object]] = set()
        self._ping: asyncio.Task[Rows] | None = None

    def close(self) -> None:
        """End the threads, without waiting for what they ask."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def ping(self) -> None:
        """Return when the warehouse answers, whatever else it is asked.

        Raises:
            WarehouseUnavailable: It does not.
        """
        # Callers share one question: those of an engine that hangs must not gather threads.
        if self._ping is None or self._ping.done():
            self._ping = asyncio.create_task(
                self._on_thread(lambda: self._reader.query("SELECT 1"))
            )
        await asyncio.shield(self._ping)

    async def transfers(
        self, tenant: str, member: str, *, before: int | None, limit: int, lot: int | None = None
    ) -> list[MemberTransfer]:
        """See ``api.ports.Warehouse``."""
        rows = await self._asked(
            tenant,
            lambda: entries_of(
                self._reader,
                tenant=tenant,
                member=member,
                limit=limit,
                before=before,
                lot=lot,
            ),
        )
        grouped = [tuple(rows) for _, rows in groupby(rows, key=attrgetter("sequence"))]
        lines: dict[int, list[LineRow]] = {}
        for line in await self._lines(tenant, grouped):
            lines.setdefault(line.sequence, []).append(line)
        return [
            MemberTransfer(
                tuple(sorted(entries, key=attrgetter("entry"))),
                tuple(lines.get(entries[0].sequence, ())),
            )
            for entries in grouped
        ]

    async def lot(self, tenant: str, member: str, lot: int) -> LotSums | None:
        """See ``api.ports.Warehouse``."""
        return await self._asked(
            tenant, lambda: lot_of(self._reader, tenant=tenant, member=member, lot=lot)
        )

    async def cdrs(
        self, tenant: str, only: SessionFilter, *, before: SessionCursor | None, limit: int
    ) -> list[Cdr]:
        """See ``api.ports.Warehouse``."""
        return await self._asked(
            tenant,
            lambda: sessions(self._reader, tenant=tenant, only=only, limit=limit, before=before),
        )

    async def charges_of(self, cdr: Cdr) -> list[ChargeLine]:
        """See ``api.ports.Warehouse``."""
        parameters: dict[str, Cell] = {
            "tenant": cdr.tenant,
            "member": cdr.subject,
            "source": cdr.source,
            "session": cdr.session,
            "incarnation": cdr.incarnation,
        }
        answer = await self._asked(cdr.tenant, lambda: self._reader.query(_CHARGES, parameters))
        return [line_from_cells(cells) for cells in answer.rows]

    async def way_of_event(self, tenant: str, name: EventName) -> EventWay:
        """See ``api.ports.Warehouse``."""
        return await self._asked(
            tenant,
            lambda: way_of_event(
                self._reader,
                tenant=tenant,
                source=name.source,
                event=name.id,
                subject=name.subject,
            ),
        )

    async def usage(self, tenant: str, asked: UsageQuestion) -> list[UsageFigures]:
        """See ``api.ports.Warehouse``."""
        return await self._asked(
            tenant,
            lambda: usage_statistics(
                self._reader,
                tenant=tenant,
                from_ms=asked.from_ms,
                to_ms=asked.to_ms,
                by=asked.by,
                member=asked.member,
                content=asked.content,
            ),
        )

    async def known_up_to_ms(self, tenant: str, shard: int | None = None) -> int | None:
        """See ``api.ports.Warehouse``."""
        parameters: dict[str, Cell] = {
            "ledger": Stream.LEDGER.value,
            "applied": Stream.APPLIED.value,
            "shard": -1 if shard is None else shard,
        }
        answer = await self._asked(tenant, lambda: self._reader.query(_KNOWN, parameters))
        [[count, known_ms]] = answer.rows
        return whole(known_ms) if count else None

    async def _lines(self, tenant: str, page: list[tuple[EntryRow, ...]]) -> list[LineRow]:
        if not page:
            return []
        newest, oldest = page[0][0], page[-1][0]
        parameters: dict[str, Cell] = {
            "tenant": tenant,
            "member": newest.member,
            "shard": newest.shard,
            "first": oldest.sequence,
            "last": newest.sequence,
        }
        answer = await self._asked(tenant, lambda: self._reader.query(_LINES, parameters))
        return [LineRow(whole(at), line_from_cells(cells)) for at, *cells in answer.rows]

    async def _asked(self, tenant: str, question: Callable[[], T]) -> T:
        async def in_turn() -> T:
            async with self._turns.turn(tenant):
                return await self._on_thread(question)

        task = asyncio.create_task(in_turn())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        # A caller who goes away must not free the turn of a thread that still asks.
        return await asyncio.shield(task)

    async def _on_thread(self, question: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, question)
