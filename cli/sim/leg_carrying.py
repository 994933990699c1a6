"""The carriers of legs: production's, on the simulated topics and log; two at once.

Owns: their processes and lives; the feed at their port, and the group's place in the topic.
It does not own what a leg does (``shard.sending``).
"""

from collections.abc import Sequence

from cli.sim.broker import SimPublisher
from cli.sim.faults import Point
from cli.sim.topics import Topics
from cli.sim.world import Killed, Process, World, chance_of
from runtime.metrics import Metrics
from schemas.errors import RecoverableError
from schemas.moment import SECOND_MS
from schemas.outputs import Stream, decode_output, legs_of
from streams.legs.carrying import LegCarrier
from streams.legs.ports import Read
from streams.legs.running import KafkaLegLog

FETCH_MAX = 6
POLL_MS_MAX = 400
RESTART_MS_MAX = 2 * SECOND_MS
CLOCK_MS_MAX = 60 * SECOND_MS
CARRIERS = 2


class LegCarrying:
    """All carriers, each again and again.

    Args:
        world: Where they live.
        topics: Where legs come from and go.
        shards: How many.
        metrics: Shared; nobody looks.
    """

    def __init__(self, world: World, topics: Topics, *, shards: int, metrics: Metrics) -> None:
        self._world = world
        self._topics = topics
        self._shards = shards
        self._metrics = metrics
        self._chance = chance_of(world.seed, "legs")
        self._carried = dict.fromkeys(range(shards), 0)
        # Who has which shards; one who had them before goes on until that is noticed.
        self._turn = 0
        for number in range(CARRIERS):
            self._start(number)

    def _start(self, number: int) -> None:
        name = f"legs{number}"
        process = Process(
            self._world, name, clock_ms_max=CLOCK_MS_MAX, on_death=lambda: self._died(number)
        )
        self._world.spawn(self._live(process, number), name)

    def _died(self, number: int) -> None:
        if not self._world.is_over:
            self._turn += 1
            self._world.spawn(self._follow(number), f"next legs{number}")

    async def _follow(self, number: int) -> None:
        await self._world.sleep(self._chance.randint(1, RESTART_MS_MAX))
        if not self._chance.randrange(4):
            # A group's places may be lost; then it begins at the first leg.
            self._carried = dict.fromkeys(self._carried, 0)
        self._start(number)

    def _is_revoked(self, turn: int) -> bool:
        return turn != self._turn and bool(self._chance.randrange(2))

    async def _live(self, process: Process, number: int) -> None:
        while True:
            turn = self._turn
            own = [each for each in range(self._shards) if (each + turn) % CARRIERS == number]
            places = {shard: self._carried[shard] for shard in own}
            feed = _Feed(self._world, process, self._topics, self._carried, places)
            log = KafkaLegLog(SimPublisher(self._world, process, self._topics))
            carrier = LegCarrier(feed=feed, log=log, metrics=self._metrics)
            try:
                while not self._is_revoked(turn):
                    await process.gate()
                    if not await carrier.round():
                        await self._world.sleep(self._chance.randint(1, POLL_MS_MAX))
            except RecoverableError as fault:
                self._world.trace(f"legs wait: {fault}")
                await self._world.sleep(self._chance.randint(1, SECOND_MS))
            except Killed:
                return


class _Feed:
    """See ``streams.legs.ports.LegFeed``; opened at what was committed."""

    def __init__(
        self,
        world: World,
        actor: Process,
        topics: Topics,
        carried: dict[int, int],
        places: dict[int, int],
    ) -> None:
        self._world = world
        self._actor = actor
        self._topics = topics
        self._carried = carried
        self._places = places

    async def poll(self) -> Sequence[Read]:
        return await self._world.effect(self._actor, Point.LOG_BOUNDS, self._poll)

    def _poll(self) -> list[Read]:
        found: list[Read] = []
        for shard, place in self._places.items():
            for message in self._topics.partition(Stream.LEGS, shard).read(place, FETCH_MAX):
                found.append(Read(shard, message.offset, legs_of(decode_output(message.value))))
                self._places[shard] = message.offset + 1
        return found

    async def commit(self, read: Sequence[Read]) -> None:
        await self._world.effect(self._actor, Point.ENDS, lambda: self._commit(read))

    def _commit(self, read: Sequence[Read]) -> None:
        for each in read:
            self._carried[each.partition] = each.offset + 1
