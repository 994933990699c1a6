"""What is written together: rows of many shards, cut into inserts that land whole or not at all.

Owns: gathering taken parts, and the cut into inserts.
Invariant: one insert holds one table and one month of posted time, and never a piece of a part,
so whether a part is in a table is one question. Ranges vouch for rows, so they come last.
Does not own: asking and writing (``writer``).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from streams.sinks.source import Part
from warehouse.contiguous import Reached
from warehouse.port import Row
from warehouse.rows import INSERT_ROWS_MAX, SINK_RANGES, Table


@dataclass(slots=True)
class Insert:
    """Rows of one insert.

    Args:
        table: Where they go.
        rows: Each with its shard and sequence.
    """

    table: Table
    rows: list[tuple[int, int, Row]] = field(default_factory=list)

    def token(self) -> str:
        """The same for the same rows of the same places: names the ends of each shard's run."""
        ends: dict[int, tuple[int, int]] = {}
        for shard, sequence, _ in self.rows:
            low, high = ends.get(shard, (sequence, sequence))
            ends[shard] = (min(low, sequence), max(high, sequence))
        runs = ",".join(f"{shard}:{low}-{high}" for shard, (low, high) in sorted(ends.items()))
        return f"{self.table.name}/{len(self.rows)}/{runs}"


class Batch:
    """Parts that were taken and wait to be written."""

    def __init__(self) -> None:
        self._parts: list[Part] = []
        self._ends: dict[tuple[str, int], tuple[int, int, Reached]] = {}
        self.rows = 0

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
            self._parts.append(part)
            self.rows += sum(map(len, part.rows.values()))

    @property
    def parts(self) -> int:
        """How many messages it holds."""
        return len(self._parts)

    def inserts(self) -> Iterator[Insert]:
        """Everything but the ranges, cut; the order is that of arrival."""
        open_inserts: dict[tuple[str, int], Insert] = {}
        for part in self._parts:
            month = month_of(part.posted_at_ms)
            for table, rows in part.rows.items():
                if not rows:
                    continue
                insert = open_inserts.setdefault((table.name, month), Insert(table))
                if insert.rows and len(insert.rows) + len(rows) > INSERT_ROWS_MAX:
                    yield insert
                    insert = open_inserts[table.name, month] = Insert(table)
                shard = part.shard
                insert.rows.extend((shard, sequence, row) for sequence, row in rows)
        yield from open_inserts.values()

    def ranges(self) -> Insert:
        """One row for each shard of each stream that it moves on."""
        insert = Insert(SINK_RANGES)
        for (stream, shard), (first, posted_at_ms, end) in sorted(self._ends.items()):
            chain, offset = end.chain.hex(), end.resume_offset
            row = (stream, shard, first, end.next - 1, chain, offset, posted_at_ms)
            insert.rows.append((shard, first, row))
        return insert


def month_of(posted_at_ms: int) -> int:
    """The partition of a posted time, as ``toYYYYMM`` in UTC gives it."""
    moment = datetime.fromtimestamp(posted_at_ms // 1_000, UTC)
    return moment.year * 100 + moment.month
