"""The warehouse in memory: rows by table, and the few questions that sinks ask.

Invariant: rows are never dropped and never merged, and a token is not known: the engine that helps
least. It answers what ``streams.sinks`` and ``warehouse`` ask today, and refuses anything else.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from cli.sim.faults import Point
from cli.sim.world import Process, World, chance_of
from schemas.moment import SECOND_MS
from warehouse.port import Cell, Columns, Rows, WarehouseRefused
from warehouse.rows import (
    CDRS,
    CHARGES,
    DEAD_LETTERS,
    INGEST_DEAD_LETTERS,
    LATE_USAGE,
    LEDGER_ENTRIES,
    SHADOW_CHARGES,
    SINK_RANGES,
    USAGE_EVENTS,
    Table,
)

TABLES = {
    table.name: table
    for table in (
        USAGE_EVENTS,
        CDRS,
        LEDGER_ENTRIES,
        CHARGES,
        DEAD_LETTERS,
        INGEST_DEAD_LETTERS,
        LATE_USAGE,
        SHADOW_CHARGES,
        SINK_RANGES,
    )
}
LANDS_MS_MAX = 5 * SECOND_MS

T = TypeVar("T")
_PLACES = re.compile(r"SELECT DISTINCT (\w+), (\w+) FROM (\w+) WHERE (.+)")
_BOUND = re.compile(r"\(\w+ = (\d+) AND \w+ >= (\d+)\)")


class Vault:
    """What the warehouse has.

    Args:
        world: Tells the time; lets what is under way land.
    """

    def __init__(self, world: World) -> None:
        self.rows: dict[str, list[tuple[Cell, ...]]] = {name: [] for name in TABLES}
        self.under_way = dict.fromkeys(TABLES, 0)
        self._world = world
        self._chance = chance_of(world.seed, "vault")

    def insert(self, table: str, names: Sequence[str], columns: Columns) -> None:
        """Takes rows, whole."""
        if tuple(names) != TABLES[table].columns:
            raise WarehouseRefused(f"{table} has other columns")
        self.rows[table] += zip(*columns.cells, strict=True)

    def land_late(self, table: str, act: Callable[[], object]) -> None:
        """An insert that goes on although its sender has given up."""
        self.under_way[table] += 1

        def land() -> None:
            self.under_way[table] -= 1
            self._world.trace(f"an insert into {table} lands after all")
            act()

        self._world.loop.call_later(self._chance.randint(1, LANDS_MS_MAX) / SECOND_MS, land)

    def query(self, sql: str, parameters: Mapping[str, Cell]) -> list[list[Cell]]:
        """The answer to one of the known questions."""
        if "FROM system.processes" in sql:
            table = str(parameters["begins"]).removeprefix("INSERT INTO ").removesuffix(" %")
            return [[self.under_way[table]]]
        if sql.startswith("SELECT shard, min(first)"):
            return self._reached(str(parameters["stream"]))
        if sql.startswith("SELECT DISTINCT first, last"):
            return self._ranges(str(parameters["stream"]), parameters["shard"])
        found = _PLACES.fullmatch(sql)
        if found is not None:
            return self._places(TABLES[found.group(3)], found.group(4))
        raise WarehouseRefused(f"unknown question: {sql}")

    def _distinct_ranges(self, stream: str) -> list[tuple[Cell, ...]]:
        ranges = (row[1:6] for row in self.rows[SINK_RANGES.name] if row[0] == stream)
        return list(dict.fromkeys(ranges))

    def _reached(self, stream: str) -> list[list[Cell]]:
        shards: dict[int, list[tuple[int, int, Cell, Cell]]] = {}
        for shard, first, last, chain, offset in self._distinct_ranges(stream):
            span = (int(str(first)), int(str(last)), chain, offset)
            shards.setdefault(int(str(shard)), []).append(span)
        answer: list[list[Cell]] = []
        for shard, spans in sorted(shards.items()):
            top = max(spans, key=lambda span: span[1])
            length = sum(last - first + 1 for first, last, _, _ in spans)
            answer.append([shard, min(s[0] for s in spans), top[1], length, top[2], top[3]])
        return answer

    def _ranges(self, stream: str, shard: Cell) -> list[list[Cell]]:
        return [list(row[1:]) for row in self._distinct_ranges(stream) if row[0] == shard]

    def _places(self, table: Table, wanted: str) -> list[list[Cell]]:
        shard_at = table.columns.index(table.shard_column)
        sequence_at = table.columns.index(table.sequence_column)
        bounds = {int(key): int(bound) for key, bound in _BOUND.findall(wanted)}
        found: dict[tuple[Cell, Cell], None] = {}
        for row in self.rows[table.name]:
            shard, sequence = int(str(row[shard_at])), int(str(row[sequence_at]))
            if shard in bounds and sequence >= bounds[shard]:
                found[shard, sequence] = None
        return [list(place) for place in found]


class SimWarehouse:
    """A process's way to the vault; see ``warehouse.port.Warehouse``."""

    def __init__(self, world: World, actor: Process, vault: Vault) -> None:
        self._world = world
        self._actor = actor
        self._vault = vault

    def query(self, sql: str, parameters: Mapping[str, Cell] | None = None) -> Rows:
        """See ``warehouse.port.Reader``."""
        rows = self._world.effect_now(
            self._actor, Point.QUERY, lambda: self._vault.query(sql, parameters or {})
        )
        return Rows((), rows)

    def look(self, point: Point, act: Callable[[], T]) -> T:
        """One look at the rows that is no question of SQL."""
        return self._world.effect_now(self._actor, point, act)

    def insert(self, table: str, names: Sequence[str], columns: Columns, token: str) -> None:
        """See ``warehouse.port.Warehouse``."""
        del token
        self._world.effect_now(
            self._actor,
            Point.INSERT,
            lambda: self._vault.insert(table, names, columns),
            later=lambda act: self._vault.land_late(table, act),
        )

    def execute(self, sql: str) -> None:
        """See ``warehouse.port.Warehouse``; the vault needs no tables made."""
        raise WarehouseRefused(f"the vault runs no statements: {sql}")

    def close(self) -> None:
        """See ``warehouse.port.Reader``."""
