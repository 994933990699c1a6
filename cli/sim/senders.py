"""Those who send: content servers, callers at the desk, whoever publishes a catalogue.

Owns: trying again until an answer comes, with a patience of its own; the journal of both.
Invariant: what is sent again has the same names. It does not own what is sent (``workload``).
"""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from cli.sim import market
from cli.sim.broker import SimPublisher
from cli.sim.collecting import ACCEPTED, Edge
from cli.sim.desk import Desk, Order
from cli.sim.journal import Asked, CloudEvent, Journal, name_of
from cli.sim.topics import Topics
from cli.sim.world import Process, World, chance_of
from ingest.forward import KEY_HEADER
from runtime.publisher import OutMessage
from schemas.commands import Result
from schemas.errors import RecoverableError
from schemas.frames import CatalogueVersion, encode_record
from schemas.moment import SECOND_MS
from schemas.topics import LOG_TOPIC, RAW_TOPIC

TRIES_MAX = 8
ANSWER_S = 10
ASK_S = 14
PAUSE_MS_MAX = 2 * SECOND_MS
CLOCK_MS_MAX = 2 * SECOND_MS

T = TypeVar("T")


class Senders:
    """See the module.

    Args:
        world: Time.
        topics: For those who write into Kafka themselves.
        edge: For those who post.
        desk: For those who pay.
        journal: Of all of them.
    """

    def __init__(
        self, world: World, topics: Topics, edge: Edge, desk: Desk, journal: Journal
    ) -> None:
        self._world = world
        self._topics = topics
        self._edge = edge
        self._desk = desk
        self._journal = journal
        self._chance = chance_of(world.seed, "senders")
        self._server = self._born()
        self.busy = 0

    async def deliver(self, tenant: str, events: Sequence[CloudEvent], *, raw: bool) -> None:
        """Sends until it is told that they are safe, or gives up."""
        for event in events:
            self._journal.say(tenant, event)
        self.busy += 1
        for _ in range(TRIES_MAX):
            if await (self._append(tenant, events) if raw else self._post(tenant, events)):
                for event in events:
                    self._journal.accepted[name_of(tenant, event)] = None
                break
            await self._world.sleep(self._chance.randint(1, PAUSE_MS_MAX))
        self.busy -= 1

    async def ask(self, order: Order) -> None:
        """Asks for money until there is an answer that can be trusted, or gives up."""
        self.busy += 1
        for _ in range(TRIES_MAX):
            task: asyncio.Task[Result | str] = self._world.loop.create_task(
                self._desk.answer(order)
            )
            answer = await self._answer(task, ASK_S)
            self._journal.asked.append(Asked(order, answer))
            if isinstance(answer, Result) or answer == "idempotency-key-reused":
                break
            await self._world.sleep(self._chance.randint(1, PAUSE_MS_MAX))
        self.busy -= 1

    async def publish(self, number: int) -> None:
        """Puts a catalogue version into every shard's log, until all have it."""
        value = encode_record(CatalogueVersion(number, market.digest(number)))
        for shard in range(self._topics.count(LOG_TOPIC)):
            while not await self._produced(
                [OutMessage(topic=LOG_TOPIC, partition=shard, value=value)]
            ):
                await self._world.sleep(self._chance.randint(1, PAUSE_MS_MAX))
        self._journal.published = number

    async def _post(self, tenant: str, events: Sequence[CloudEvent]) -> bool:
        collector = self._edge.any_open()
        if collector is None:
            return False
        task: asyncio.Task[int] = self._world.loop.create_task(
            collector.post(tenant, msgspec.json.encode(events))
        )
        return await self._answer(task, ANSWER_S) == ACCEPTED

    async def _append(self, tenant: str, events: Sequence[CloudEvent]) -> bool:
        count = self._topics.count(RAW_TOPIC)
        messages = [
            OutMessage(
                topic=RAW_TOPIC,
                # As a producer would that has no key: the order of one session's events is gone.
                partition=self._chance.randrange(count),
                value=msgspec.json.encode(event),
                headers=[
                    (KEY_HEADER, tenant), ("content-type", "application/cloudevents+json"),
                ],
            )
            for event in events
        ]  # fmt: skip
        return await self._produced(messages)

    async def _produced(self, messages: list[OutMessage]) -> bool:
        publisher = SimPublisher(self._world, self._server, self._topics)
        task = self._world.loop.create_task(publisher.publish(messages))
        return isinstance(await self._answer(task, ANSWER_S), list)

    async def _answer(self, task: asyncio.Task[T], patience_s: int) -> T | None:
        """The answer, or None when nobody waits for it any more."""
        self._world.adopt(task)
        await asyncio.wait([task], timeout=patience_s)
        if not task.done():
            return None
        fault = task.exception()
        if fault is None:
            return task.result()
        if not isinstance(fault, RecoverableError):
            raise fault
        return None

    def _born(self) -> Process:
        return Process(self._world, "server", clock_ms_max=CLOCK_MS_MAX, on_death=self._died)

    def _died(self) -> None:
        if not self._world.is_over:
            self._server = self._born()
