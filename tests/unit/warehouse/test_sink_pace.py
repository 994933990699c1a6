"""How long the sink lets rows wait for others, and how much of them it holds meanwhile.

Owns: a feed that brings one message a step, and a warehouse that keeps what it was given.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event

from runtime.metrics import Metrics
from schemas.outputs import Stream
from streams.sinks.feed import Position
from streams.sinks.lease import NoFence
from streams.sinks.sink import BATCH_BYTES_MAX, BUSY_FLUSHES, Sink
from streams.sinks.source import Message
from tests.unit.warehouse.samples import OutputChain, transfer
from warehouse.port import Cell, Columns, Rows

FLUSH_MS = 1_000
STEP_MS = 500
NEVER_MS = 1_000_000
HOLD_S = 0.2


@dataclass
class SteppedFeed:
    """One message a poll, each of which takes a step of time; then nothing."""

    waiting: list[Message]
    stop: Event
    inserted: list[int]
    now_ms: int = 0
    polled: int = 0
    polled_max: int = 1_000
    overrun: Event = field(default_factory=Event)

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
        self.polled += len(found)
        if self.polled > self.polled_max:
            self.overrun.set()
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
    slow_until: Event | None = None
    overrun: bool | None = None

    def insert(self, table: str, names: Sequence[str], columns: Columns, token: str) -> None:
        """Count the ledger's rows; the first ones may take their time."""
        del names, token
        if table == "ledger_entries":
            if self.slow_until is not None and not self.entries:
                self.overrun = self.slow_until.wait(HOLD_S)
            self.entries.append(columns.height)

    def query(self, sql: str, parameters: Mapping[str, Cell] | None = None) -> Rows:
        """Nothing runs and nothing is there."""
        del parameters
        return Rows(("count",), [[0]] if "count()" in sql else [])

    def execute(self, sql: str) -> None:
        """No tables are needed."""

    def close(self) -> None:
        """Nothing to give back."""


def _ledger(messages: int) -> list[Message]:
    """As many messages of three rows, all of one size."""
    chain = OutputChain(Stream.LEDGER)
    return [chain.message(transfer()) for _ in range(messages)]


def _run(
    feed: SteppedFeed,
    warehouse: KeptRows,
    *,
    flush_ms: int = FLUSH_MS,
    bytes_max: int = BATCH_BYTES_MAX,
) -> None:
    Sink(
        feed=feed,
        warehouse=warehouse,
        metrics=Metrics(),
        clock=feed,
        flush_ms=flush_ms,
        rows_max=1_000,
        fence=NoFence(),
        bytes_max=bytes_max,
    ).run(feed.stop)


def _entries_at_once(messages: int) -> list[int]:
    warehouse = KeptRows()
    _run(SteppedFeed(_ledger(messages), Event(), warehouse.entries), warehouse)
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


def test_sink_when_messages_are_large_then_few_rows_are_written_at_once() -> None:
    """The bytes of the messages are a limit of their own, far below that of the rows."""
    warehouse, messages = KeptRows(), _ledger(8)
    # A sequence of two digits would be longer: all of these have one.
    bytes_max = 2 * len(messages[0].value)
    feed = SteppedFeed(messages, Event(), warehouse.entries)
    _run(feed, warehouse, flush_ms=NEVER_MS, bytes_max=bytes_max)
    assert warehouse.entries[0] == 2 * 3
    assert sum(warehouse.entries) == 8 * 3


def test_sink_when_the_warehouse_is_slow_then_no_more_bytes_than_two_batches_are_taken() -> None:
    """Kafka waits once the batch behind the one that is being written is full of bytes."""
    warehouse, messages = KeptRows(), _ledger(8)
    bytes_max = 2 * len(messages[0].value)
    feed = SteppedFeed(messages, Event(), warehouse.entries, polled_max=4)
    warehouse.slow_until = feed.overrun
    _run(feed, warehouse, flush_ms=NEVER_MS, bytes_max=bytes_max)
    assert sum(warehouse.entries) == 8 * 3
    assert warehouse.overrun is False
