"""The copies of the books at one cut: store, topics, replay, warehouse; and every answer given.

Invariant: the cut is where the store stands; after a quiet time all copies stand there.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from cli.sim.audit.book import Book
from cli.sim.audit.logged import Member
from cli.sim.audit.outputs import Outputs
from cli.sim.audit.replay import Replayed
from cli.sim.journal import Asked, EventName, Journal
from cli.sim.stores import Shelf, finished
from schemas.applied import AppliedUsage, Cdr, LateUsage, ShadowCharge
from schemas.commands import Result
from schemas.outputs import STREAMS
from warehouse.port import Cell
from warehouse.rows import (
    CDRS,
    CHARGES,
    DEAD_LETTERS,
    LEDGER_ENTRIES,
    SHADOW_CHARGES,
    SINK_RANGES,
    USAGE_EVENTS,
)

StoreHashes = Mapping[str, Mapping[bytes, bytes]]
# Places in what a shard has one of (``shard.state.Meta``) and in its clocks.
DOMAINS_AT = 2
EXPIRED_AT = 6
META_FIELD = b"meta"
# Nobody sinks signals, legs and events of wallets.
UNSUNK = frozenset({"session.control.v1", "shard.legs.v1", "wallet.events.v1"})
VaultRows = Mapping[str, Sequence[tuple[Cell, ...]]]


def check_store(book: Book, shelf: Shelf, again: Replayed) -> Iterator[str]:
    """The store holds what a replay from nothing comes to, and the balances that must be."""
    if again.fault:
        yield f"the replay failed: {again.fault}"
        return
    if finished(shelf.now.cursor()) != again.cursor:
        yield "the store stands elsewhere than a replay of the same log"
    stored, fresh = shelf.now.contents(), again.store.contents()
    for name in sorted({*stored, *fresh}):
        if _kept(name, stored, fresh) != _kept(name, fresh, stored):
            yield f"the store's {name} are not those of a replay"
    wallets: dict[Member, int] = {}
    lots: dict[Member, dict[int, int]] = {}
    kept: dict[Member, list[tuple[int, int, int, bool]]] = {}
    for value in stored.get("wallets", {}).values():
        tenant, member, _, own, _, debt, _, _, _, holds, *_ = _array(value)
        wallets[tenant, member] = sum(lot[2] for lot in own) - debt
        kept[tenant, member] = [(each[0], each[1], each[2], each[8]) for each in holds]
        lots[tenant, member] = {lot[0]: lot[2] for lot in own if lot[2]}
    for member in book.members():
        if wallets.get(member, 0) != book.posted(member):
            yield f"{member}: the store has {wallets.get(member)}, must be {book.posted(member)}"
        purse = book.purses.of(member)
        held = {each.number: each.left for each in purse.lots.values() if each.left}
        if lots.get(member, {}) != held:
            yield f"{member}: the store has lots {lots.get(member)}, must be {held}"
        aside = [
            (each.number, each.left, each.captured, each.is_over)
            for each in book.accounts.set_aside.all_kept(member)
        ]
        if kept.get(member, []) != aside:
            yield f"{member}: the store has holds {kept.get(member)}, must be {aside}"
    open_lives = sum(life.is_open for lives in book.lives.values() for life in lives)
    if open_lives != len(stored.get("sessions", {})):
        yield f"{len(stored.get('sessions', {}))} sessions are open, must be {open_lives}"


def check_topics(shard: int, outputs: Outputs, shelf: Shelf, again: Replayed) -> Iterator[str]:
    """The topics hold what a replay says, byte for byte, and end where the store says."""
    cursor = finished(shelf.now.cursor())
    for stream in STREAMS:
        if outputs.streams[stream].values != again.values[stream]:
            yield f"{stream}/{shard} is not what a replay says"
        stored = 0 if cursor is None else cursor.head(stream).next
        if outputs.streams[stream].next != stored:
            yield f"{stream}/{shard} ends at {outputs.streams[stream].next}, the store at {stored}"


def check_warehouse(shard: int, outputs: Outputs, rows: VaultRows) -> Iterator[str]:
    """Every item is in its table once, and the ranges follow each other to the end."""
    items = [item for _, item in outputs.applied]
    expected = {
        LEDGER_ENTRIES.name: sum(len(each.entries) for _, each in outputs.transfers),
        CHARGES.name: sum(len(each.lines) for _, each in outputs.transfers),
        USAGE_EVENTS.name: sum(isinstance(each, AppliedUsage | LateUsage) for each in items),
        CDRS.name: sum(isinstance(each, Cdr) for each in items),
        SHADOW_CHARGES.name: sum(
            max(1, len(each.lines)) for each in items if isinstance(each, ShadowCharge)
        ),
        DEAD_LETTERS.name: len(outputs.letters),
    }
    indices = {LEDGER_ENTRIES.name: "entry", CHARGES.name: "line", SHADOW_CHARGES.name: "line"}
    tables = (LEDGER_ENTRIES, CHARGES, USAGE_EVENTS, CDRS, SHADOW_CHARGES, DEAD_LETTERS)
    for table in tables:
        shard_at, at = table.columns.index("shard"), table.columns.index("sequence")
        index = indices.get(table.name)
        index_at = None if index is None else table.columns.index(index)
        places = Counter(
            (row[at], 0 if index_at is None else row[index_at])
            for row in rows[table.name]
            if row[shard_at] == shard
        )
        double = places.total() - len(places)
        if double:
            yield f"{table.name}/{shard}: {double} rows are there twice"
        if len(places) != expected[table.name]:
            yield f"{table.name}/{shard}: {len(places)} rows, must be {expected[table.name]}"
    for stream, read in outputs.streams.items():
        ends = dict[int, int]()
        for topic, whose, first, last, *_ in rows[SINK_RANGES.name]:
            if topic == stream.value and whose == shard:
                start, end = int(str(first)), int(str(last)) + 1
                ends[start] = max(end, ends.get(start, 0))
        reached = 0
        while reached in ends:
            reached = ends[reached]
        if stream.value not in UNSUNK and reached != read.next:
            yield f"{stream}/{shard}: sunk up to {reached}, ends at {read.next}"


def check_money(outputs: Outputs, rows: VaultRows, shard: int) -> Iterator[str]:
    """The warehouse's balances are the ledger's."""
    columns = LEDGER_ENTRIES.columns
    cells = [columns.index(each) for each in ("tenant", "account", "amount_micros", "shard")]
    sums: Counter[tuple[Cell, Cell]] = Counter()
    for row in rows[LEDGER_ENTRIES.name]:
        tenant, account, amount, whose = (row[at] for at in cells)
        if whose == shard:
            sums[tenant, account] += int(str(amount))
    ledger: Counter[tuple[Cell, Cell]] = Counter()
    for _, transfer in outputs.transfers:
        for entry in transfer.entries:
            ledger[transfer.tenant, entry.account] += entry.amount_micros
    for place in sorted({*sums, *ledger}, key=str):
        if sums[place] != ledger[place]:
            yield f"{place}: the warehouse has {sums[place]}, the ledger {ledger[place]}"


def results_of(shelf: Shelf) -> dict[tuple[str, str, str], Result]:
    """Stored results of commands by tenant, member and key."""
    stored: dict[tuple[str, str, str], Result] = {}
    for field, value in shelf.now.contents().get("results", {}).items():
        tenant, member, key = field.decode().split("\x1f")
        stored[tenant, member, key] = msgspec.msgpack.decode(value[1:], type=Result)
    return stored


def check_answers(book: Book, shelf: Shelf, asked: Sequence[Asked]) -> Iterator[str]:
    """Every key has one result, and everybody who asked was told that one, or what fits."""
    stored = results_of(shelf)
    for name in sorted({*stored, *book.accounts.answers}):
        found, due = stored.get(name), book.accounts.answers.get(name)
        if found is None or due is None:
            yield f"key {name}: stored {found}, must be {due}"
            continue
        said = (found.outcome, found.reason, found.posted_at_ms, found.request_hash)
        if said != (due.outcome, due.reason, due.stamp_ms, due.request_hash):
            yield f"key {name}: stored {said}, must be {due}"
    for order, answer in asked:
        name = (order.tenant, order.member, order.key)
        if isinstance(answer, Result) and stored.get(name) != answer:
            yield f"key {name}: somebody was told {answer}, stored is {stored.get(name)}"
        due = book.accounts.answers.get(name)
        if due is None:
            continue
        is_same = due.said == order.said
        if is_same and answer == "idempotency-key-reused":
            yield f"key {name}: a repeat was told that it is another request"
        if not is_same and isinstance(answer, Result):
            yield f"key {name}: another request was told the first one's result"


def check_nothing_lost(
    journal: Journal, outcomes: Counter[tuple[EventName, str]], letters: set[EventName]
) -> Iterator[str]:
    """What was accepted was applied, put aside as late, or refused by name; and nothing else."""
    known = {name for name, _ in outcomes}
    for name in journal.accepted:
        is_manager = any(wording["data"].get("role") == "manager" for wording in journal.sent[name])
        if name not in known and name not in letters and not is_manager:
            yield f"event {name.id} of {name.subject} was accepted and is lost"
    for name in sorted(known - journal.sent.keys()):
        yield f"event {name.id} of {name.subject} was never sent"


def _kept(name: str, own: StoreHashes, other: StoreHashes) -> object:
    """A hash as far as it decides anything.

    What was let go of is taken out by and by (docs/adr/0007): closed sessions are compared where
    both have them, and what is still to be taken out is nobody's business.
    """
    fields = own.get(name, {})
    if name.startswith("evict:"):
        return None
    if name == "closed":
        return {field: value for field, value in fields.items() if field in other.get(name, {})}
    if name == "meta":
        found: dict[bytes, list[Any]] = {field: _array(value) for field, value in fields.items()}
        for domain in found[META_FIELD][DOMAINS_AT].values() if META_FIELD in found else ():
            domain[EXPIRED_AT] = []
        return found
    return fields


def _array(value: bytes) -> list[Any]:
    """A stored value without its version byte."""
    found: list[Any] = msgspec.msgpack.decode(value[1:])
    return found
