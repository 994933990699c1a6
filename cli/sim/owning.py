"""Workers that own shards: production's owners, fed from the simulated log, in a simulated group.

Owns: fetching ahead, what of it is stale after a seek, who holds a shard, and for how long a worker
does not notice that it holds it no more.
Invariant: a worker does what ``streams.rate_usage`` does: hand over all that waits, and no more.
It does not own the owner (``streams.owner``).
"""

from collections.abc import Callable, Sequence

from cli.sim.broker import SimEnds, SimPublisher
from cli.sim.faults import Fault, Point
from cli.sim.stores import Shelves
from cli.sim.topics import Topics
from cli.sim.world import Process, World, chance_of
from schemas.errors import RecoverableError
from schemas.ids import ShardId
from schemas.moment import SECOND_MS
from schemas.topics import LOG_TOPIC
from shard.emission import LogRecord
from shard.loading import Bodies
from streams.outlet import KafkaOutlet
from streams.owner import ShardOwner
from streams.owners import Owners
from streams.ports import Done, Parts

LOG_ID = "sim/log"
FETCH_MAX = 24
IDLE_MS_MIN = 20
IDLE_MS_MAX = 640
RESTART_MS_MAX = 4 * SECOND_MS
ZOMBIE_MS_MAX = 8 * SECOND_MS
MISSED_MS_MAX = 6 * SECOND_MS
CLOCK_MS_MAX = 60 * SECOND_MS
PATIENCE_MS_MAX = 2 * SECOND_MS


class Surroundings:
    """What workers live in.

    Args:
        world: Time and faults.
        topics: Log and outputs.
        shelves: Stores.
        bodies: Compiled catalogues by digest.
    """

    def __init__(self, world: World, topics: Topics, shelves: Shelves, bodies: Bodies) -> None:
        self.world = world
        self.topics = topics
        self.shelves = shelves
        self.bodies = bodies
        self.chance = chance_of(world.seed, "workers")


class Seat:
    """One worker's reading of one shard's log; see ``streams.ports.LogSeat``."""

    def __init__(self, around: Surroundings, actor: Process, shard: ShardId) -> None:
        self.shard = shard
        self._is_held = True
        self._around = around
        self._actor = actor
        self._log = around.topics.partition(LOG_TOPIC, shard)
        self._position = 0
        self._is_sought = True
        self._waiting: list[LogRecord] = []

    def holds(self) -> bool:
        """Whether the worker thinks that the shard is its."""
        return self._is_held

    def let_go(self) -> None:
        """It is another's now."""
        self._is_held = False

    async def bounds(self) -> tuple[int, int]:
        """See ``streams.ports.LogSeat``."""
        return await self._around.world.effect(
            self._actor, Point.LOG_BOUNDS, lambda: (0, self._log.end)
        )

    async def seek(self, offset: int) -> None:
        """See ``streams.ports.LogSeat``; what was fetched before is still handed out first."""
        self._position = offset
        self._is_sought = True

    async def waiting(self) -> Sequence[LogRecord]:
        """Some of what waits, in the order fetched; nothing when there is nothing."""
        if not self._waiting or not self._around.chance.randrange(4):
            self._waiting += await self._around.world.effect(
                self._actor,
                Point.LOG_READ,
                self._fetch,
                part=self._lose,
            )
        count = self._around.chance.randint(1, max(1, len(self._waiting)))
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    def _lose(self) -> None:
        """What was read is lost on the way; but what a seek asked for comes."""
        if not self._is_sought:
            self._fetch()

    def _fetch(self) -> list[LogRecord]:
        self._is_sought = False
        found = self._log.read(self._position, self._around.chance.randint(1, FETCH_MAX))
        if found:
            self._position = found[-1].offset + 1
        return [LogRecord(each.offset, each.stamp_ms, each.value) for each in found]


