"""The sink: production's, fed from the simulated topics, writing into the vault.

Owns: its process and lives; a feed at its port; a writer that writes when the world says so.
Invariant: reading and writing take turns as two threads would, each in one piece.
It does not own what a sink does (``streams.sinks``).
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from random import Random
from threading import Event
from typing import ParamSpec, TypeVar

from cli.sim.faults import Point
from cli.sim.topics import Topics
from cli.sim.vault import SimWarehouse, Vault
from cli.sim.world import Killed, Process, World, chance_of
from runtime.metrics import Metrics
from schemas.errors import RecoverableError
from schemas.moment import SECOND_MS
from streams.sinks.feed import Position
from streams.sinks.lease import NoFence
from streams.sinks.sink import Sink
from streams.sinks.source import Message

FLUSH_MS = 300
ROWS_MAX = 1_000_000
TURN_MS_MAX = 400
TRIES_MAX = 3
FETCH_MAX = 12
RESTART_MS_MAX = 3 * SECOND_MS
CLOCK_MS_MAX = 60 * SECOND_MS

P = ParamSpec("P")
T = TypeVar("T")


class Sinking:
    """The warehouse process, again and again.

    Args:
        world: Where it lives.
        topics: What it reads.
        vault: What it writes into.
        metrics: Shared; nobody looks.
    """

    def __init__(self, world: World, topics: Topics, vault: Vault, metrics: Metrics) -> None:
        self._world = world
        self._topics = topics
        self._vault = vault
        self._metrics = metrics
        self._chance = chance_of(world.seed, "sink")
        self._start()

    def _start(self) -> None:
        process = Process(self._world, "sink", clock_ms_max=CLOCK_MS_MAX, on_death=self._died)
        self._world.spawn(self._live(process), "sink")

    def _died(self) -> None:
        if not self._world.is_over:
            self._world.spawn(self._follow(), "next sink")

    async def _follow(self) -> None:
        await self._world.sleep(self._chance.randint(1, RESTART_MS_MAX))
        self._start()

    async def _live(self, process: Process) -> None:
        try:
            await self._sink(process)
        except Killed:
            return
        except RecoverableError as fault:
            self._world.trace(f"sink ends: {fault}")
            process.kill()

    async def _sink(self, process: Process) -> None:
        feed = _Feed(self._world, process, self._topics, self._chance)
        sink = Sink(
            feed=feed,
            warehouse=SimWarehouse(self._world, process, self._vault),
            metrics=self._metrics,
            clock=process,
            flush_ms=FLUSH_MS,
            rows_max=ROWS_MAX,
            fence=NoFence(),
            abandon=_Patience(),
        )
        while not sink.recover(_Patience()):
            await self._world.sleep(self._chance.randint(1, SECOND_MS))
            await process.gate()
        writer = _Writer()
        while True:
            await self._world.sleep(self._chance.randint(0, TURN_MS_MAX))
            await process.gate()
            if self._chance.randrange(2):
                sink.turn(writer)
            else:
                writer.write()


class _Patience(Event):
    """Lets a blocking wait of production end at once, and gives up after a few."""

    def __init__(self) -> None:
        super().__init__()
        self._left = TRIES_MAX

    def wait(self, timeout: float | None = None) -> bool:
        """See ``threading.Event``."""
        del timeout
        self._left -= 1
        if self._left <= 0:
            self.set()
        return self.is_set()


class _Writer(Executor):
    """Keeps what it is given until ``write`` is called."""

    def __init__(self) -> None:
        self._waiting: list[Callable[[], None]] = []

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """See ``concurrent.futures.Executor``."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except RecoverableError as fault:
                future.set_exception(fault)

        self._waiting.append(run)
        return future

    def write(self) -> None:
        """Runs what waits."""
        waiting, self._waiting = self._waiting, []
        for run in waiting:
            run()


class _Feed:
    """See ``streams.sinks.feed.Feed``."""

    def __init__(self, world: World, actor: Process, topics: Topics, chance: Random) -> None:
        self._world = world
        self._actor = actor
        self._topics = topics
        self._chance = chance
        self._at: dict[Position, int] = {}

    def partitions(self, topic: str) -> int:
        """See the port."""
        return self._topics.count(topic)

    def start(self, offsets: Mapping[Position, int]) -> None:
        """See the port."""
        self._at = dict(offsets)

    def poll(self, count: int, timeout_ms: int) -> list[Message]:
        """See the port; a few partitions at a time, in any order."""
        del timeout_ms
        try:
            return self._world.effect_now(self._actor, Point.TOPIC_READ, lambda: self._some(count))
        except RecoverableError:
            # Kafka's own client tries again by itself, and hands out nothing meanwhile.
            return []

    def drop(self, position: Position) -> None:
        """See the port: a shard that a sink cannot trust is a finding."""
        self._at.pop(position, None)
        self._world.complain(f"the sink stopped {position[0]}/{position[1]}")

    def lag(self, position: Position, next_offset: int) -> int:
        """See the port."""
        return max(0, self._topics.partition(*position).end - next_offset)

    def close(self) -> None:
        """See the port."""

    def _some(self, count: int) -> list[Message]:
        found: list[Message] = []
        for position in self._chance.sample(list(self._at), len(self._at) // 2 or 1):
            topic, partition = position
            few = min(count, self._chance.randint(1, FETCH_MAX))
            for each in self._topics.partition(topic, partition).read(self._at[position], few):
                found.append(Message(topic, partition, each.offset, each.stamp_ms, each.value))
                self._at[position] = each.offset + 1
        return found
