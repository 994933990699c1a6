"""A file of usage through the production step, and into a book.

Invariant: the clock is told as the sender of a recording tells it, and at the end for as long as
any tariff may wait, so every session ends. A use outside sessions has a frame of its own, so its
charge stands alone, as it is priced.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from cli.tariffs.book import Book, Key, Line, Told
from cli.tariffs.usage_file import Timed
from ingest.sender import REACH_MS
from schemas.applied import AppliedUsage, Cdr
from schemas.frames import HTTP_PATH, Tick, UsageFrame
from schemas.ids import domain_of
from schemas.ledger import Transfer, provider_account
from schemas.moment import SECOND_MS
from schemas.refusals import DeadLetter
from schemas.usage import EventType, UsageEvent
from shard.dry_run import DryRun, Priced

BATCH_EVENTS = 1_000
FRAME_EVENTS = 500
SESSION = "session"
SIDE = 0
PROVIDERS = provider_account("")
# No duration in a tariff is longer than 10^9 s (rating's limits).
LONGEST_MS = 1_000_000_001 * SECOND_MS


class Refused(NamedTuple):
    """An event that the shard refused."""

    line: int
    reason: str
    detail: str


class Tally:
    """What of a run is counted and kept in memory."""

    def __init__(self) -> None:
        self.applied = 0
        self.duplicates = 0
        self.refused: list[Refused] = []
        self.provider_micros = 0


async def price_usage(run: DryRun, usage: Iterator[Timed], tenant: str, book: Book) -> Tally:
    """Prices usage.

    Args:
        run: Opened.
        usage: In order of time.
        tenant: Of all of it.
        book: Gets scopes and lines.
    """
    tally, domain, last_ms = Tally(), domain_of(tenant, recorded=True), 0
    while batch := list(islice(usage, BATCH_EVENTS)):
        _count(tally, await _told(run, domain, batch[0].at_ms - REACH_MS, book), [])
        last_ms = batch[-1].at_ms
        frames = framed([each.event for each in batch], HTTP_PATH)
        priced = await run.use(frames, stamp_ms=last_ms)
        _count(tally, priced, batch)
        put_priced(book, priced, SIDE)
    if last_ms:
        ended = await _told(run, domain, last_ms + LONGEST_MS, book)
        _count(tally, ended, [])
    return tally


def framed(events: Iterable[UsageEvent], path: str) -> list[UsageFrame]:
    """Frames in the events' order, each of neighbours of sessions or of one use outside them."""
    frames: list[UsageFrame] = []
    together: list[UsageEvent] = []
    for event in events:
        is_loose = event.session is None or event.type == EventType.REPORT
        if together and (is_loose or len(together) >= FRAME_EVENTS):
            frames.append(UsageFrame(path, together))
            together = []
        if is_loose:
            frames.append(UsageFrame(path, [event]))
        else:
            together.append(event)
    return [*frames, UsageFrame(path, together)] if together else frames


def put_priced(book: Book, priced: Priced, side: int) -> None:
    """Puts transfers and CDRs into a book as one side's."""
    told = [_of_transfer(each) for each in priced.transfers]
    told += [_of_cdr(each) for each in priced.applied if isinstance(each, Cdr)]
    book.put(told, lines_of(priced.transfers, side))


def lines_of(transfers: Iterable[Transfer], side: int) -> Iterator[Line]:
    """The lines of transfers as one side's."""
    for each in transfers:
        key = key_of(each)
        for line in each.lines:
            yield Line(key, side, line.kind, line.meter, line.quantity, line.amount_micros)


def provider_part(transfers: Iterable[Transfer]) -> int:
    """What providers get by these transfers."""
    return sum(
        entry.amount_micros
        for transfer in transfers
        for entry in transfer.entries
        if entry.account.startswith(PROVIDERS)
    )


def key_of(transfer: Transfer) -> Key:
    """The scope that a transfer is for."""
    return Key(
        transfer.member,
        transfer.source,
        transfer.session,
        transfer.incarnation,
        transfer.scope,
    )


def _of_transfer(transfer: Transfer) -> Told:
    at_ms = transfer.event_at_ms
    return Told(key_of(transfer), transfer.content, at_ms, at_ms, catalogue=transfer.catalogue)


def _of_cdr(cdr: Cdr) -> Told:
    key = Key(cdr.subject, cdr.source, cdr.session, cdr.incarnation, SESSION)
    return Told(key, cdr.content, cdr.start_ms, cdr.end_ms, cdr.cause)


async def _told(run: DryRun, domain: str, to_ms: int, book: Book) -> Priced:
    priced = await run.tick(Tick(domain, HTTP_PATH, "sender", None, to_ms))
    put_priced(book, priced, SIDE)
    return priced


def _count(tally: Tally, priced: Priced, batch: list[Timed]) -> None:
    for item in priced.applied:
        if isinstance(item, AppliedUsage):
            tally.applied += item.outcome == "applied"
            tally.duplicates += item.outcome == "duplicate"
    tally.provider_micros += provider_part(priced.transfers)
    if priced.dead:
        tally.refused += _refused(priced.dead, batch)


def _refused(dead: Iterable[DeadLetter], batch: list[Timed]) -> Iterator[Refused]:
    """The refusals with their lines; of two events of one name in a batch the later was refused."""
    lines = {(each.event.source, each.event.id, each.event.subject): each.line for each in batch}
    for letter in dead:
        line = lines.get((letter.source, letter.id, letter.subject), 0)
        yield Refused(line, letter.reason, letter.detail)
