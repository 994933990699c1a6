"""What may be asked at the SQL endpoint, whose turn it is, and how faults are told apart."""

from decimal import Decimal
from threading import Event, Thread

import pytest

from schemas.errors import InvalidDocument
from warehouse.endpoint import checked_sql
from warehouse.faults import fault_from_text
from warehouse.opening import open_warehouse
from warehouse.port import Cell, WarehouseRefused, WarehouseUnavailable, cell_from_engine
from warehouse.turns import Turns


@pytest.mark.parametrize(
    ("sql", "asked"),
    [
        ("SELECT 1", "SELECT 1"),
        ("  -- why\n/* and */ select 1 ;\n", "select 1"),
        ("(SELECT 1) UNION ALL SELECT 2", "(SELECT 1) UNION ALL SELECT 2"),
        ("WITH 1 AS x SELECT x", "WITH 1 AS x SELECT x"),
        ("SHOW TABLES", "SHOW TABLES"),
    ],
)
def test_checked_sql_when_it_reads_then_is_passed_on(sql: str, asked: str) -> None:
    """Comments before and a semicolon after do not matter."""
    assert checked_sql(sql) == asked


@pytest.mark.parametrize(
    "sql",
    ["", "INSERT INTO t VALUES (1)", "/* SELECT */ DROP TABLE t", "SET readonly = 0", "-- SELECT",
     "ALTER TABLE t DELETE WHERE 1", "SELECT 1 into  outfile 'x'"],
)  # fmt: skip
def test_checked_sql_when_it_does_more_then_is_refused(sql: str) -> None:
    """Anything that is not a plain question is refused before the engine sees it."""
    with pytest.raises(WarehouseRefused):
        checked_sql(sql)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (Decimal(123456789012345678901), 123456789012345678901),
        (Decimal("1.5"), "1.5"),
        (float("nan"), "nan"),
        (b"abc\xff", "abc\\xff"),
        ((1, [None, "x"]), [1, [None, "x"]]),
    ],
)
def test_cell_when_made_then_json_can_carry_it(value: object, cell: Cell) -> None:
    """Whole numbers stay exact at any width; the rest becomes text."""
    assert cell_from_engine(value) == cell


def test_fault_when_the_code_is_known_then_says_whether_to_retry() -> None:
    """Memory and network pass; a syntax error does not, nor does what nobody knows."""
    assert isinstance(fault_from_text("Code: 241. Memory limit"), WarehouseUnavailable)
    for message in ("Code: 62. DB::Exception: Syntax error", "something else"):
        assert isinstance(fault_from_text(message), WarehouseRefused)


@pytest.mark.parametrize("url", ["mysql://x", "chdb://", "chdb:///", ""])
def test_open_warehouse_when_the_url_is_another_then_says_which_are_known(url: str) -> None:
    """A wrong setting is named with its mend."""
    with pytest.raises(InvalidDocument, match="chdb:///folder"):
        open_warehouse(url)


def test_turns_when_both_wait_then_the_insert_goes_first() -> None:
    """A query that waited longer still lets the insert pass."""
    turns, order = Turns(), list[str]()
    begun, insert_waits = Event(), Event()

    def ask() -> None:
        begun.set()
        with turns.query():
            order.append("query")

    def put() -> None:
        insert_waits.set()
        with turns.insert():
            order.append("insert")

    threads = [Thread(target=ask), Thread(target=put)]
    with turns.query():
        threads[0].start()
        assert begun.wait(5)
        threads[1].start()
        assert insert_waits.wait(5)
        while not turns._inserts_waiting:
            pass
    for thread in threads:
        thread.join(5)
    assert order == ["insert", "query"]
