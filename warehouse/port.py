"""What the project asks of a warehouse, whichever engine is behind it.

Owns: the port, its cells and its faults.
Invariant: a result holds whole numbers as exact ints however wide they are, and only cells that
JSON can carry, so every adapter gives the same answer to the same question.
Does not own: SQL, tables, retries.

Placeholders are ``%(name)s``; each adapter's client quotes the value. Text without parameters is
sent as it is, so a literal ``%`` needs doubling only beside parameters.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, Self, TypeAlias

from schemas.errors import NcashError, RecoverableError

Cell: TypeAlias = "int | float | str | Sequence[Cell] | None"
Row: TypeAlias = Sequence[Cell]
RESULT_ROWS_MAX = 1_000_000
QUERY_SECONDS_MAX = 60


class WarehouseUnavailable(RecoverableError):
    """The engine cannot be reached or cannot take more now; the outcome may be unknown."""


class WarehouseRefused(NcashError):
    """The engine read the statement and refused it; asking again changes nothing."""


@dataclass(frozen=True, slots=True)
class Rows:
    """An answer.

    Args:
        columns: Names, in order.
        rows: One list of cells per row.
    """

    columns: tuple[str, ...]
    rows: list[list[Cell]]


@dataclass(frozen=True, slots=True)
class Columns:
    """Cells to be put into a table, column by column, as engines keep them.

    Args:
        cells: One sequence per column, all equally long.
    """

    cells: Sequence[Sequence[Cell]]

    @classmethod
    def from_rows(cls, rows: Iterable[Row]) -> Self:
        """The same cells, given row by row; each row has a cell for every column."""
        return cls(list(zip(*rows, strict=True)))

    def with_rows(self, rows: Iterable[Row]) -> Self:
        """These cells and, below them, those of some rows more."""
        return type(self).from_rows([*zip(*self.cells, strict=True), *rows])

    @property
    def height(self) -> int:
        """How many rows they make."""
        return len(self.cells[0]) if self.cells else 0


class Reader(Protocol):
    """Asks questions. Safe to use from several threads."""

    def query(self, sql: str, parameters: Mapping[str, Cell] | None = None) -> Rows:
        """The answer to one SELECT, SHOW, DESCRIBE, EXPLAIN or WITH.

        Blocks; waits for running inserts on the embedded engine; never retries; idempotent.

        Args:
            sql: One statement with ``%(name)s`` placeholders.
            parameters: A value for each of them, or None when there are none.

        Raises:
            WarehouseUnavailable: No answer.
            WarehouseRefused: The statement is wrong, or its answer is over the limits.
        """
        ...

    def close(self) -> None:
        """Give the engine back; blocks until running calls are done. Idempotent."""
        ...


class Warehouse(Reader, Protocol):
    """Takes rows and changes tables as well."""

    def insert(self, table: str, names: Sequence[str], columns: Columns, token: str) -> None:
        """Put rows into a table, all or none when they are of one partition.

        Blocks; goes before waiting queries; never retries. Idempotent by token only where the
        engine keeps a deduplication window; elsewhere, after ``WarehouseUnavailable``, the caller
        looks whether the rows are there before it asks again.

        Args:
            table: Its name.
            names: Of the columns, in their order.
            columns: At most ``INSERT_ROWS_MAX`` of warehouse.rows high.
            token: The same for the same rows, another for others.

        Raises:
            WarehouseUnavailable: No answer: the rows may be there or not.
            WarehouseRefused: Table, columns or cells are wrong; nothing was written.
        """
        ...

    def execute(self, sql: str) -> None:
        """Run one statement that answers nothing, such as DDL.

        Blocks; never retries; as idempotent as the statement.

        Raises:
            WarehouseUnavailable: No answer: the statement may have run.
            WarehouseRefused: The statement is wrong.
        """
        ...


def cell_from_engine(value: object) -> Cell:
    """A cell from what an engine's client hands out.

    Args:
        value: Any Python value that a ClickHouse client makes of a column.

    Returns:
        Exact ints for whole decimals; text for dates, fractions, identifiers and bytes.
    """
    if value is None or isinstance(value, int | str):
        return value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode(errors="backslashreplace")
    if isinstance(value, list | tuple):
        return [cell_from_engine(inner) for inner in value]
    return str(value)


def rows_from_engine(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Rows:
    """An answer from what an engine's client hands out."""
    return Rows(tuple(columns), [[cell_from_engine(cell) for cell in row] for row in rows])
