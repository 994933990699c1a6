"""How taken parts become inserts."""

import pytest

from schemas.outputs import Stream
from streams.sinks import batch as batch_module
from streams.sinks.batch import Batch, Insert, month_of
from streams.sinks.progress import Progress
from streams.sinks.source import Message, applied_part, ledger_part
from tests.unit.warehouse.samples import LATE, POSTED_MS, OutputChain, cdr, shadow, transfer, usage
from warehouse.rows import (
    CDRS,
    CHARGES,
    LATE_USAGE,
    LEDGER_ENTRIES,
    SHADOW_CHARGES,
    SINK_RANGES,
    USAGE_EVENTS,
    Table,
)

MONTH_MS = 31 * 86_400_000


def _ledger_batch(*streams: list[Message]) -> Batch:
    batch = Batch()
    for messages in streams:
        progress = Progress(None)
        for message in messages:
            expected = progress.next
            taken = progress.take(ledger_part(message))
            batch.add(taken, expected, progress.reached())
    return batch


def test_batch_when_it_covers_shards_then_each_table_is_one_insert() -> None:
    """Rows of all shards go into a table together, and one range per shard follows."""
    chains = [OutputChain(Stream.LEDGER, shard) for shard in range(3)]
    batch = _ledger_batch(*[[chain.message(transfer(), transfer())] for chain in chains])
    inserts = {insert.table: insert.rows for insert in batch.inserts()}
    assert inserts == {LEDGER_ENTRIES: 18, CHARGES: 12}
    assert batch.rows == 30
    ranges = batch.ranges()
    assert ranges.table is SINK_RANGES
    assert ranges.columns().cells[2:4] == [[0] * 3, [1] * 3]


def test_batch_when_it_crosses_a_month_then_each_insert_stays_within_one() -> None:
    """An insert over two partitions could land by half."""
    chain = OutputChain(Stream.LEDGER)
    messages = [
        chain.message(transfer(), posted_at_ms=POSTED_MS),
        chain.message(transfer(), posted_at_ms=POSTED_MS + MONTH_MS),
    ]
    inserts = _ledger_batch(messages).inserts()
    assert [insert.rows for insert in inserts] == [3, 2, 3, 2]
    assert len({insert.token() for insert in inserts}) == 4


def test_batch_when_rows_are_many_then_it_cuts_between_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An insert is bounded and never holds a piece of a part."""
    monkeypatch.setattr(batch_module, "INSERT_ROWS_MAX", 7)
    chain = OutputChain(Stream.LEDGER)
    batch = _ledger_batch([chain.message(transfer(), transfer()) for _ in range(3)])
    entries = [insert for insert in batch.inserts() if insert.table is LEDGER_ENTRIES]
    assert [insert.rows for insert in entries] == [6, 6, 6]
    assert [next(insert.places()) for insert in entries] == [(0, 0), (0, 2), (0, 4)]


def test_applied_part_when_items_are_mixed_then_each_finds_its_table() -> None:
    """Usage, late usage, CDRs and shadows share one sequence and part into their tables."""
    items = (usage("a"), cdr(), LATE, usage("b"), shadow())
    part = applied_part(OutputChain(Stream.APPLIED).message(*items))
    found: dict[Table, set[tuple[int, int]]] = {}
    for table, columns in part.columns.items():
        insert = Insert(table)
        insert.extend(columns)
        found[table] = set(insert.places())
    events = {(0, 0), (0, 2), (0, 3)}
    assert found == {
        USAGE_EVENTS: events,
        CDRS: {(0, 1)},
        LATE_USAGE: {(0, 2)},
        SHADOW_CHARGES: {(0, 4)},
    }


def test_insert_when_places_are_left_out_then_keeps_the_others_whole() -> None:
    """What had landed is left out row by row, and the token names what is left."""
    chain = OutputChain(Stream.LEDGER)
    batch = _ledger_batch([chain.message(transfer("kim"), transfer("lee"))])
    entries = batch.inserts()[0]
    rest = entries.without({(0, 0)})
    assert set(rest.places()) == {(0, 1)}
    assert rest.columns().cells[1] == ["lee"] * 3
    assert rest.token() != entries.token()
    assert entries.without(set()).token() == entries.token()


def test_token_when_rows_are_of_other_shards_then_differs() -> None:
    """Equal sequences of two shards are not the same rows."""
    one, other = (
        _ledger_batch([OutputChain(Stream.LEDGER, shard).message(transfer())]) for shard in (0, 1)
    )
    assert one.inserts()[0].token() != other.inserts()[0].token()


@pytest.mark.parametrize(
    ("at_ms", "month"),
    [(0, 197001), (1_764_547_199_999, 202511), (1_764_547_200_000, 202512)],
)
def test_month_when_at_its_edge_then_is_utc(at_ms: int, month: int) -> None:
    """The cut agrees with the tables' partitions to the millisecond."""
    assert month_of(at_ms) == month
