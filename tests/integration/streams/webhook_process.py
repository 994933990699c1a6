"""The webhook process with short pauses, for tests that kill it.

Reads the settings from the environment, as ``ncash serve webhooks`` does; says ``ready`` once every
endpoint's group has begun.
"""

import asyncio
import sys

import structlog

from runtime.metrics import Metrics
from runtime.settings import Settings
from runtime.stop import install_stop
from streams.webhooks.ports import PushLimits
from streams.webhooks.running import Webhooks

LIMITS = PushLimits(
    attempts=2, backoff_ms=20, backoff_ms_max=50, request_ms_max=3_000, failures_max=2,
    pause_ms=100, pause_ms_max=400,
)  # fmt: skip


async def main() -> None:
    """Push until SIGTERM."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    stop, webhooks = install_stop(), Webhooks(Settings(), Metrics(), LIMITS)
    running = asyncio.create_task(webhooks.run(stop))
    while not webhooks.is_ready and not running.done():  # noqa: ASYNC110 -- groups tell nobody
        await asyncio.sleep(0.05)
    print("ready", flush=True)  # noqa: T201 -- read by the test
    await running


if __name__ == "__main__":
    asyncio.run(main())
