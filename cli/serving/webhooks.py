"""The webhook process: signals of the control topic to the endpoints."""

import asyncio
from contextlib import AsyncExitStack

import uvloop

from cli.serving.health import health_app
from cli.serving.http_server import served
from runtime.metrics import Metrics
from runtime.settings import Settings
from runtime.stop import install_stop
from streams.webhooks.running import Webhooks


def run_webhooks(settings: Settings) -> None:
    """Pushes until asked to stop; blocks.

    Args:
        settings: Of this process; ``webhooks_file`` says where to.

    Raises:
        InvalidDocument: The file of endpoints is missing or wrong.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    stop = install_stop()
    metrics = Metrics()
    webhooks = Webhooks(settings, metrics)
    async with AsyncExitStack() as open_parts:
        app = health_app("webhooks", metrics, lambda: webhooks.is_ready)
        await open_parts.enter_async_context(served(app, settings.api_host, settings.api_port))
        await webhooks.run(stop)
