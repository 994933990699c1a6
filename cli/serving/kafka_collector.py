"""The Kafka collector process: events from the raw topic into the shards' logs."""

import asyncio
from contextlib import AsyncExitStack

import uvloop

from cli.serving.health import health_app
from cli.serving.http_server import served
from ingest.app import run_kafka_collector as collect
from runtime.catalogue import CatalogueBodies
from runtime.clock import SystemClock
from runtime.keys import KeyRing
from runtime.metrics import Metrics
from runtime.publisher import Publisher
from runtime.settings import Settings
from runtime.stop import install_stop


def keys_of(settings: Settings) -> KeyRing:
    """The keys that the settings name; without a file none is honoured."""
    return KeyRing(()) if settings.keys_file is None else KeyRing.from_file(settings.keys_file)


def run_kafka_collector(settings: Settings) -> None:
    """Collects until asked to stop; blocks.

    Args:
        settings: Of this process.

    Raises:
        NcashError: Kafka was out of reach for too long, or the raw topic is unfit.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    stop = install_stop()
    metrics = Metrics()
    async with AsyncExitStack() as open_parts:
        publisher = Publisher(settings)
        open_parts.push_async_callback(publisher.close)
        bodies = CatalogueBodies(settings)
        bodies.start()
        open_parts.push_async_callback(bodies.close)
        # What was sent under the catalogue in force is not judged without it.
        await bodies.caught_up()
        app = health_app("collect-kafka", metrics, lambda: True)
        await open_parts.enter_async_context(served(app, settings.api_host, settings.api_port))
        await collect(
            settings,
            keys=keys_of(settings),
            publisher=publisher,
            clock=SystemClock(),
            metrics=metrics,
            stopping=stop,
            catalogue=bodies.in_force,
        )
