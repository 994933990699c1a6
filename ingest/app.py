"""Wiring of the two collectors: the only file of this room that builds objects.

Invariant: ``leave`` and the end of ``run_kafka_collector`` come after everything taken in is
delivered. It does not own the process: ports, signals and the HTTP app are its caller's.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient
from fastapi import APIRouter

from ingest.collector import Collector
from ingest.consent.fetching import Fetcher
from ingest.consent.gate import ConsentGate
from ingest.consent.jwks import KeySets
from ingest.forward import Forwarder
from ingest.http import HttpIntake, router
from ingest.joining import Joining
from ingest.kafka import KafkaCollector, consumer_config
from ingest.limits import IntakeLimits
from ingest.port import Publisher, Standings
from ingest.single import SingleIntake
from ingest.stamps import Stamps
from ingest.ticks import HttpTicks
from rating.catalogue import Catalogue
from runtime.clock import Clock
from runtime.keys import KeyRing
from runtime.metrics import Metrics
from runtime.settings import Settings

CatalogueInForce = Callable[[], Catalogue | None]


class HttpEdge:
    """The HTTP collector of an edge process: its routes, and its membership of the live path."""

    def __init__(
        self,
        settings: Settings,
        *,
        keys: KeyRing,
        publisher: Publisher,
        clock: Clock,
        metrics: Metrics,
        catalogue: CatalogueInForce | None = None,
        standings: Standings | None = None,
    ) -> None:
        """Build it; nothing runs yet.

        Args:
            settings: Shards, limits and this collector's name.
            keys: Who may send.
            publisher: To Kafka; its caller closes it after ``leave``.
            clock: Stamps and ticks.
            metrics: Counts.
            catalogue: Tells the newest catalogue, for consents; None takes no member tokens.
            standings: Knows where sessions stand, for senders that ask.
        """
        limits = IntakeLimits.from_settings(settings)
        stamps = Stamps(clock.wall_ms)
        collector = Collector(publisher, shards=settings.shards, limits=limits, metrics=metrics)
        self._consents = None if catalogue is None else _gate(settings, catalogue, clock)
        self._intake = HttpIntake(
            keys=keys,
            collector=collector,
            publisher=publisher,
            stamps=stamps,
            shards=settings.shards,
            limits=limits,
            now_ms=clock.wall_ms,
            consents=self._consents,
            standings=standings,
        )
        self.single = SingleIntake(
            collector,
            stamps,
            limits=limits,
            now_ms=clock.wall_ms,
            consents=self._consents,
        )
        self._ticks = HttpTicks(
            publisher,
            collector,
            stamps,
            instance=settings.collector_instance,
            shards=settings.shards,
            limits=limits,
            now_ms=clock.wall_ms,
        )
        self._running: list[asyncio.Task[None]] = []

    def router(self) -> APIRouter:
        """``/v1/events`` and ``/v1/clock``."""
        return router(self._intake)

    async def join(self) -> None:
        """Begin to tick; call it before the port is opened."""
        await self._ticks.beat()
        self._running.append(asyncio.create_task(self._ticks.run()))
        if self._consents is not None:
            self._running.append(asyncio.create_task(self._consents.keep_fresh()))

    async def leave(self) -> None:
        """Deliver what was taken in and say the last tick; call it when the port is closed."""
        for task in self._running:
            await _ended(task)
        await self._intake.drain()
        await self.single.drain()
        await self._ticks.leave()


async def run_kafka_collector(
    settings: Settings,
    *,
    keys: KeyRing,
    publisher: Publisher,
    clock: Clock,
    metrics: Metrics,
    stopping: asyncio.Event,
    catalogue: CatalogueInForce | None = None,
) -> None:
    """Collect from the raw topic until asked to stop.

    Args:
        settings: Kafka's address, raw topic, shards and limits.
        keys: Records that ``ncash-key-id`` names.
        publisher: To Kafka; its caller closes it afterwards.
        clock: Paces the ticks.
        metrics: Counts.
        stopping: Ends it cleanly.
        catalogue: Tells the newest catalogue, for consents; None takes no member tokens.

    Raises:
        TransportFault: Kafka was out of reach for too long.
        InvalidDocument: The raw topic does not stamp append times.
    """
    limits = IntakeLimits.from_settings(settings)
    joining = Joining(settings.raw_topic, settings.shards)
    consents = None if catalogue is None else _gate(settings, catalogue, clock)
    collector = KafkaCollector(
        Consumer(consumer_config(settings.kafka)),
        AdminClient({"bootstrap.servers": settings.kafka, "log_level": 3}),
        publisher,
        Forwarder(keys, joining, shards=settings.shards, limits=limits, consents=consents),
        joining,
        topic=settings.raw_topic,
        shards=settings.shards,
        limits=limits,
        metrics=metrics,
        now_ms=clock.wall_ms,
        consents=consents,
    )
    keeping = None if consents is None else asyncio.create_task(consents.keep_fresh())
    try:
        await collector.run(stopping)
    finally:
        if keeping is not None:
            await _ended(keeping)


def _gate(settings: Settings, catalogue: CatalogueInForce, clock: Clock) -> ConsentGate:
    allowed = frozenset(each.strip() for each in settings.jwks_hosts.split(",") if each.strip())
    return ConsentGate(catalogue, KeySets(Fetcher(allowed), clock.monotonic_ms))


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
