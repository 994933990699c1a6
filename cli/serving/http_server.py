"""One HTTP server inside a process whose loop and signals are somebody else's.

Invariant: the server never touches signals, works on a bounded number of requests, and ends when
the block is left.
"""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp

from cli.serving.bounded import Bounded

GRACE_S = 5
BACKLOG = 2_048
KEEP_ALIVE_S = 75


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to the process."""
        yield


@asynccontextmanager
async def served(app: ASGIApp, host: str, port: int) -> AsyncGenerator[None]:
    """Serves an app while the block runs; on leaving it, answers what is under way and ends.

    Args:
        app: To serve.
        host: Address.
        port: Port, free until now.

    Raises:
        OSError: The port is taken.
    """
    config = uvicorn.Config(
        Bounded(app),
        host=host,
        port=port,
        access_log=False,
        log_config=None,
        lifespan="off",
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(), name="http")
    while not server.started:
        if serving.done():
            # uvicorn logs why and exits; a taken port is the usual reason.
            with suppress(SystemExit):
                await serving
            raise OSError(f"cannot listen on {host}:{port}; choose another NCASH_API_PORT")
        await asyncio.sleep(0)
    try:
        yield
    finally:
        server.should_exit = True
        await serving
