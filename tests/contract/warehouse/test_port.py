"""What every engine promises: exact cells, faults by class, nothing written by a question."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from schemas.errors import InvalidDocument
from tests.contract.warehouse.conftest import Engine
from tests.unit.warehouse.samples import POSTED_MS, transfer
from warehouse.migrate import migrate
from warehouse.opening import open_warehouse
from warehouse.port import Cell, Columns, Row, Warehouse, WarehouseRefused, WarehouseUnavailable
from warehouse.rows import CDRS, DEAD_LETTERS, LEDGER_ENTRIES, SINK_RANGES, Places, entry_columns

LARGEST = 2**53 - 1


def _put_entries(engine: Engine, *sequences: int, token: str = "t") -> None:
    transfers = [transfer()] * len(sequences)
    columns = entry_columns(transfers, Places(0, sequences, 1, POSTED_MS))
    engine.warehouse.insert(LEDGER_ENTRIES.name, LEDGER_ENTRIES.columns, columns, token)


def _count(engine: Engine) -> object:
    [[count]] = engine.reader.query("SELECT count() FROM ledger_entries").rows
    return count


def test_insert_when_rows_are_put_then_come_back_exactly(engine: Engine) -> None:
    """Numbers, nulls, arrays and any text survive the way in and out."""
    body = "'; DROP TABLE cdrs; -- 한국 \\ \x00 \U0001f3ac"
    row = ("t", "s", "e", "m", "r", body, "p", -LARGEST, "", "utf-8", 4095, LARGEST, 7, POSTED_MS)
    engine.warehouse.insert(
        DEAD_LETTERS.name, DEAD_LETTERS.columns, Columns.from_rows([row]), "one"
    )
    answer = engine.reader.query(
        "SELECT detail, refused_at_ms, shard, sequence FROM dead_letters WHERE detail = %(body)s",
        {"body": body},
    )
    assert answer.columns == ("detail", "refused_at_ms", "shard", "sequence")
    assert answer.rows == [[body, -LARGEST, 4095, LARGEST]]


def test_insert_when_cells_are_arrays_then_keep_their_order(engine: Engine) -> None:
    """Meters are two arrays, name by name; empty ones too."""
    cells: Mapping[str, Cell] = dict.fromkeys(CDRS.columns, 0) | dict.fromkeys(
        ("tenant", "source", "session", "subject", "content", "tariff", "cause", "currency",
         "evidence", "sealed"), "x",
    )  # fmt: skip
    for sequence, (names, amounts) in enumerate([(["b", "a"], [2, LARGEST]), ([], [])]):
        row = {**cells, "meter_names": names, "meter_amounts": amounts, "sequence": sequence}
        columns = Columns.from_rows([tuple(row.values())])
        engine.warehouse.insert(CDRS.name, CDRS.columns, columns, f"c{sequence}")
    answer = engine.reader.query("SELECT meter_names, meter_amounts FROM cdrs ORDER BY sequence")
    assert answer.rows == [[["b", "a"], [2, LARGEST]], [[], []]]


def test_sum_when_beyond_64_bits_then_is_exact(engine: Engine) -> None:
    """Sums are made in 128 bits and arrive whole."""
    row = ("s", 0, 0, 2**63 - 1, "", 0, 0)
    columns = Columns.from_rows([row] * 3)
    engine.warehouse.insert(SINK_RANGES.name, SINK_RANGES.columns, columns, "sum")
    [[total]] = engine.reader.query("SELECT sum(toDecimal128(last, 0)) FROM sink_ranges").rows
    assert total == 3 * (2**63 - 1)


def test_insert_when_its_token_is_repeated_then_lands_once_where_tokens_are_known(
    engine: Engine,
) -> None:
    """A retry with the same token changes nothing on engines with a window."""
    _put_entries(engine, 1, token="again")
    _put_entries(engine, 1, token="again")
    assert _count(engine) == (3 if engine.takes_tokens else 6)


def test_insert_when_cells_do_not_fit_then_is_refused_whole(engine: Engine) -> None:
    """A wrong cell, table or column is final, and no row of it stays."""
    good = ("s", 0, 0, 1, "", 0, 0)
    cases: list[tuple[str, tuple[str, ...], list[Row]]] = [
        ("sink_ranges", SINK_RANGES.columns, [good, ("s", "no number", 0, 1, "", 0, 0)]),
        ("no_such_table", SINK_RANGES.columns, [good]),
        ("sink_ranges", ("stream", "no_such_column"), [("s", 1)]),
    ]
    for table, names, rows in cases:
        with pytest.raises(WarehouseRefused):
            engine.warehouse.insert(table, names, Columns.from_rows(rows), "bad")
    assert engine.reader.query("SELECT count() FROM sink_ranges").rows == [[0]]


@pytest.mark.parametrize(
    "sql",
    ["SELEC 1", "SELECT no_such_column FROM cdrs", "INSERT INTO cdrs (tenant) VALUES ('x')",
     "DROP TABLE cdrs", "CREATE TABLE x (a Int8) ENGINE = Memory"],
)  # fmt: skip
def test_query_when_it_is_wrong_or_writes_then_is_refused(engine: Engine, sql: str) -> None:
    """A question changes nothing, and a wrong one is not worth asking again."""
    with pytest.raises(WarehouseRefused):
        engine.reader.query(sql)
    assert engine.reader.query("SELECT count() FROM cdrs").rows == [[0]]


def test_query_when_a_percent_sign_stands_alone_then_is_sent_as_it_is(engine: Engine) -> None:
    """Doubling is asked for only beside parameters."""
    assert engine.reader.query("SELECT 7 % 4 AS a, 'x' LIKE '%x%' AS b").rows == [[3, 1]]


def test_migrate_when_run_again_then_applies_nothing(engine: Engine) -> None:
    """Each file is applied once."""
    assert migrate(engine.warehouse, now_ms=lambda: 2) == []


def test_migrate_when_a_stop_tore_its_record_away_then_every_statement_runs_again(
    engine: Engine, tmp_path: Path
) -> None:
    """A column that is there already is left as it is, also where the engine cannot say so."""
    column = "ALTER TABLE cdrs ADD COLUMN IF NOT EXISTS sealed String AFTER evidence"
    Path(tmp_path, "9001_again.sql").write_text(column, encoding="utf-8")
    done = migrate(engine.warehouse, now_ms=lambda: 2, folder=tmp_path)
    assert done in (["again"], [])
    found = engine.reader.query("SELECT count() FROM system.columns WHERE table = 'cdrs'").rows
    assert found == [[len(CDRS.columns) + 1]]


def test_migrate_when_a_file_was_changed_then_refuses(engine: Engine, tmp_path: Path) -> None:
    """What was applied does not change under the tables."""
    Path(tmp_path, "0001_tables.sql").write_text("SELECT 1", encoding="utf-8")
    with pytest.raises(InvalidDocument, match="changed after"):
        migrate(engine.warehouse, now_ms=lambda: 2, folder=tmp_path)


@pytest.mark.parametrize("scheme", ["http", "clickhouse"])
def test_query_when_nobody_listens_then_is_unavailable(scheme: str) -> None:
    """No answer is a fault worth a retry."""
    warehouse = open_warehouse(f"{scheme}://127.0.0.1:1")
    with pytest.raises(WarehouseUnavailable):
        warehouse.query("SELECT 1")
    warehouse.close()


def test_remote_when_asked_to_write_then_refuses() -> None:
    """Only the process that owns the engine writes."""
    warehouse = open_warehouse("http://127.0.0.1:1")
    with pytest.raises(WarehouseRefused):
        warehouse.insert("cdrs", ("tenant",), Columns.from_rows([("x",)]), "t")
    with pytest.raises(WarehouseRefused):
        warehouse.execute("DROP TABLE cdrs")
    warehouse.close()


def test_embedded_when_opened_then_has_read_its_own_settings(embedded: Warehouse) -> None:
    """The engine in the process is told to merge less often than a server of its own would."""
    answer = embedded.query(
        "SELECT value FROM system.merge_tree_settings WHERE name = 'merge_selector_base'"
    )
    assert answer.rows == [["10"]]
