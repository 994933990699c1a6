"""One run: parts put together, a workload played, faults, a quiet end.

Owns: the order of a run's stages, and when it is quiet.
Invariant: the same arguments give the same run, to the last line of its trace.
It does not own what must be true afterwards (``audit``).
"""

from collections.abc import Generator
from contextlib import contextmanager
from logging import CRITICAL
from typing import NamedTuple

import structlog

from cli.sim import market
from cli.sim.broker import make_topics
from cli.sim.collecting import Edge, RawCollector
from cli.sim.desk import Desk
from cli.sim.faults import Chaos, Coverage, Fault
from cli.sim.journal import Journal
from cli.sim.late_reading import LateReading
from cli.sim.leg_carrying import LegCarrying
from cli.sim.loop import NothingToDoError, SimLoop
from cli.sim.owning import Group, Surroundings
from cli.sim.senders import Senders
from cli.sim.sinking import Sinking
from cli.sim.steps import Parcel, Step
from cli.sim.stores import Shelves
from cli.sim.topics import Topics
from cli.sim.vault import Vault
from cli.sim.workload import Workload
from cli.sim.world import World, chance_of
from runtime.metrics import Metrics
from schemas.frames import CatalogueVersion, encode_record
from schemas.moment import MINUTE_MS, SECOND_MS
from schemas.outputs import Stream
from schemas.topics import LOG_TOPIC

SHARDS = 2
WORKERS = 2
COLLECTORS = 2
RAW_PARTITIONS = 2
MEMBERS = 5
STEP_MS_MAX = 500
# Long enough for the longest silence, all that is on its way, and every retry.
QUIET_MS = 120 * SECOND_MS
SETTLE_TRY_MS = 5 * SECOND_MS
SETTLE_TRIES = 20
SETTLE_MS_MAX = 10 * MINUTE_MS
_metrics = Metrics()


class Wanted(NamedTuple):
    """What is to be simulated.

    Args:
        seed: Decides everything else.
        steps: Of the workload.
        members: Per tenant.
        faults: Kinds that may strike; None lets the seed choose.
        contents: That are used, to look at some more closely; none: all.
    """

    seed: int
    steps: int
    members: int = MEMBERS
    faults: tuple[Fault, ...] | None = None
    contents: tuple[str, ...] = ()


class Remains(NamedTuple):
    """What is there when a run has ended: what the auditor looks at.

    Args:
        wanted: What was simulated.
        topics: Everything that any part of Kafka has.
        shelves: Every store.
        vault: The warehouse.
        journal: What clients said and were told.
        struck: Faults by kind and place.
        rolled: Kinds that came up.
        findings: What already went wrong on the way.
        lines: The trace.
        digest: Of the trace.
    """

    wanted: Wanted
    topics: Topics
    shelves: Shelves
    vault: Vault
    journal: Journal
    struck: Coverage
    rolled: tuple[Fault, ...]
    findings: list[str]
    lines: list[str]
    digest: str


def play(wanted: Wanted) -> Remains:
    """Plays one run to its quiet end."""
    loop = SimLoop(chance_of(wanted.seed, "loop"))
    try:
        with _quietly():
            return _Run(wanted, loop).remains()
    finally:
        loop.close()


class _Run:
    def __init__(self, wanted: Wanted, loop: SimLoop) -> None:
        self._wanted = wanted
        self._loop = loop
        chaos = Chaos(chance_of(wanted.seed, "chaos"), wanted.faults)
        world = self._world = World(wanted.seed, loop, chaos)
        self._topics = make_topics(world, shards=SHARDS, raw_partitions=RAW_PARTITIONS)
        self._shelves = Shelves(world, SHARDS)
        self._vault = Vault(world)
        self._journal = Journal()
        self._workload = Workload(
            chance_of(wanted.seed, "workload"), wanted.members, wanted.contents
        )
        self._pace = chance_of(wanted.seed, "pace")

    def remains(self) -> Remains:
        """Runs it."""
        world = self._world
        try:
            self._loop.run(self._main())
        except NothingToDoError:
            world.complain("everybody waits for somebody who never comes")
        self._loop.run(world.end())
        return Remains(
            self._wanted,
            self._topics,
            self._shelves,
            self._vault,
            self._journal,
            world.chaos.struck,
            tuple(sorted(world.chaos.rolled)),
            world.violations,
            world.lines,
            world.digest(),
        )

    async def _main(self) -> None:
        world, topics = self._world, self._topics
        first = encode_record(CatalogueVersion(1, market.digest(1)))
        for shard in range(SHARDS):
            topics.partition(LOG_TOPIC, shard).append(first, world.true_ms())
        around = Surroundings(world, topics, self._shelves, market.bodies)
        Group(around, workers=WORKERS, shards=SHARDS)
        edge = Edge(world, topics, shards=SHARDS, collectors=COLLECTORS, metrics=_metrics)
        RawCollector(world, topics, shards=SHARDS, partitions=RAW_PARTITIONS)
        Sinking(world, topics, self._vault, _metrics)
        LateReading(world, topics, self._shelves, self._vault, shards=SHARDS, metrics=_metrics)
        LegCarrying(world, topics, shards=SHARDS, metrics=_metrics)
        desk = Desk(world, topics, self._shelves, shards=SHARDS)
        senders = Senders(world, topics, edge, desk, self._journal)
        await world.sleep(SECOND_MS)
        for step in self._workload.first():
            self._do(step, senders, edge)
        versions: list[int] = []
        for _ in range(self._wanted.steps):
            await world.sleep(self._pace.randint(1, STEP_MS_MAX))
            step = self._workload.step(world.true_ms())
            if step.version:
                versions.append(step.version)
            if versions and versions[0] == self._journal.published + 1:
                world.spawn(senders.publish(versions.pop(0)), "catalogue")
            self._do(step, senders, edge)
        await self._calm(senders)

    def _do(self, step: Step, senders: Senders, edge: Edge) -> None:
        for parcel in step.parcels:

            async def deliver(parcel: Parcel = parcel) -> None:
                await self._world.sleep(parcel.wait_ms)
                await senders.deliver(parcel.tenant, parcel.events, raw=parcel.raw)

            self._world.spawn(deliver(), "delivery")
        if step.order is not None:
            self._world.spawn(senders.ask(step.order), "order")
        if step.leaves:
            self._world.spawn(edge.replace_one(), "leaving")

    async def _calm(self, senders: Senders) -> None:
        """Nothing fails any more, until all is settled and every silence has been noticed."""
        world = self._world
        world.calm()
        self._shelves.calm()
        waited_ms = 0
        while senders.busy and waited_ms < SETTLE_MS_MAX:
            await world.sleep(SECOND_MS)
            waited_ms += SECOND_MS
        await world.sleep(QUIET_MS)
        # What expires just now is told to the end, too.
        reached = -1
        for _ in range(SETTLE_TRIES):
            ends = sum(self._topics.partition(Stream.LEDGER, each).end for each in range(SHARDS))
            if ends == reached:
                return
            reached = ends
            await world.sleep(SETTLE_TRY_MS)


@contextmanager
def _quietly() -> Generator[None]:
    """Without production's log lines."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)
