"""Versioned SQL migrations, each applied once.

Owns: ``infra/clickhouse/migrations/NNNN_name[.modern].sql`` and the table ``schema_migrations``.
Invariant: files are applied in the order of their numbers; one that was applied never changes.
Every statement can run again, so a crash in the middle of a file is mended by the next start.
Does not own: the tables' meaning.

Why not a library: clickhouse-migrations (0.16), the best kept one, opens its own connection from
a host and a port, by either driver; an engine inside this process has neither, and the folder can
have no second owner. What is left to do is this file.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from schemas.errors import InvalidDocument
from warehouse.port import Columns, Warehouse

FOLDER = Path(__file__).parents[1] / "infra" / "clickhouse" / "migrations"
MODERN_SINCE = (22, 8)
_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)(\.modern)?\.sql")
_MODERN_LINE = "-- engine: modern"
# 18.16 does not know these three words in front of a column, so they are obeyed here.
_ADDED_COLUMN = re.compile(r"ALTER TABLE (?P<table>\w+) ADD COLUMN IF NOT EXISTS (?P<column>\w+) ")
_HISTORY = (
    "CREATE TABLE IF NOT EXISTS schema_migrations "
    "(version UInt32, name String, checksum String, applied_at_ms Int64) "
    "ENGINE = MergeTree ORDER BY version"
)


@dataclass(frozen=True, slots=True)
class Migration:
    """One file.

    Args:
        version: Its number.
        name: What stands after it.
        modern: Whether it is for current engines only.
        checksum: SHA-256 of the file, in hex.
        statements: Its SQL, one by one.
    """

    version: int
    name: str
    modern: bool
    checksum: str
    statements: tuple[str, ...]


def migrations_in(folder: Path) -> list[Migration]:
    """The migrations of a folder, in order.

    Raises:
        InvalidDocument: A file's name is not NNNN_name.sql, a number stands there twice, or name
            and first line differ about the engine.
    """
    found = [_migration(path) for path in sorted(folder.glob("*.sql"))]
    if len({migration.version for migration in found}) != len(found):
        raise InvalidDocument(f"{folder}: two migrations have the same number")
    return found


def migrate(warehouse: Warehouse, *, now_ms: Callable[[], int], folder: Path = FOLDER) -> list[str]:
    """Apply what has not been applied.

    Args:
        warehouse: That this process may change.
        now_ms: The clock, for the record only.
        folder: Where the files are.

    Returns:
        Names of the migrations applied now.

    Raises:
        InvalidDocument: A file is misnamed, or was changed after it had been applied.
        WarehouseUnavailable: The engine did not answer; the next call goes on.
        WarehouseRefused: A statement is wrong.
    """
    warehouse.execute(_HISTORY)
    known = {
        int(str(version)): str(checksum)
        for version, checksum in warehouse.query(
            "SELECT version, checksum FROM schema_migrations"
        ).rows
    }
    modern = _is_modern(warehouse)
    applied: list[str] = []
    for migration in migrations_in(folder):
        if known.get(migration.version, migration.checksum) != migration.checksum:
            raise InvalidDocument(
                f"migration {migration.version:04}_{migration.name} was changed after it had "
                "been applied; put it back and write a new one"
            )
        if migration.version in known or (migration.modern and not modern):
            continue
        _apply(warehouse, migration, now_ms())
        applied.append(migration.name)
    return applied


def _apply(warehouse: Warehouse, migration: Migration, now_ms: int) -> None:
    for statement in migration.statements:
        added = _ADDED_COLUMN.match(statement)
        if added is None:
            warehouse.execute(statement)
        elif not _has_column(warehouse, added.group("table"), added.group("column")):
            warehouse.execute(statement.replace(" IF NOT EXISTS", "", 1))
    warehouse.insert(
        "schema_migrations",
        ("version", "name", "checksum", "applied_at_ms"),
        Columns.from_rows([(migration.version, migration.name, migration.checksum, now_ms)]),
        f"migration-{migration.version}",
    )


def _migration(path: Path) -> Migration:
    named = _NAME.fullmatch(path.name)
    text = path.read_text(encoding="utf-8")
    if named is None or bool(named.group(3)) != text.startswith(_MODERN_LINE):
        raise InvalidDocument(
            f"{path.name}: name it NNNN_name.sql, or NNNN_name.modern.sql with the first line "
            f"{_MODERN_LINE!r}"
        )
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    statements = [part.strip() for part in re.split(r";[ \t]*(?:\n|\Z)", code)]
    return Migration(
        version=int(named.group(1)),
        name=named.group(2),
        modern=bool(named.group(3)),
        checksum=sha256(text.encode()).hexdigest(),
        statements=tuple(filter(None, statements)),
    )


def _has_column(warehouse: Warehouse, table: str, column: str) -> bool:
    [[count]] = warehouse.query(
        "SELECT count() FROM system.columns WHERE database = currentDatabase() "
        "AND table = %(table)s AND name = %(column)s",
        {"table": table, "column": column},
    ).rows
    return count != 0


def _is_modern(warehouse: Warehouse) -> bool:
    [[version]] = warehouse.query("SELECT version()").rows
    return tuple(map(int, str(version).split(".")[:2])) >= MODERN_SINCE
