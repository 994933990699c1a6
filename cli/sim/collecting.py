"""Collectors: production's HTTP intake, ticks and Kafka forwarding, without a network.

Owns: collector processes and their lives; requests as ASGI would hand them over.
Invariant: a collector that comes back is another member of its path, as ``cli.serving.edge`` has
it. It does not own what they decide (``ingest``).
"""

from collections.abc import Callable, Sequence
from functools import partial

from fastapi import Request

from cli.sim import market
from cli.sim.broker import SimPublisher
from cli.sim.faults import Fault, Point
from cli.sim.keys import KEYS, TOKENS
from cli.sim.topics import Stored, Topics
from cli.sim.world import Process, World, chance_of
from ingest.collector import Collector
from ingest.consent.gate import ConsentGate
from ingest.consent.jwks import KeySets
from ingest.forward import Forwarder, RawMessage
from ingest.http import HttpIntake
from ingest.joining import Joining
from ingest.limits import IntakeLimits
from ingest.raw_partition import RawPartition
from ingest.raw_ticks import RawTicks
from ingest.stamps import Stamps
from ingest.ticks import HttpTicks
from runtime.metrics import Metrics
from runtime.publisher import OutMessage
from schemas.consent_rules import TokenKey
from schemas.errors import RecoverableError
from schemas.ids import LIVE
from schemas.moment import SECOND_MS
from schemas.topics import RAW_TOPIC

LIMITS = IntakeLimits(tick_interval_ms=2 * SECOND_MS, raw_tick_interval_ms=2 * SECOND_MS)
# Half of what ``shard.domain.GRACE_MS`` allows between two collectors, with room for a stall.
HTTP_CLOCK_MS_MAX = 1_500
# Well within ``IntakeLimits.tick_skew_ms``.
KAFKA_CLOCK_MS_MAX = 400
RESTART_MS_MAX = 3 * SECOND_MS
VANISHED_MS_MIN = 12 * SECOND_MS
VANISHED_MS_MAX = 40 * SECOND_MS
RAW_FETCH_MAX = 20
IDLE_MS = 300
RETRIES_MAX = 6
ACCEPTED = 202


class HttpCollector:
    """One edge process.

    Args:
        world: Where it lives.
        topics: Where it publishes.
        name: A new one at each start.
        shards: How many.
        metrics: Shared; nobody looks.
        on_death: Is told.
    """

    def __init__(
        self,
        world: World,
        topics: Topics,
        name: str,
        *,
        shards: int,
        metrics: Metrics,
        on_death: Callable[["HttpCollector"], None],
    ) -> None:
        self.process = Process(
            world, name, clock_ms_max=HTTP_CLOCK_MS_MAX, on_death=lambda: on_death(self)
        )
        self.is_open = False
        self._world = world
        clock = self.process
        publisher = SimPublisher(world, clock, topics)
        stamps = Stamps(clock.wall_ms)
        collector = Collector(publisher, shards=shards, limits=LIMITS, metrics=metrics)
        self._intake = HttpIntake(
            keys=KEYS,
            collector=collector,
            publisher=publisher,
            stamps=stamps,
            shards=shards,
            limits=LIMITS,
            now_ms=clock.wall_ms,
            consents=_gate(clock),
            monotonic_ns=lambda: clock.monotonic_ms() * 1_000_000,
        )
        self._ticks = HttpTicks(
            publisher,
            collector,
            stamps,
            instance=name,
            shards=shards,
            limits=LIMITS,
            now_ms=clock.wall_ms,
        )

    async def live(self) -> None:
        """Joins the path, opens, ticks for ever."""
        await self._ticks.beat()
        self.is_open = True
        await self._ticks.run()

    async def leave(self) -> None:
        """Closes, delivers what it took in, says its last tick."""
        self.is_open = False
        await self._intake.drain()
        await self._ticks.leave()
        self.process.kill()

    async def post(self, tenant: str, body: bytes) -> int:
        """Answers ``POST /v1/events`` with a status."""
        await self.process.gate()
        answer = await self._intake.post_events(_request(tenant, body))
        await self.process.gate()
        return answer.status_code


