"""How long the sink lets rows wait for others: shorter once nothing more comes.

Owns: a feed that brings one message a step, and a warehouse that keeps what it was given.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event

from runtime.metrics import Metrics
from schemas.outputs import Stream
from streams.sinks.feed import Position
from streams.sinks.lease import NoFence
from streams.sinks.sink import BUSY_FLUSHES, Sink
from streams.sinks.source import Message
from tests.unit.warehouse.samples import OutputChain, transfer
from warehouse.port import Cell, Columns, Rows

FLUSH_MS = 1_000
STEP_MS = 500


@dataclass
class SteppedFeed:
    """One message a poll, each of which takes a step of time; then nothing."""

    waiting: list[Message]
    stop: Event
    inserted: list[int]
    now_ms: int = 0

    def partitions(self, topic: str) -> int:
        """One of each."""
        del topic
        return 1

    def start(self, offsets: Mapping[Position, int]) -> None:
        """Everything is read."""

    def poll(self, count: int, timeout_ms: int) -> list[Message]:
        """The next, a step later; asks to stop once something stands in the warehouse."""
        del count, timeout_ms
        self.now_ms += STEP_MS
        if self.inserted and not self.waiting:
            self.stop.set()
        found, self.waiting = self.waiting[:1], self.waiting[1:]
        return found

    def drop(self, position: Position) -> None:
        """Nothing is dropped here."""

    def lag(self, position: Position, next_offset: int) -> int:
        """Nobody looks."""
        del position, next_offset
        return 0

    def close(self) -> None:
        """Nothing to give back."""

    def wall_ms(self) -> int:
        """The feed's own steps are the time."""
        return self.now_ms

    def monotonic_ms(self) -> int:
        """The feed's own steps are the time."""
        return self.now_ms


@dataclass
class KeptRows:
    """A warehouse that is empty at first and remembers how many entries came at once."""

    entries: list[int] = field(default_factory=list)

    def insert(self, table: str, names: Sequence[str], columns: Columns, token: str) -> None:
        """Count the ledger's rows."""
        del names, token
        if table == "ledger_entries":
            self.entries.append(columns.height)

    def query(self, sql: str, parameters: Mapping[str, Cell] | None = None) -> Rows:
        """Nothing runs and nothing is there."""
        del parameters
        return Rows(("count",), [[0]] if "count()" in sql else [])

    def execute(self, sql: str) -> None:
        """No tables are needed."""

    def close(self) -> None:
        """Nothing to give back."""


def _entries_at_once(messages: int) -> list[int]:
    chain, stop, warehouse = OutputChain(Stream.LEDGER), Event(), KeptRows()
    feed = SteppedFeed(
        [chain.message(transfer()) for _ in range(messages)], stop, warehouse.entries
    )
    Sink(
        feed=feed,
        warehouse=warehouse,
        metrics=Metrics(),
        clock=feed,
        flush_ms=FLUSH_MS,
        rows_max=1_000,
        fence=NoFence(),
    ).run(stop)
    return warehouse.entries


def test_sink_when_more_keeps_coming_then_rows_wait_for_it() -> None:
    """Messages beyond one flush, but within the busy one, land in a single insert."""
    messages = FLUSH_MS * BUSY_FLUSHES // STEP_MS - 1
    assert _entries_at_once(messages) == [3 * messages]


def test_sink_when_it_never_ends_then_the_wait_is_bounded() -> None:
    """An endless stream is written after so many flushes at the latest."""
    bound = FLUSH_MS * BUSY_FLUSHES // STEP_MS + 1
    first, *_ = _entries_at_once(4 * bound)
    assert first == 3 * bound
