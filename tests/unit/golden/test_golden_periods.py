"""Golden rows over calendar periods: caps and volumes that outlive a session."""

import pytest

from tests.unit.golden.reading import Row, rows_of
from tests.unit.golden.running import ORDERS, faults_of

ROWS = rows_of("periods")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_golden_row_when_a_period_counts_then_lines_and_debit_are_as_written(row: Row) -> None:
    """Over several sessions, whatever the order, the member pays what the row says."""
    assert [fault for feed in ORDERS for fault in faults_of(row, feed)] == []


def test_golden_rows_of_periods_when_added_up_then_their_lines_are_their_totals() -> None:
    """A slip of the pen would be found before the product is asked."""
    sums = {row.name: sum(amount for _, amount in row.lines.values()) for row in ROWS}
    assert sums == {row.name: row.total_micros for row in ROWS}