class Worker:
    """One worker process.

    Args:
        around: What it lives in.
        name: For the trace.
        on_death: Is told.
    """

    def __init__(
        self, around: Surroundings, name: str, on_death: Callable[["Worker"], None]
    ) -> None:
        self.process = Process(
            around.world, name, clock_ms_max=CLOCK_MS_MAX, on_death=lambda: on_death(self)
        )
        self.seats: dict[ShardId, Seat] = {}
        self._around = around
        self._publisher = SimPublisher(around.world, self.process, around.topics)
        self._owners = Owners(
            lambda shard: around.shelves.store(self.process, shard), self._owner_of, lambda _: None
        )

    def begin(self, shard: ShardId) -> None:
        """The shard is its now."""
        seat = self.seats[shard] = Seat(self._around, self.process, shard)
        self._around.world.trace(f"{self.process.name} gets shard {shard}")
        self._around.world.spawn(self._own(seat), f"{self.process.name} shard {shard}")

    def leave(self, shard: ShardId) -> None:
        """The shard is another's now, and it knows."""
        seat = self.seats.pop(shard, None)
        if seat is not None:
            seat.let_go()
            self._owners.keep(self.seats)

    async def _own(self, seat: Seat) -> None:
        positions = await self._owners.positions([seat.shard])
        await seat.seek(positions[seat.shard])
        idle_ms = IDLE_MS_MIN
        while seat.holds():
            try:
                records = await seat.waiting()
            except RecoverableError:
                # Kafka's own client tries again by itself, and hands out nothing meanwhile.
                records = ()
            if not seat.holds():
                return
            if not records:
                await self._around.world.sleep(idle_ms)
                idle_ms = min(2 * idle_ms, IDLE_MS_MAX)
                continue
            idle_ms = IDLE_MS_MIN
            owner = self._owners.owner(seat.shard)
            await owner.take(records)
            if owner.is_stopped:
                return

    def _owner_of(self, shard: ShardId) -> ShardOwner:
        around = self._around
        return ShardOwner(
            shard,
            Parts(
                log_id=LOG_ID,
                seat=self.seats[shard],
                store=around.shelves.store(self.process, shard),
                bodies=around.bodies,
                ends=SimEnds(around.world, self.process, around.topics),
                outlet=KafkaOutlet(self._publisher),
                watch=_Watch(around.world, self.process.name),
                patience=_Patience(around),
            ),
        )


class _Patience:
    """See ``streams.ports.Patience``."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    async def wait(self, failures: int) -> None:
        limit_ms = min(50 << min(failures, 7), PATIENCE_MS_MAX)
        await self._around.world.sleep(self._around.chance.randint(1, limit_ms))


class _Watch:
    """See ``streams.ports.Watch``: a stopped shard is a finding."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._name = name

    def applied(self, shard: ShardId, done: Done) -> None:
        self._world.trace(
            f"{self._name}: shard {shard} applied to {done.offset}, {done.outputs} outputs"
        )

    def reloading(self, shard: ShardId, fault: Exception) -> None:
        self._world.trace(f"{self._name}: shard {shard} reloads: {fault}")

    def stopped(self, shard: ShardId, fault: Exception) -> None:
        self._world.complain(f"shard {shard} stopped: {fault}")


class Group:
    """Who owns which shard: workers that die are missed after a while, and come back.

    Args:
        around: What they live in.
        workers: How many.
        shards: How many.
    """

    def __init__(self, around: Surroundings, *, workers: int, shards: int) -> None:
        self._around = around
        self._holders: dict[ShardId, Worker] = {}
        self._workers = [Worker(around, f"worker{n}", self._died) for n in range(workers)]
        around.world.strikes[Fault.REBALANCE] = lambda _: self._rebalance()
        for shard in range(shards):
            self._give(ShardId(shard), self._workers[shard % workers])

    def _give(self, shard: ShardId, worker: Worker) -> None:
        self._holders[shard] = worker
        worker.begin(shard)

    def _died(self, dead: Worker) -> None:
        world, chance = self._around.world, self._around.chance
        if world.is_over:
            return
        world.spawn(self._replace(dead, chance.randint(1, RESTART_MS_MAX)), "replacement")
        for shard, holder in list(self._holders.items()):
            if holder is dead:
                world.spawn(self._miss(shard, dead, chance.randint(1, MISSED_MS_MAX)), "missing")

    async def _replace(self, dead: Worker, wait_ms: int) -> None:
        await self._around.world.sleep(wait_ms)
        self._workers[self._workers.index(dead)] = Worker(
            self._around, dead.process.name, self._died
        )

    async def _miss(self, shard: ShardId, dead: Worker, wait_ms: int) -> None:
        await self._around.world.sleep(wait_ms)
        while self._holders[shard] is dead:
            able = self._able(shard)
            if able:
                self._give(shard, self._around.chance.choice(able))
            else:
                await self._around.world.sleep(SECOND_MS)

    def _rebalance(self) -> bool:
        """Another worker gets a shard while the one that had it goes on for a while."""
        chance, world = self._around.chance, self._around.world
        shard = chance.choice(sorted(self._holders))
        old = self._holders[shard]
        able = self._able(shard)
        if not able or not old.process.is_alive:
            return False
        self._give(shard, chance.choice(able))
        world.spawn(self._notice(old, shard, chance.randint(0, ZOMBIE_MS_MAX)), "notice")
        return True

    def _able(self, shard: ShardId) -> list[Worker]:
        """Workers that live, and do not think that they have the shard."""
        return [
            worker
            for worker in self._workers
            if worker.process.is_alive and shard not in worker.seats
        ]

    async def _notice(self, old: Worker, shard: ShardId, wait_ms: int) -> None:
        await self._around.world.sleep(wait_ms)
        old.leave(shard)
