"""The worker process: a Faust worker, and what it says of itself."""

import asyncio
import gc

import uvloop

from cli.serving.health import health_app
from cli.serving.http_server import served
from runtime.metrics import Metrics
from runtime.settings import Settings
from streams.app import serve_worker

# Sessions and wallets are trees of plain values: cycles are rare, so looking for them is too. With
# the interpreter's own 700 it took a tenth of the step.
YOUNG_OBJECTS = 50_000


def run_worker_process(settings: Settings) -> None:
    """Owns shards until asked to stop; blocks.

    Args:
        settings: Of this process.
    """
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    metrics = Metrics()
    app = health_app("worker", metrics, lambda: True)
    async with served(app, settings.api_host, settings.api_port):
        await serve_worker(settings, metrics=metrics)
