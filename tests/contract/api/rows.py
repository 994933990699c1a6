"""A warehouse in memory: what the shards put out, answered by plain search.

It stands at the port; every answer is computed from the same output records that sinks read.
"""

from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter

import msgspec

from api.ports import EventName, MemberTransfer, UsageQuestion
from schemas.applied import AppliedUsage, Cdr, LateUsage, ShadowCharge
from schemas.errors import RecoverableError
from schemas.ledger import ChargeLine, Transfer
from schemas.moment import HOUR_MS, text_from_ms
from schemas.outputs import (
    TOLD,
    OutputRecord,
    Stream,
    applied_of,
    dead_letters_of,
    decode_output,
    transfers_of,
)
from schemas.usage import EVENT_TYPE_TEXTS
from shard.emission import Output
from warehouse.answers import DeadRow, EntryRow, EventWay, LineRow, LotSums, PlacedUsage
from warehouse.queries import SessionCursor, SessionFilter, session_cursor
from warehouse.statistics import UsageFigures

Line = tuple[EntryRow, LineRow]
DAY_CHARS, MONTH_CHARS = 10, 7


class RowWarehouse:
    """See ``api.ports.Warehouse``. Set ``is_down`` to make it fail, ``is_late`` to take nothing."""

    def __init__(self) -> None:
        self.is_down = False
        self.is_late = False
        self._entries: list[tuple[str, EntryRow]] = []
        self._lines: list[tuple[str, Line]] = []
        self._cdrs: list[Cdr] = []
        self._usages: list[PlacedUsage] = []
        self._dead: list[DeadRow] = []
        self._known: dict[int, int] = {}

    def take(self, outputs: Iterable[Output]) -> None:
        """Keeps what a sink would write."""
        for output in () if self.is_late else outputs:
            if output.stream in TOLD:
                continue
            record = decode_output(output.value)
            self._known[record.shard] = record.posted_at_ms
            if output.stream is Stream.LEDGER:
                for index, transfer in enumerate(transfers_of(record)):
                    self._take_transfer(record, record.first + index, transfer)
            elif output.stream is Stream.APPLIED:
                for index, item in enumerate(applied_of(record)):
                    if isinstance(item, Cdr):
                        # What is sealed is for the late path alone; nobody is told.
                        self._cdrs.append(msgspec.structs.replace(item, sealed=b""))
                    elif not isinstance(item, ShadowCharge):
                        usage = item if isinstance(item, AppliedUsage) else _waiting(item)
                        place = (record.shard, record.first + index, record.posted_at_ms)
                        self._usages.append(PlacedUsage(usage, *place))
            elif output.stream is Stream.DEAD:
                self._dead += [
                    DeadRow(
                        letter.tenant,
                        letter.source,
                        letter.id,
                        letter.subject,
                        letter.reason,
                        letter.detail,
                        letter.place,
                        letter.refused_at_ms,
                    )
                    for letter in dead_letters_of(record)
                ]

    def _take_transfer(self, record: OutputRecord, sequence: int, t: Transfer) -> None:
        rows = [
            EntryRow(
                t.member,
                entry.account,
                entry.amount_micros,
                entry.balance_after_micros,
                entry.lot,
                t.currency,
                t.cause,
                t.source,
                t.session,
                t.incarnation,
                t.content,
                t.tariff,
                t.event_at_ms,
                record.posted_at_ms,
                t.key,
                t.reference,
                t.corrects,
                t.peer,
                record.shard,
                sequence,
                index,
            )
            for index, entry in enumerate(t.entries)
        ]
        self._entries += [(t.tenant, row) for row in rows]
        for line in t.lines:
            row = LineRow(sequence, line)
            self._lines.append((t.tenant, (rows[0], row)))

    async def transfers(
        self, tenant: str, member: str, *, before: int | None, limit: int, lot: int | None = None
    ) -> list[MemberTransfer]:
        """See ``api.ports.Warehouse``."""
        self._check()
        own = [
            row
            for held, row in self._entries
            if (held, row.member) == (tenant, member)
            and row.account.startswith(f"member/{member}/")
            and (before is None or row.sequence < before)
        ]
        own.sort(key=lambda row: (-row.sequence, row.entry))
        groups = [tuple(rows) for _, rows in groupby(own, key=attrgetter("sequence"))]
        groups = [rows for rows in groups if lot is None or any(row.lot == lot for row in rows)][
            :limit
        ]
        return [MemberTransfer(rows, self._lines_at(tenant, rows[0])) for rows in groups]

    async def lot(self, tenant: str, member: str, lot: int) -> LotSums | None:
        """See ``api.ports.Warehouse``."""
        self._check()
        own = [
            row
            for held, row in self._entries
            if (held, row.member, row.lot) == (tenant, member, lot)
        ]
        sums: dict[str, int] = {}
        for row in own:
            sums[row.cause] = sums.get(row.cause, 0) + row.amount_micros
        if not own:
            return None
        bucket = own[0].account.rsplit("/", 1)[1]
        return LotSums(bucket, own[0].sequence, tuple(sums.items()))

    async def cdrs(
        self, tenant: str, only: SessionFilter, *, before: SessionCursor | None, limit: int
    ) -> list[Cdr]:
        """See ``api.ports.Warehouse``."""
        self._check()
        best: dict[tuple[str, str, str, int], Cdr] = {}
        for cdr in self._cdrs:
            key = (cdr.subject, cdr.source, cdr.session, cdr.incarnation)
            if cdr.tenant == tenant and cdr.revision > getattr(best.get(key), "revision", 0):
                best[key] = cdr
        found = [
            cdr
            for cdr in best.values()
            if (before is None or session_cursor(cdr) < before)
            and only.member in {None, cdr.subject}
            and only.source in {None, cdr.source}
            and only.session in {None, cdr.session}
            and only.content in {None, cdr.content}
            and only.cause in {None, cdr.cause}
        ]
        return sorted(found, key=session_cursor, reverse=True)[:limit]

    async def charges_of(self, cdr: Cdr) -> list[ChargeLine]:
        """See ``api.ports.Warehouse``."""
        self._check()
        sums: dict[tuple[str, str, int, str, str], ChargeLine] = {}
        name = (cdr.tenant, cdr.source, cdr.session, cdr.incarnation, cdr.subject)
        for tenant, (row, told) in self._lines:
            if (tenant, row.source, row.session, row.incarnation, row.member) == name:
                line = told.line
                key = (line.kind, line.meter, line.version, line.rate, line.price)
                known = sums.get(key)
                sums[key] = line if known is None else _summed(known, line)
        return [sums[key] for key in sorted(sums)]

    async def way_of_event(self, tenant: str, name: EventName) -> EventWay:
        """See ``api.ports.Warehouse``."""
        self._check()
        names = (tenant, name.source, name.id)
        usages = tuple(
            placed
            for placed in self._usages
            if (placed.usage.tenant, placed.usage.source, placed.usage.id) == names
            and name.subject in {None, placed.usage.subject}
        )
        dead = tuple(
            row
            for row in self._dead
            if (row.tenant, row.source, row.id) == names and name.subject in {None, row.subject}
        )
        moved = next((each for each in usages if each.usage.ledger_sequence >= 0), None)
        if moved is None:
            return EventWay(usages, dead, (), ())
        place = (moved.shard, moved.usage.ledger_sequence)
        entries = tuple(row for _, row in self._entries if (row.shard, row.sequence) == place)
        return EventWay(usages, dead, entries, self._lines_at(tenant, entries[0]))

    async def usage(self, tenant: str, asked: UsageQuestion) -> list[UsageFigures]:
        """See ``api.ports.Warehouse``; what an event added is counted where no kind is asked."""
        self._check()
        groups: dict[tuple[str, ...], UsageFigures] = {}
        for placed in () if "kind" in asked.by else self._usages:
            used = placed.usage
            if not _is_asked(asked, used.content, used.subject, used.event_at_ms):
                continue
            if used.tenant == tenant:
                values = _values(used.content, used.subject, "", used.event_at_ms)
                group = _group(groups, asked, values)
                group.usages += used.outcome == "applied"
                group.duplicates += used.outcome == "duplicate"
                group.duration_ms += used.duration_ms
                for meter, amount in used.meters.items():
                    group.meters[meter] = group.meters.get(meter, 0) + amount
        for held, (row, told) in self._lines:
            line = told.line
            if held == tenant and _is_asked(asked, row.content, row.member, row.event_at_ms):
                values = _values(row.content, row.member, line.kind, row.event_at_ms)
                group = _group(groups, asked, values)
                key = (row.currency, line.kind)
                known = group.charged_micros.get(key, 0)
                group.charged_micros[key] = known + line.amount_micros
                if "kind" in asked.by:
                    group.meters[line.meter] = group.meters.get(line.meter, 0) + line.quantity
        return [groups[keys] for keys in sorted(groups)]

    async def known_up_to_ms(self, tenant: str, shard: int | None = None) -> int | None:
        """See ``api.ports.Warehouse``."""
        del tenant
        self._check()
        if shard is not None:
            return self._known.get(shard)
        return min(self._known.values(), default=None)

    def _lines_at(self, tenant: str, entry: EntryRow) -> tuple[LineRow, ...]:
        place = (tenant, entry.shard, entry.sequence)
        return tuple(
            line for held, (row, line) in self._lines if (held, row.shard, row.sequence) == place
        )

    def _check(self) -> None:
        if self.is_down:
            raise RecoverableError("the warehouse is down")


