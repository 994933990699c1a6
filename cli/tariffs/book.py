"""What scopes were charged, by scope and line, on disk, so that a long period needs no memory.

Invariant: a line is the sum of the changes that transfers told; amounts are whole micro-units and
are summed in Python, without a bound. Sides keep apart who charged: two tariffs, or the ledger.
It does not own what is compared (``cli.tariffs.comparing``) nor shown.
"""

import sqlite3
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

# Sides: what the ledger has, what production's terms give, what others give.
LEDGER, OLD, NEW = 0, 1, 2
CACHE_KIB = 65_536
_TABLES = """
CREATE TABLE scopes (
    member TEXT, source TEXT, session TEXT, incarnation INTEGER, scope TEXT,
    content TEXT, catalogue INTEGER, start_ms INTEGER, end_ms INTEGER, cause TEXT,
    PRIMARY KEY (member, source, session, incarnation, scope)
) WITHOUT ROWID;
CREATE TABLE lines (
    member TEXT, source TEXT, session TEXT, incarnation INTEGER, scope TEXT, side INTEGER,
    kind TEXT, meter TEXT, quantity INTEGER, amount INTEGER,
    PRIMARY KEY (member, source, session, incarnation, scope, side, kind, meter)
) WITHOUT ROWID;
"""
_PUT_SCOPE = """
INSERT INTO scopes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    content = CASE WHEN excluded.content = '' THEN content ELSE excluded.content END,
    catalogue = max(catalogue, excluded.catalogue),
    start_ms = CASE WHEN excluded.cause = '' THEN start_ms ELSE excluded.start_ms END,
    end_ms = CASE WHEN excluded.cause = '' THEN max(end_ms, excluded.end_ms)
        ELSE excluded.end_ms END,
    cause = CASE WHEN excluded.cause = '' THEN cause ELSE excluded.cause END
"""
_PUT_LINE = """
INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    quantity = quantity + excluded.quantity, amount = amount + excluded.amount
"""
_ALL = """
SELECT s.member, s.source, s.session, s.incarnation, s.scope, s.content, s.start_ms, s.end_ms,
    s.cause, l.side, l.kind, l.meter, l.quantity, l.amount
FROM scopes s LEFT JOIN lines l USING (member, source, session, incarnation, scope)
ORDER BY s.member, s.source, s.session, s.incarnation, s.scope, l.side, l.kind, l.meter
"""
_CATALOGUE = """
SELECT catalogue FROM scopes
WHERE member = ? AND source = ? AND session = ? AND incarnation = ? AND scope = ?
"""


class Key(NamedTuple):
    """A scope's name: a session's life, one use outside sessions, or a pass."""

    member: str
    source: str
    session: str
    incarnation: int
    scope: str


class Told(NamedTuple):
    """What is known of a scope but its lines.

    Args:
        key: Its name.
        content: What was used.
        start_ms: First event; of a scope without an end, its only one.
        end_ms: End of what is charged, or the latest event so far.
        cause: Why it ended; empty for what has no end.
        catalogue: Version that priced it, or 0.
    """

    key: Key
    content: str
    start_ms: int
    end_ms: int
    cause: str = ""
    catalogue: int = 0


class Line(NamedTuple):
    """A change of one line of a scope."""

    key: Key
    side: int
    kind: str
    meter: str
    quantity: int
    amount_micros: int


class Sum(NamedTuple):
    """One line of a scope, in all."""

    side: int
    kind: str
    meter: str
    quantity: int
    amount_micros: int


class ScopeRow(NamedTuple):
    """A scope with its lines of all sides."""

    told: Told
    lines: tuple[Sum, ...]

    def total_micros(self, side: int) -> int:
        """What one side charged for it."""
        return sum(line.amount_micros for line in self.lines if line.side == side)


class Book:
    """See the module; made by ``opened_book``."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.executescript(_TABLES)

    def put(self, told: Iterable[Told], lines: Iterable[Line]) -> None:
        """Adds scopes, known ones too, and changes of their lines."""
        self._database.executemany(
            _PUT_SCOPE,
            [
                (*each.key, each.content, each.catalogue, each.start_ms, each.end_ms, each.cause)
                for each in told
            ],
        )
        self._database.executemany(_PUT_LINE, [(*line.key, *line[1:]) for line in lines])

    def catalogue_of(self, key: Key) -> int:
        """The catalogue version that priced a scope, or 0 where none is known."""
        found = self._database.execute(_CATALOGUE, key).fetchone()
        return 0 if found is None else int(found[0])

    def scopes(self) -> Iterator[ScopeRow]:
        """Every scope in the order of keys, each with its lines."""
        rows = self._database.execute(_ALL)
        for names, group in groupby(rows, key=lambda row: row[:9]):
            member, source, session, incarnation, scope, content, start, end, cause = names
            told = Told(
                Key(member, source, session, incarnation, scope), content, start, end, cause
            )
            yield ScopeRow(told, tuple(Sum(*row[9:]) for row in group if row[9] is not None))


@contextmanager
def opened_book() -> Generator[Book]:
    """A book in a folder of its own, gone when the block ends."""
    with TemporaryDirectory(prefix="ncash-book-") as folder:
        database = sqlite3.connect(Path(folder, "book.sqlite"), isolation_level=None)
        with closing(database):
            database.execute("PRAGMA journal_mode = OFF")
            database.execute("PRAGMA synchronous = OFF")
            database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            database.execute("BEGIN")
            yield Book(database)
