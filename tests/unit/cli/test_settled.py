"""Waiting for a stack to rest."""

from collections.abc import Mapping

from cli.settled import await_warehouse
from warehouse.port import Cell, Rows, WarehouseUnavailable


class Waking:
    """See ``warehouse.port.Reader``: it is started again just now."""

    def __init__(self, refusals: int) -> None:
        self.asked = 0
        self._refusals = refusals

    def query(self, sql: str, parameters: Mapping[str, Cell] | None = None) -> Rows:
        """No rows, once it answers."""
        del sql, parameters
        self.asked += 1
        if self.asked <= self._refusals:
            raise WarehouseUnavailable("the SQL endpoint: connection refused")
        return Rows((), [])

    def close(self) -> None:
        """Nothing to give back."""


def test_warehouse_when_it_is_started_again_then_is_waited_for() -> None:
    """One that was killed answers nobody for a moment; that is no verdict on what it has."""
    reader = Waking(2)
    await_warehouse(reader, {})
    assert reader.asked == 2 + 3
