"""The warehouse process: the sinks on a thread, the late path's reader, and SQL where wanted.

Invariant: in the embedded stack this is the one process that opens the chDB folder.
"""

import asyncio
import gc
import threading
from contextlib import AsyncExitStack

import structlog
import uvloop

from cli.serving.health import health_app
from cli.serving.http_server import served
from runtime.clock import SystemClock
from runtime.metrics import Metrics
from runtime.settings import Settings
from runtime.stop import install_stop
from streams.late.running import run_late
from streams.sinks.running import run_sinks
from warehouse.endpoint import create_endpoint
from warehouse.migrate import migrate
from warehouse.opening import open_warehouse
from warehouse.port import Warehouse

STOP_S = 30

_log = structlog.get_logger()


def run_warehouse(settings: Settings) -> None:
    """Sinks until asked to stop; blocks.

    Args:
        settings: Of this process; ``sql_port`` says whether SQL is served.

    Raises:
        NcashError: The sinks cannot go on; start again.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


class _Sinking:
    """The sinks' thread, and how it ended."""

    def __init__(self, settings: Settings, warehouse: Warehouse, metrics: Metrics) -> None:
        self.fault: BaseException | None = None
        self.ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._work = (settings, warehouse, metrics, self._stop)
        self._thread = threading.Thread(target=self._run, name="sinks")
        self._thread.start()

    def _run(self) -> None:
        try:
            run_sinks(*self._work)
        except BaseException as fault:  # noqa: BLE001 -- carried over to the thread that waits
            self.fault = fault
        self._loop.call_soon_threadsafe(self.ended.set)

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    async def end(self) -> None:
        self._stop.set()
        await asyncio.to_thread(self._thread.join, STOP_S)


async def _serve(settings: Settings) -> None:
    stop = install_stop()
    metrics = Metrics()
    warehouse = await asyncio.to_thread(open_warehouse, settings.clickhouse)
    # Here too, so that the late path's reader finds its table.
    await asyncio.to_thread(migrate, warehouse, now_ms=SystemClock().wall_ms)
    # What is here now stays: a collection need not look at it, which is a tenth of the sinks' time.
    gc.freeze()
    sinking = _Sinking(settings, warehouse, metrics)
    async with AsyncExitStack() as open_parts:
        open_parts.push_async_callback(asyncio.to_thread, warehouse.close)
        open_parts.push_async_callback(sinking.end)
        app = health_app("warehouse", metrics, lambda: sinking.is_running)
        await open_parts.enter_async_context(served(app, settings.api_host, settings.api_port))
        if settings.sql_port:
            endpoint = create_endpoint(warehouse)
            await open_parts.enter_async_context(
                served(endpoint, settings.api_host, settings.sql_port)
            )
        judging = asyncio.create_task(run_late(settings, warehouse, metrics, stop))
        ended = asyncio.create_task(sinking.ended.wait())
        await asyncio.wait({judging, ended}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        stop.set()
        # Its own fault ends the process, as one of the sinks does below.
        await judging
    if sinking.fault is not None:
        _log.error("sinks ended", exc_info=sinking.fault)
        raise sinking.fault
