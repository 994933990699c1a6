"""The worker process: a Faust worker, and what it says of itself."""

import asyncio

import uvloop

from cli.serving.health import health_app
from cli.serving.http_server import served
from runtime.metrics import Metrics
from runtime.settings import Settings
from streams.app import serve_worker


def run_worker_process(settings: Settings) -> None:
    """Owns shards until asked to stop; blocks.

    Args:
        settings: Of this process.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    metrics = Metrics()
    app = health_app("worker", metrics, lambda: True)
    async with served(app, settings.api_host, settings.api_port):
        await serve_worker(settings, metrics=metrics)
