"""A stored period priced anew: by the catalogues that were in force, and by another one.

Invariant: both go through the production step, over the same events in the same order; the ledger
stands beside them as it is. Memory holds one page of rows, the lives that go on, and the wallets.
It does not own what the differences mean (``cli.tariffs.comparing``).
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import NamedTuple

from cli.tariffs.book import LEDGER, NEW, OLD, Book, Key, Line, Told
from cli.tariffs.pricing import LONGEST_MS, SESSION, framed
from cli.tariffs.stored import StoredUse, life_named
from ingest.sender import REACH_MS
from rating.catalogue import Catalogue
from schemas.applied import Cdr
from schemas.errors import InvalidDocument
from schemas.frames import HTTP_PATH, Tick
from schemas.ids import domain_of
from schemas.ledger import Cause, Transfer
from schemas.usage import UsageEvent
from shard.dry_run import DryRun, Priced
from warehouse.answers import PlacedUsage
from warehouse.period import (
    ChargedLine,
    Period,
    charges_of,
    open_lives,
    passes_held,
    usage_of,
)
from warehouse.port import Reader

BATCH_ROWS = 1_000
BATCH_LINES = 5_000
UNPRICED_KEPT = 20
_EVENT = "event:"


class Unpriced(NamedTuple):
    """An event that production counted and a catalogue of the replay refuses."""

    side: int
    event: str
    reason: str
    detail: str


class Ran(NamedTuple):
    """What a replay came to, beside its book.

    Args:
        events: Rows that were fed.
        unpriced: By side, how many of them a catalogue refused.
        examples: Some of these.
    """

    events: int
    unpriced: Mapping[int, int]
    examples: Sequence[Unpriced]


class Replay:
    """One replay.

    Args:
        period: What is replayed.
        production: Versions 1, 2, … as they were in force.
        other: To be compared with them: one for all use, or one in the place of each version; None
            compares nothing.
        book: Gets everything by scope.
    """

    def __init__(
        self,
        period: Period,
        production: Sequence[Catalogue],
        other: Sequence[Catalogue] | None,
        book: Book,
    ) -> None:
        self._period = period
        self._versions = len(production)
        self._book = book
        self._runs = {OLD: DryRun(production)}
        self._goes_along = other is not None and len(other) == len(production)
        if other is not None:
            self._runs[NEW] = DryRun(other)
        self._held: set[tuple[str, str]] = set()
        self._first_posted: dict[int, int] = {}
        self._unpriced = {OLD: 0, NEW: 0}
        self._examples: list[Unpriced] = []

    async def run(self, reader: Reader) -> Ran:
        """Reads the ledger, then the use, and prices it.

        Args:
            reader: The warehouse.

        Raises:
            InvalidDocument: The ledger names a catalogue version that is not there.
            WarehouseUnavailable: No answer.
            WarehouseRefused: A question is over the warehouse's limits.
        """
        for run in self._runs.values():
            await run.open()
        self._take_ledger(charges_of(reader, self._period))
        self._held = {(each.member, each.scope) for each in passes_held(reader, self._period)}
        own = StoredUse(self._period.tenant, open_lives(reader, self._period), self._runs[OLD])
        rows, events, last_ms = usage_of(reader, self._period), 0, 0
        while batch := list(islice(rows, BATCH_ROWS)):
            await self._tell(batch[0].usage.event_at_ms - REACH_MS)
            await self._price(batch, [await own.event(row) for row in batch])
            events += len(batch)
            last_ms = batch[-1].usage.event_at_ms
        if events:
            await self._tell(last_ms + LONGEST_MS)
        return Ran(events, self._unpriced, self._examples)

    def _take_ledger(self, lines: Iterator[ChargedLine]) -> None:
        while batch := list(islice(lines, BATCH_LINES)):
            told: list[Told] = []
            changes: list[Line] = []
            for line in batch:
                key = _ledger_key(line)
                at_ms, number = line.event_at_ms, line.catalogue
                told.append(Told(key, line.content, at_ms, at_ms, catalogue=number))
                changes.append(
                    Line(key, LEDGER, line.kind, line.meter, line.quantity, line.amount_micros)
                )
                known = self._first_posted.get(number, line.posted_at_ms)
                self._first_posted[number] = min(known, line.posted_at_ms)
            self._book.put(told, changes)
        newest = max(self._first_posted, default=0)
        if newest > self._versions:
            raise InvalidDocument(
                f"the ledger names catalogue version {newest}, and there are {self._versions}; "
                "give the file of each version by --in-force, the first one first"
            )

    async def _price(self, rows: Sequence[PlacedUsage], events: Sequence[UsageEvent]) -> None:
        uses = {
            (row.usage.subject, row.usage.source, row.usage.id): _use(row)
            for row in rows
            if not row.usage.incarnation
        }
        numbers = self._numbers(rows)
        stamp_ms = rows[-1].usage.event_at_ms
        for side, run in self._runs.items():
            by_version = side == OLD or self._goes_along
            named = numbers if by_version else [None] * len(events)
            for number, group in groupby(zip(named, events, strict=True), key=itemgetter(0)):
                frames = framed([event for _, event in group], HTTP_PATH)
                self._put(side, await run.use(frames, stamp_ms=stamp_ms, version=number), uses)

    def _numbers(self, rows: Sequence[PlacedUsage]) -> list[int]:
        """The catalogue version of each row: that of its scope's charges.

        What was never charged is taken to be of the version that was in force when it was posted,
        as far as charges of others show it.
        """
        if self._versions == 1:
            return [1] * len(rows)
        known: dict[Key, int] = {}
        numbers: list[int] = []
        for row in rows:
            usage = row.usage
            key = Key(usage.subject, usage.source, "", 0, _use(row))
            if usage.incarnation:
                names = (usage.session, usage.incarnation)
                key = Key(usage.subject, usage.source, *names, SESSION)
            if key not in known:
                known[key] = self._book.catalogue_of(key) or self._in_force(row.posted_at_ms)
            numbers.append(known[key])
        return numbers

    def _in_force(self, posted_at_ms: int) -> int:
        seen = [number for number, at in self._first_posted.items() if at <= posted_at_ms]
        return max(seen, default=min(self._first_posted, default=self._versions))

    async def _tell(self, to_ms: int) -> None:
        domain = domain_of(self._period.tenant, recorded=True)
        for side, run in self._runs.items():
            self._put(side, await run.tick(Tick(domain, HTTP_PATH, "replay", None, to_ms)), {})

    def _put(self, side: int, priced: Priced, uses: Mapping[tuple[str, str, str], str]) -> None:
        told: list[Told] = []
        lines: list[Line] = []
        for each in priced.transfers:
            if (each.member, each.scope) in self._held:
                # Other use paid this pass: here it costs nothing, by whichever tariff.
                continue
            key = _key(each, uses)
            told.append(Told(key, each.content, each.event_at_ms, each.event_at_ms))
            lines += [
                Line(key, side, line.kind, line.meter, line.quantity, line.amount_micros)
                for line in each.lines
            ]
        if side == OLD:
            told += [_of_cdr(each) for each in priced.applied if isinstance(each, Cdr)]
        self._book.put(told, lines)
        self._unpriced[side] += len(priced.dead)
        for letter in priced.dead[: UNPRICED_KEPT - len(self._examples)]:
            self._examples.append(Unpriced(side, letter.id, letter.reason, letter.detail))


def _ledger_key(line: ChargedLine) -> Key:
    if line.cause == Cause.PASS:
        return Key(line.member, "", "", 0, line.scope)
    if line.scope == SESSION:
        return Key(line.member, line.source, line.session, line.incarnation, SESSION)
    return Key(line.member, line.source, "", 0, f"uses:{line.shard}-{line.sequence}")


def _use(row: PlacedUsage) -> str:
    """The scope of a use outside sessions: the transfer that the ledger has for it, if any."""
    sequence = row.usage.ledger_sequence
    return f"uses:{row.shard}-{sequence}" if sequence >= 0 else f"{_EVENT}{row.usage.id}"


def _key(transfer: Transfer, uses: Mapping[tuple[str, str, str], str]) -> Key:
    member, source = transfer.member, transfer.source
    if transfer.scope == SESSION:
        return Key(member, source, *life_named(transfer.session), SESSION)
    if transfer.scope.startswith(_EVENT):
        event = transfer.scope.removeprefix(_EVENT)
        return Key(member, source, "", 0, uses[member, source, event])
    return Key(member, source, "", 0, transfer.scope)


def _of_cdr(cdr: Cdr) -> Told:
    key = Key(cdr.subject, cdr.source, *life_named(cdr.session), SESSION)
    return Told(key, cdr.content, cdr.start_ms, cdr.end_ms, cdr.cause)
