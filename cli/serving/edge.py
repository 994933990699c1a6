"""The edge process: events in over HTTP, and the API, on one port.

Invariant: a stop first closes the port, then lets all that was taken in be delivered, and only
then leaves the HTTP path, so no tick ever vouches for an event that is still under way.
"""

import asyncio
import gc
from contextlib import AsyncExitStack
from dataclasses import replace
from uuid import uuid4

import msgspec
import uvloop
from fastapi import FastAPI

from api.app import install
from api.batches import RedisBatches
from api.catalogue import LatestTerms
from api.clickhouse import ClickHouse
from api.control.hub import ControlHub
from api.control.kafka import ControlTail, KafkaHistory
from api.documents import DESCRIPTION, TITLE
from api.kafka_log import KafkaCommandLog, KafkaShardLag
from api.limits import ApiLimits, TryLimits
from api.redis_state import RedisState
from api.routes import ROUTERS
from api.services import Services
from api.standings import LiveStandings
from api.tries import Tries
from cli.serving.http_server import served
from cli.serving.kafka_collector import keys_of
from ingest.app import HttpEdge
from runtime.card_secrets import CardSecrets
from runtime.catalogue import CatalogueBodies
from runtime.clock import SystemClock
from runtime.metrics import Metrics
from runtime.problems import install_problem_handlers
from runtime.publisher import Publisher
from runtime.settings import Settings
from runtime.stop import install_stop
from shard.redis_store import open_redis
from warehouse.opening import open_warehouse

VERSION = "1"
INSTANCE_CHARS = 8


def run_edge(settings: Settings) -> None:
    """Serves until asked to stop; blocks.

    Args:
        settings: Of this process.

    Raises:
        NcashError: A part that it needs at the start is not to be had.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


def openapi_document() -> str:
    """The whole API as an OpenAPI document; connects to nothing."""
    settings = Settings()
    edge = HttpEdge(
        settings,
        keys=keys_of(settings),
        publisher=Publisher(settings),
        clock=SystemClock(),
        metrics=Metrics(),
    )
    document = _app(edge).openapi()
    return msgspec.json.format(msgspec.json.encode(document)).decode()


def _app(edge: HttpEdge, services: Services | None = None) -> FastAPI:
    app = FastAPI(title=TITLE, description=DESCRIPTION, version=VERSION, redoc_url=None)
    install_problem_handlers(app)
    app.include_router(edge.router())
    if services is None:
        for each in ROUTERS:
            app.include_router(each)
    else:
        install(app, services)
    return app


async def _serve(settings: Settings) -> None:
    stop = install_stop()
    # A collector that comes back after a kill is another member of the path.
    instance = f"{settings.collector_instance}-{uuid4().hex[:INSTANCE_CHARS]}"
    settings = settings.model_copy(update={"collector_instance": instance})
    keys, clock, metrics = keys_of(settings), SystemClock(), Metrics()
    async with AsyncExitStack() as open_parts:
        publisher = Publisher(settings)
        open_parts.push_async_callback(publisher.close)
        bodies = CatalogueBodies(settings)
        bodies.start()
        open_parts.push_async_callback(bodies.close)
        services = await _services(settings, publisher, metrics, bodies, open_parts)
        edge = HttpEdge(
            settings,
            keys=keys,
            publisher=publisher,
            clock=clock,
            metrics=metrics,
            catalogue=bodies.in_force,
            standings=LiveStandings(services.live, services.terms),
        )
        await edge.join()
        open_parts.push_async_callback(edge.leave)
        app = _app(edge, replace(services, intake=edge.single))
        # What is here now stays: a collection need not look at it again.
        gc.freeze()
        await open_parts.enter_async_context(served(app, settings.api_host, settings.api_port))
        await stop.wait()
        # Before the port closes: a stream would last until the server loses patience.
        services.control.stop()


async def _services(
    settings: Settings,
    publisher: Publisher,
    metrics: Metrics,
    bodies: CatalogueBodies,
    open_parts: AsyncExitStack,
) -> Services:
    client = open_redis(settings.redis)
    open_parts.push_async_callback(client.aclose)
    reader = await asyncio.to_thread(open_warehouse, settings.clickhouse)
    open_parts.push_async_callback(asyncio.to_thread, reader.close)
    clock = SystemClock()
    live = RedisState(client, settings.shards)
    lag = KafkaShardLag(settings.kafka, client, clock)
    open_parts.callback(lag.close)
    control = ControlHub(KafkaHistory(settings.kafka), metrics)
    open_parts.push_async_callback(ControlTail(settings.kafka, control).close)
    warehouse = ClickHouse(reader)
    open_parts.callback(warehouse.close)
    return Services(
        keys=keys_of(settings),
        live=live,
        warehouse=warehouse,
        commands=KafkaCommandLog(publisher),
        lag=lag,
        terms=LatestTerms(bodies),
        shards=settings.shards,
        batches=RedisBatches(client, settings.shards),
        card_secrets=CardSecrets.from_file(settings.cards_file),
        tries=Tries(client, _try_limits(settings)),
        clock=clock,
        probes={"redis": live.ping, "kafka": lag.ping},
        side_probes={"warehouse": warehouse.ping},
        metrics=metrics,
        control=control,
        limits=ApiLimits(
            command_timeout_ms=settings.command_timeout_ms, shard_lag_max=settings.shard_lag_max
        ),
    )


def _try_limits(settings: Settings) -> TryLimits:
    return TryLimits(
        member=settings.voucher_tries_member,
        address=settings.voucher_tries_address,
        key=settings.voucher_tries_key,
        window_ms=settings.voucher_window_ms,
    )
