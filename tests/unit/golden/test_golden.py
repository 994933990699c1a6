"""Golden rows: what use costs, against figures that no program made."""

import pytest

from tests.unit.golden.reading import Row, rows_of
from tests.unit.golden.running import ORDERS, faults_of

KINDS = (
    "time", "rates", "fee", "volume", "graduated", "volume_mode", "items", "pages", "flat",
    "caps", "versions", "rounding", "periods", "counted_rates",
)  # fmt: skip
ROWS = [row for table in (*KINDS, "boundaries") for row in rows_of(table)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_golden_row_when_its_use_arrives_then_lines_and_debit_are_as_written(row: Row) -> None:
    """Whatever the order and the repeats, the member pays what the row says, for what it says."""
    assert [fault for feed in ORDERS for fault in faults_of(row, feed)] == []


def test_golden_rows_when_added_up_then_their_lines_are_their_totals() -> None:
    """A slip of the pen would be found before the product is asked."""
    sums = {row.name: sum(amount for _, amount in row.lines.values()) for row in ROWS}
    assert sums == {row.name: row.total_micros for row in ROWS}


def test_golden_rows_when_counted_then_are_enough_of_each() -> None:
    """At least 150, 8 of each kind, 20 where two boundaries meet; no name twice."""
    assert len(ROWS) >= 150
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert all(len(rows_of(table)) >= 8 for table in KINDS)
    assert len(rows_of("boundaries")) >= 20
