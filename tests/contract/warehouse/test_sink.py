"""The sink on real engines: a topic in memory, a warehouse that fails between any two calls.

Owns: ``MemoryFeed`` and ``FailingWarehouse``, fakes at the two ports.
Invariant: whatever fails, every row is there once afterwards.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Event

import msgspec
import pytest
from structlog.testing import capture_logs

from runtime.clock import SystemClock
from runtime.metrics import Metrics
from schemas.applied import UNPRICED
from schemas.outputs import Stream
from streams.sinks.feed import OffsetLost, Position
from streams.sinks.lease import Fence, LeaseLost, NoFence
from streams.sinks.sink import Sink
from streams.sinks.source import Message
from tests.contract.warehouse.conftest import Engine
from tests.unit.warehouse.samples import OutputChain, cdr, letter, shadow, transfer, usage
from warehouse.audit import rows_double
from warehouse.contiguous import contiguous, reached_by
from warehouse.port import Cell, Columns, Rows, Warehouse, WarehouseRefused, WarehouseUnavailable

SHARDS = 3
Fault = Callable[[int], str]


class Killed(BaseException):
    """The process is gone; nothing of ours may catch it."""


@dataclass
class MemoryFeed:
    """Topics in memory; ``on_end`` is called whenever there is nothing more."""

    messages: Sequence[Message]
    on_end: Callable[[], None]
    lost: Position | None = None
    dropped: set[Position] = field(default_factory=set)
    _waiting: list[Message] = field(default_factory=list)

    def partitions(self, topic: str) -> int:
        """Every topic has as many as there are shards."""
        del topic
        return SHARDS

    def start(self, offsets: Mapping[Position, int]) -> None:
        """Go on from these."""
        self._waiting = [
            message
            for message in self.messages
            if message.offset >= offsets[message.topic, message.partition]
        ]

    def poll(self, count: int, timeout_ms: int) -> list[Message]:
        """Hand out a few, so that batches differ."""
        del timeout_ms
        if self.lost is not None:
            lost, self.lost = self.lost, None
            raise OffsetLost(lost, "gone")
        few = min(count, 3)
        found, self._waiting = self._waiting[:few], self._waiting[few:]
        if not found:
            self.on_end()
        return [one for one in found if (one.topic, one.partition) not in self.dropped]

    def drop(self, position: Position) -> None:
        """Hand out nothing more of it."""
        self.dropped.add(position)

    def lag(self, position: Position, next_offset: int) -> int:
        """Nobody looks."""
        del position, next_offset
        return 0

    def close(self) -> None:
        """Nothing to give back."""


@dataclass
class FailingWarehouse:
    """A warehouse whose inserts fail as ``fault`` says: before, after (a lost answer), or by death.

    Args:
        inner: The real one.
        fault: From the number of an insert to ``""``, ``before``, ``after``, ``killed-before``,
            ``killed-after`` or ``refused``.
    """

    inner: Warehouse
    fault: Fault
    inserts: int = 0

    def insert(self, table: str, names: Sequence[str], columns: Columns, token: str) -> None:
        """Insert, or fail, or both."""
        self.inserts += 1
        fault = self.fault(self.inserts)
        if fault == "refused":
            raise WarehouseRefused("as asked")
        if fault in {"before", "killed-before"}:
            raise Killed if "killed" in fault else WarehouseUnavailable("no answer")
        self.inner.insert(table, names, columns, token)
        if fault in {"after", "killed-after"}:
            raise Killed if "killed" in fault else WarehouseUnavailable("answer lost")

    def query(self, sql: str, parameters: Mapping[str, Cell] | None = None) -> Rows:
        """Ask the real one."""
        return self.inner.query(sql, parameters)

    def execute(self, sql: str) -> None:
        """Run on the real one."""
        self.inner.execute(sql)

    def close(self) -> None:
        """Whoever opened it closes it."""


def _messages() -> list[Message]:
    """Three streams of three shards, repeats among them, shards interleaved."""
    found: list[Message] = []
    chains = [
        (OutputChain(stream, shard), stream)
        for shard in range(SHARDS)
        for stream in (Stream.LEDGER, Stream.APPLIED, Stream.DEAD)
    ]
    for number in range(6):
        for chain, stream in chains:
            match stream:
                case Stream.LEDGER:
                    found.append(chain.message(transfer(f"m{number}"), transfer()))
                case Stream.APPLIED:
                    items = (usage(f"e{number}"), cdr(f"s{number}"), shadow())
                    found.append(chain.message(*items))
                case _:
                    found.append(chain.message(letter(f"e{number}")))
            if number % 3 == 1:
                found.append(chain.again(found[-1]))
    return found


class LostAt:
    """A fence that falls at the nth insert."""

    def __init__(self, number: int) -> None:
        self._left = number

    def check(self) -> None:
        """See ``streams.sinks.lease.Fence``."""
        self._left -= 1
        if self._left < 0:
            raise LeaseLost("given to another")


def sink_all(
    warehouse: Warehouse,
    messages: Iterable[Message],
    *,
    lost: Position | None = None,
    fence: Fence | None = None,
    metrics: Metrics | None = None,
) -> set[Position]:
    """Sinks all messages until there are no more; returns the shards that stopped."""
    stop = Event()
    feed = MemoryFeed(list(messages), stop.set, lost)
    Sink(
        feed=feed,
        warehouse=warehouse,
        metrics=metrics or Metrics(),
        clock=SystemClock(),
        flush_ms=0,
        rows_max=40,
        fence=fence or NoFence(),
    ).run(stop)
    return feed.dropped


def _assert_each_once(engine: Engine) -> None:
    counts = {
        "ledger_entries": SHARDS * 36, "charges": SHARDS * 24, "usage_events": SHARDS * 6,
        "cdrs": SHARDS * 6, "dead_letters": SHARDS * 6, "shadow_charges": SHARDS * 12,
    }  # fmt: skip
    for table, count in counts.items():
        assert engine.reader.query(f"SELECT count() FROM {table}").rows == [[count]], table
    assert set(rows_double(engine.reader).values()) == {0}
    for stream, count in ((Stream.LEDGER, 12), (Stream.APPLIED, 18), (Stream.DEAD, 6)):
        reached = reached_by(engine.reader, stream)
        assert [reached[shard].next for shard in range(SHARDS)] == [count] * SHARDS


def test_sink_when_nothing_fails_then_each_row_is_there_once(engine: Engine) -> None:
    """Repeats in the topics leave no trace, and a second run finds nothing to do."""
    sink_all(engine.warehouse, _messages())
    _assert_each_once(engine)
    sink_all(engine.warehouse, _messages())
    _assert_each_once(engine)


@pytest.mark.parametrize("inserts", [0, 1, 3])
def test_sink_when_its_lease_is_lost_then_sends_nothing_more_and_the_next_completes_it(
    engine: Engine, inserts: int
) -> None:
    """No row follows once another may be sinking; who comes next finds what is there."""
    with pytest.raises(LeaseLost):
        sink_all(engine.warehouse, _messages(), fence=LostAt(inserts))
    sink_all(engine.warehouse, _messages())
    _assert_each_once(engine)


@pytest.mark.parametrize("fault", ["before", "after"])
def test_sink_when_every_other_insert_fails_then_each_row_is_there_once(
    engine: Engine, fault: str
) -> None:
    """An insert that did not arrive is sent again; one whose answer was lost is not."""
    failing = FailingWarehouse(engine.warehouse, lambda number: fault if number % 2 else "")
    sink_all(failing, _messages())
    _assert_each_once(engine)


@pytest.mark.parametrize("fault", ["killed-before", "killed-after"])
def test_sink_when_killed_at_every_insert_then_each_row_is_there_once(
    engine: Engine, fault: str
) -> None:
    """A death before or after any write is completed by the next start."""
    at = 0
    while True:
        at = at % 7 + 1
        failing = FailingWarehouse(engine.warehouse, partial(_only, fault, at))
        try:
            sink_all(failing, _messages())
        except Killed:
            continue
        break
    _assert_each_once(engine)


def _only(fault: str, at: int, number: int) -> str:
    return fault if number == at else ""


@pytest.mark.parametrize("seed", range(5))
def test_sink_when_anything_fails_at_random_then_each_row_is_there_once(
    engine: Engine, seed: int
) -> None:
    """Lost answers, refusals to answer and deaths, mixed by a seed."""
    chance = random.Random(seed)
    faults = ["", "", "", "", "before", "after", "killed-before", "killed-after"]
    for _ in range(12):
        failing = FailingWarehouse(engine.warehouse, lambda _: chance.choice(faults))
        try:
            sink_all(failing, _messages())
        except Killed:
            continue
    sink_all(engine.warehouse, _messages())
    _assert_each_once(engine)


def test_sink_when_a_shard_breaks_its_chain_then_only_that_shard_stops(engine: Engine) -> None:
    """The others go on, and what was good before stays."""
    good, bad = OutputChain(Stream.LEDGER, 0), OutputChain(Stream.LEDGER, 1)
    messages = [good.message(transfer()), bad.message(transfer())]
    bad.chain = b"x" * 16
    messages += [bad.message(transfer()), good.message(transfer())]
    assert sink_all(engine.warehouse, messages) == {(Stream.LEDGER, 1)}
    assert contiguous(engine.reader, Stream.LEDGER, 0) == 2
    assert contiguous(engine.reader, Stream.LEDGER, 1) == 1


def test_sink_when_bytes_cannot_be_trusted_then_only_that_shard_stops(engine: Engine) -> None:
    """An unknown version is no row."""
    chain = OutputChain(Stream.DEAD, 2)
    messages = [chain.message(letter()), Message(chain.topic, 2, 1, 0, b"\x09nonsense")]
    assert sink_all(engine.warehouse, messages) == {(Stream.DEAD, 2)}
    assert contiguous(engine.reader, Stream.DEAD, 2) == 1


def test_sink_when_an_offset_is_lost_then_that_shard_waits_for_an_operator(
    engine: Engine,
) -> None:
    """A topic that lost what must come next is never jumped over."""
    position = (str(Stream.LEDGER), 0)
    assert sink_all(engine.warehouse, _messages(), lost=position) == {position}
    assert contiguous(engine.reader, Stream.LEDGER, 0) == 0
    assert contiguous(engine.reader, Stream.LEDGER, 1) == 12


def test_sink_when_a_row_is_refused_then_the_process_ends(engine: Engine) -> None:
    """What the warehouse will never take is a fault of the environment, not a retry."""
    failing = FailingWarehouse(engine.warehouse, lambda _: "refused")
    with pytest.raises(WarehouseRefused):
        sink_all(failing, _messages())


def test_sink_when_content_has_no_tariff_then_counts_each_event_and_names_it_once(
    engine: Engine,
) -> None:
    """A repeat in the topic is no other use; who was told of a content is not told again."""
    chain = OutputChain(Stream.APPLIED, 0)
    free = [msgspec.structs.replace(usage(f"e{n}"), flags=f"meter-fell,{UNPRICED}") for n in (1, 2)]
    messages = [chain.message(free[0], usage("e0"))]
    messages += [chain.again(messages[0]), chain.message(free[1], cdr("s1"))]
    metrics = Metrics()
    with capture_logs() as lines:
        sink_all(engine.warehouse, messages, metrics=metrics)
    assert b"ncash_events_unpriced_total 2.0" in metrics.render()
    told = [line for line in lines if "no tariff" in line["event"]]
    assert [(line["tenant"], line["content"]) for line in told] == [("acme", "film")]
    [[flags]] = engine.reader.query("SELECT flags FROM usage_events WHERE id = 'e2'").rows
    assert flags == f"meter-fell,{UNPRICED}"