class Edge:
    """All collectors of the HTTP path, behind a load balancer.

    Args:
        world: Where they live.
        topics: Where they publish.
        shards: How many.
        collectors: How many at once.
        metrics: Shared.
    """

    def __init__(
        self, world: World, topics: Topics, *, shards: int, collectors: int, metrics: Metrics
    ) -> None:
        self._world = world
        self._topics = topics
        self._shards = shards
        self._metrics = metrics
        self._chance = chance_of(world.seed, "edge")
        self._born = 0
        self._vanishing = False
        self._alive: list[HttpCollector] = []
        for _ in range(collectors):
            self._start()
        world.strikes[Fault.VANISH] = lambda _: self._vanish()

    def any_open(self) -> HttpCollector | None:
        """One that takes requests, as the load balancer finds it."""
        able = [each for each in self._alive if each.is_open and each.process.is_alive]
        return self._chance.choice(able) if able else None

    def _died(self, dead: HttpCollector) -> None:
        """Another one comes; soon, unless the dead one's machine has vanished."""
        self._alive.remove(dead)
        if self._world.is_over:
            return
        wait_ms = self._chance.randint(1, RESTART_MS_MAX)
        if self._vanishing:
            wait_ms = self._chance.randint(VANISHED_MS_MIN, VANISHED_MS_MAX)
        self._world.spawn(self._follow(wait_ms), "next collector")

    async def replace_one(self) -> None:
        """One leaves in good order, as for an update."""
        going = self.any_open()
        if going is not None:
            await going.leave()

    async def _follow(self, wait_ms: int) -> None:
        await self._world.sleep(wait_ms)
        self._start()

    def _start(self) -> None:
        self._born += 1
        name = f"edge{self._born}"
        each = HttpCollector(
            self._world,
            self._topics,
            name,
            shards=self._shards,
            metrics=self._metrics,
            on_death=self._died,
        )
        self._alive.append(each)
        self._world.spawn(each.live(), name)

    def _vanish(self) -> bool:
        able = [each for each in self._alive if each.process.is_alive]
        if len(able) < len(self._alive) or len(able) < 2:  # noqa: PLR2004 -- one must stay
            return False
        self._vanishing = True
        self._chance.choice(able).process.kill()
        self._vanishing = False
        return True


