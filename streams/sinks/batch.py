"""What is written together: rows of many shards, cut into inserts that land whole or not at all.

Owns: gathering taken parts, and the cut into inserts.
Invariant: one insert holds one table and one month of posted time, and never a piece of a part,
so whether a part is in a table is one question. Ranges vouch for rows, so they come last.
Does not own: asking and writing (``writer``).
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import compress

from streams.sinks.source import Part
from warehouse.cells import whole
from warehouse.contiguous import Reached
from warehouse.port import Cell, Columns
from warehouse.rows import INSERT_ROWS_MAX, SINK_RANGES, Table

TOKEN_BYTES = 16


class Insert:
    """Rows of one insert, column by column.

    Args:
        table: Where they go.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self._cells: list[list[Cell]] = [[] for _ in table.columns]
        self._shards = self._cells[table.columns.index(table.shard_column)]
        self._sequences = self._cells[table.columns.index(table.sequence_column)]

    @property
    def rows(self) -> int:
        """How many it holds."""
        return len(self._shards)

    def columns(self) -> Columns:
        """What is to be written."""
        return Columns(self._cells)

    def extend(self, columns: Columns) -> None:
        """Put rows below those it has."""
        for own, more in zip(self._cells, columns.cells, strict=True):
            own.extend(more)

    def places(self) -> Iterator[tuple[int, int]]:
        """Shard and sequence of each row."""
        return zip(map(whole, self._shards), map(whole, self._sequences), strict=True)

    def without(self, places: AbstractSet[tuple[int, int]]) -> "Insert":
        """The rows of other places than these."""
        kept = [place not in places for place in self.places()]
        insert = Insert(self.table)
        insert.extend(Columns([list(compress(column, kept)) for column in self._cells]))
        return insert

    def token(self) -> str:
        """The same for the same rows of the same places: a hash of all places in their order."""
        places = blake2b(digest_size=TOKEN_BYTES)
        for column in (self._shards, self._sequences):
            places.update(array("q", map(whole, column)).tobytes())
        return f"{self.table.name}/{self.rows}/{places.hexdigest()}"


class Batch:
    """Parts that were taken and wait to be written.

    Only their cells are kept, in a few long columns: many small objects that stay would be looked
    at by the garbage collector again and again.
    """

    def __init__(self) -> None:
        self._inserts: list[Insert] = []
        self._open: dict[tuple[str, int], Insert] = {}
        self._ends: dict[tuple[str, int], tuple[int, int, Reached]] = {}
        self.parts = 0
        self.rows = 0
        self.value_bytes = 0

    def add(self, parts: Iterable[Part], first: int, reached: Reached) -> None:
        """Gather parts of one shard's stream.

        Args:
            parts: As ``Progress.take`` handed them out; at least one.
            first: The sequence that was expected before them, so that ranges leave no hole.
            reached: That progress after them.
        """
        for part in parts:
            key = (part.stream, part.shard)
            begun = self._ends[key][0] if key in self._ends else first
            self._ends[key] = (begun, part.posted_at_ms, reached)
            self.parts += 1
            self.value_bytes += part.value_bytes
            month = month_of(part.posted_at_ms)
            for table, columns in part.columns.items():
                if columns.height:
                    self._insert_for(table, month, columns.height).extend(columns)
                    self.rows += columns.height

    def inserts(self) -> Sequence[Insert]:
        """Everything but the ranges, cut; the order is that of arrival."""
        return self._inserts

    def ranges(self) -> Insert:
        """One row for each shard of each stream that it moves on."""
        insert = Insert(SINK_RANGES)
        insert.extend(
            Columns.from_rows(
                (stream, shard, first, end.next - 1, end.chain.hex(), end.resume_offset, posted_at)
                for (stream, shard), (first, posted_at, end) in sorted(self._ends.items())
            )
        )
        return insert

    def _insert_for(self, table: Table, month: int, height: int) -> Insert:
        """The insert that has room for so many rows more."""
        insert = self._open.get((table.name, month))
        if insert is None or insert.rows + height > INSERT_ROWS_MAX:
            insert = self._open[table.name, month] = Insert(table)
            self._inserts.append(insert)
        return insert


def month_of(posted_at_ms: int) -> int:
    """The partition of a posted time, as ``toYYYYMM`` in UTC gives it."""
    moment = datetime.fromtimestamp(posted_at_ms // 1_000, UTC)
    return moment.year * 100 + moment.month