def _summed(one: ChargeLine, other: ChargeLine) -> ChargeLine:
    return msgspec.structs.replace(
        one,
        quantity=one.quantity + other.quantity,
        amount_micros=one.amount_micros + other.amount_micros,
        from_ms=min(one.from_ms, other.from_ms),
        to_ms=max(one.to_ms, other.to_ms),
    )


def _is_asked(asked: UsageQuestion, content: str, member: str, at_ms: int) -> bool:
    return (
        asked.from_ms <= at_ms < asked.to_ms
        and asked.content in {None, content}
        and asked.member in {None, member}
    )


def _values(content: str, member: str, kind: str, at_ms: int) -> dict[str, str]:
    day = text_from_ms(at_ms)
    return {
        "content": content,
        "member": member,
        "kind": kind,
        "hour": text_from_ms(at_ms // HOUR_MS * HOUR_MS),
        "day": day[:DAY_CHARS],
        "month": day[:MONTH_CHARS],
    }


def _group(
    groups: dict[tuple[str, ...], UsageFigures], asked: UsageQuestion, values: dict[str, str]
) -> UsageFigures:
    keys = tuple(values[name] for name in asked.by)
    return groups.setdefault(keys, UsageFigures(keys))


def _waiting(late: LateUsage) -> AppliedUsage:
    """What the warehouse tells of an event that came too late: it added nothing yet."""
    said = late.event
    return AppliedUsage(
        said.tenant, said.source, said.id, EVENT_TYPE_TEXTS[said.type], said.subject,
        said.session or "", 0, said.content or "", said.event_at_ms, said.received_at_ms,
        late.path, "late", 0, {}, -1,
    )  # fmt: skip