class RawCollector:
    """The Kafka collector: reads, forwards, commits, ticks, as ``ingest.kafka`` does.

    Args:
        world: Where it lives.
        topics: What it reads and writes.
        shards: How many.
        partitions: Of the raw topic.
    """

    def __init__(self, world: World, topics: Topics, *, shards: int, partitions: int) -> None:
        self._world = world
        self._topics = topics
        self._shards = shards
        self._partitions = tuple(range(partitions))
        self._chance = chance_of(world.seed, "raw")
        self._committed = dict.fromkeys(self._partitions, 0)
        self._start()

    def _start(self) -> None:
        process = Process(self._world, "raw", clock_ms_max=KAFKA_CLOCK_MS_MAX, on_death=self._died)
        self._world.spawn(self._live(process), "raw")

    def _died(self) -> None:
        if not self._world.is_over:
            self._world.spawn(self._follow(), "next raw collector")

    async def _follow(self) -> None:
        await self._world.sleep(self._chance.randint(1, RESTART_MS_MAX))
        self._start()

    async def _live(self, process: Process) -> None:
        publisher = SimPublisher(self._world, process, self._topics)
        joining = Joining(RAW_TOPIC, self._shards)
        forwarder = Forwarder(
            KEYS, joining, shards=self._shards, limits=LIMITS, consents=_gate(process)
        )
        ticks = RawTicks(topic=RAW_TOPIC, shards=self._shards, limits=LIMITS)
        mine = {each: RawPartition() for each in self._partitions}
        at = dict(self._committed)
        while True:
            try:
                raws, ends = await self._world.effect(
                    process, Point.RAW_READ, partial(self._fetch, dict(at))
                )
            except RecoverableError:
                await self._world.sleep(IDLE_MS)
                continue
            batch = forwarder.forwarded(raws, partitions=self._partitions)
            if not await self._published(publisher, batch.messages):
                process.kill()
                await process.gate()
            for raw in raws:
                mine[raw.partition].forwarded(offset=raw.offset, appended_at_ms=raw.appended_at_ms)
                at[raw.partition] = raw.offset + 1
            for each, end in ends.items():
                mine[each].reached_end(end)
            await self._tick_when_due(process, publisher, joining, ticks, mine)
            if not raws:
                await self._world.sleep(IDLE_MS)

    def _fetch(self, at: dict[int, int]) -> tuple[list[RawMessage], dict[int, int]]:
        """Some of what waits, and the ends of those partitions of which that is all."""
        raws: list[RawMessage] = []
        ends: dict[int, int] = {}
        for each in self._partitions:
            partition = self._topics.partition(RAW_TOPIC, each)
            count = self._chance.randint(1, RAW_FETCH_MAX)
            found = partition.read(at[each], count)
            raws += [_raw_message(each, message) for message in found]
            if len(found) < count:
                ends[each] = partition.end
        return raws, ends

    async def _published(self, publisher: SimPublisher, messages: Sequence[OutMessage]) -> bool:
        for _ in range(RETRIES_MAX):
            try:
                await publisher.publish(messages)
            except RecoverableError:
                await self._world.sleep(self._chance.randint(1, SECOND_MS))
            else:
                return True
        return False

    async def _tick_when_due(
        self,
        process: Process,
        publisher: SimPublisher,
        joining: Joining,
        ticks: RawTicks,
        mine: dict[int, RawPartition],
    ) -> None:
        now_ms = process.wall_ms()
        if not ticks.is_due(now_ms):
            return
        for each, seen in mine.items():
            self._committed[each] = max(self._committed[each], seen.position)
        if not await self._published(publisher, joining.due(LIVE, self._partitions)):
            process.kill()
            await process.gate()
        try:
            ends = await self._world.effect(
                process,
                Point.RAW_READ,
                lambda: [self._topics.partition(RAW_TOPIC, each).end for each in self._partitions],
            )
        except RecoverableError:
            return
        for each, end in zip(self._partitions, ends, strict=True):
            mine[each].end_was(offset=end, asked_at_ms=now_ms - LIMITS.tick_skew_ms)
        if not await self._published(publisher, ticks.messages(now_ms, mine)):
            process.kill()
            await process.gate()


def _gate(process: Process) -> ConsentGate:
    """Judges member tokens, whose keys all stand in the catalogue."""

    async def fetch(url: str) -> list[TokenKey]:
        raise RecoverableError(f"nobody is at {url}")

    return ConsentGate(market.newest, KeySets(fetch, process.monotonic_ms))


def _raw_message(partition: int, message: Stored) -> RawMessage:
    headers = [
        (name, text.encode() if isinstance(text, str) else text) for name, text in message.headers
    ]
    return RawMessage(
        topic=RAW_TOPIC,
        partition=partition,
        offset=message.offset,
        appended_at_ms=message.stamp_ms,
        headers=headers,
        value=message.value,
    )


def _request(tenant: str, body: bytes) -> Request:
    """A request as uvicorn hands it over, its body in one piece."""
    headers = [
        (b"authorization", f"Bearer {TOKENS[tenant]}".encode()),
        (b"content-type", b"application/cloudevents-batch+json"),
        (b"content-length", str(len(body)).encode()),
    ]

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope: dict[str, object] = {
        "type": "http",
        "method": "POST",
        "path": "/v1/events",
        "query_string": b"",
        "headers": headers,
    }
    return Request(scope, receive)
