"""Wiring of the two collectors: the only file of this room that builds objects.

Invariant: ``leave`` and the end of ``run_kafka_collector`` come after everything taken in is
delivered. It does not own the process: ports, signals and the HTTP app are its caller's.
"""

import asyncio
from contextlib import suppress

from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient
from fastapi import APIRouter

from ingest.collector import Collector
from ingest.forward import Forwarder
from ingest.http import HttpIntake, router
from ingest.joining import Joining
from ingest.kafka import KafkaCollector, consumer_config
from ingest.limits import IntakeLimits
from ingest.port import Publisher, Standings
from ingest.stamps import Stamps
from ingest.ticks import HttpTicks
from runtime.clock import Clock
from runtime.keys import KeyRing
from runtime.metrics import Metrics
from runtime.settings import Settings


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
        standings: Standings | None = None,
    ) -> None:
        """Build it; nothing runs yet.

        Args:
            settings: Shards, limits and this collector's name.
            keys: Who may send.
            publisher: To Kafka; its caller closes it after ``leave``.
            clock: Stamps and ticks.
            metrics: Counts.
            standings: Knows where sessions stand, for senders that ask.
        """
        limits = IntakeLimits.from_settings(settings)
        stamps = Stamps(clock.wall_ms)
        collector = Collector(publisher, shards=settings.shards, limits=limits, metrics=metrics)
        self._intake = HttpIntake(
            keys=keys,
            collector=collector,
            publisher=publisher,
            stamps=stamps,
            shards=settings.shards,
            limits=limits,
            now_ms=clock.wall_ms,
            standings=standings,
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
        self._beating: asyncio.Task[None] | None = None

    def router(self) -> APIRouter:
        """``/v1/events`` and ``/v1/clock``."""
        return router(self._intake)

    async def join(self) -> None:
        """Begin to tick; call it before the port is opened."""
        await self._ticks.beat()
        self._beating = asyncio.create_task(self._ticks.run())

    async def leave(self) -> None:
        """Deliver what was taken in and say the last tick; call it when the port is closed."""
        if self._beating is not None:
            self._beating.cancel()
            with suppress(asyncio.CancelledError):
                await self._beating
        await self._intake.drain()
        await self._ticks.leave()


async def run_kafka_collector(
    settings: Settings,
    *,
    keys: KeyRing,
    publisher: Publisher,
    clock: Clock,
    metrics: Metrics,
    stopping: asyncio.Event,
) -> None:
    """Collect from the raw topic until asked to stop.

    Args:
        settings: Kafka's address, raw topic, shards and limits.
        keys: Records that ``ncash-key-id`` names.
        publisher: To Kafka; its caller closes it afterwards.
        clock: Paces the ticks.
        metrics: Counts.
        stopping: Ends it cleanly.

    Raises:
        TransportFault: Kafka was out of reach for too long.
        InvalidDocument: The raw topic does not stamp append times.
    """
    limits = IntakeLimits.from_settings(settings)
    joining = Joining(settings.raw_topic, settings.shards)
    collector = KafkaCollector(
        Consumer(consumer_config(settings.kafka)),
        AdminClient({"bootstrap.servers": settings.kafka, "log_level": 3}),
        publisher,
        Forwarder(keys, joining, shards=settings.shards, limits=limits),
        joining,
        topic=settings.raw_topic,
        shards=settings.shards,
        limits=limits,
        metrics=metrics,
        now_ms=clock.wall_ms,
    )
    await collector.run(stopping)
