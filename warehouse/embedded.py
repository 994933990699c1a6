"""The embedded engine: chDB in this process, through ``clickhouse-connect``.

Owns: the two handles on one folder, one that writes and one that the engine itself keeps from
writing (``readonly = 1``).
Invariant: one process owns the folder; within it calls take turns, inserts first.
Does not own: SQL, the network; other processes ask through ``warehouse.endpoint``.

Trap: chDB takes a ``config.xml`` in the current folder for its own and dies when it is a
server's, so its presence refuses to start with the reason.
"""

import struct
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError

from warehouse.faults import fault_from_text
from warehouse.port import (
    QUERY_SECONDS_MAX,
    RESULT_ROWS_MAX,
    Cell,
    Columns,
    Rows,
    WarehouseRefused,
    rows_from_engine,
)
from warehouse.turns import Turns

if TYPE_CHECKING:
    from clickhouse_connect.datatypes.base import ClickHouseType
    from clickhouse_connect.driver.client import Client

# What only the embedded engine is told; a server has its operator's own.
CONFIG = Path(__file__).parents[1] / "infra" / "clickhouse" / "embedded.xml"
# readonly stands last: after it, nothing can be set any more.
_READER_SETTINGS = (
    f"SET max_result_rows = {RESULT_ROWS_MAX}",
    "SET result_overflow_mode = 'throw'",
    f"SET max_execution_time = {QUERY_SECONDS_MAX}",
    "SET readonly = 1",
)


class EmbeddedWarehouse:
    """chDB on a folder that this process owns.

    Args:
        folder: Made when missing.

    Raises:
        WarehouseRefused: Another process holds the folder, or a ``config.xml`` is in the way.
    """

    def __init__(self, folder: Path) -> None:
        if Path("config.xml").exists():
            raise WarehouseRefused(
                f"{Path.cwd()} holds a config.xml, which chDB would take for its own; "
                "start in another folder"
            )
        folder.mkdir(parents=True, exist_ok=True)
        self._turns = Turns()
        self._types: dict[tuple[str, tuple[str, ...]], list[ClickHouseType]] = {}
        with _faults():
            self._writer = _client(folder)
            self._reader = _client(folder)
            for statement in _READER_SETTINGS:
                self._reader.command(statement)

    def query(self, sql: str, parameters: Mapping[str, Cell] | None = None) -> Rows:
        """See the port."""
        with self._turns.query(), _faults():
            answer = self._reader.query(sql, parameters=dict(parameters) if parameters else None)
            return rows_from_engine(answer.column_names, answer.result_rows)

    def insert(self, table: str, names: Sequence[str], columns: Columns, token: str) -> None:
        """See the port."""
        if not columns.height:
            return
        with self._turns.insert(), _faults():
            self._writer.insert(
                table,
                columns.cells,
                column_names=names,
                column_types=self._column_types(table, tuple(names)),
                column_oriented=True,
                settings={"insert_deduplication_token": token},
            )

    def execute(self, sql: str) -> None:
        """See the port."""
        with self._turns.insert(), _faults():
            self._writer.command(sql)

    def close(self) -> None:
        """See the port."""
        with self._turns.insert():
            self._reader.close()
            self._writer.close()

    def _column_types(self, table: str, names: tuple[str, ...]) -> "list[ClickHouseType]":
        """Asked once per table: the client would describe it before every insert."""
        known = self._types.get((table, names))
        if known is None:
            context = self._writer.create_insert_context(table, column_names=names)
            known = self._types[table, names] = list(context.column_types)
        return known


def _client(folder: Path) -> "Client":
    return clickhouse_connect.get_client(
        interface="chdb", path=str(folder), chdb_options={"config-file": str(CONFIG)}
    )


@contextmanager
def _faults() -> Generator[None]:
    try:
        yield
    except ClickHouseError as error:
        raise fault_from_text(str(error)) from error
    except (TypeError, ValueError, OverflowError, struct.error) as error:
        raise WarehouseRefused(f"a cell does not fit its column: {error}") from error
