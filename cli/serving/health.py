"""What a process without an API says of itself: up, able to serve, and its metrics."""

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from runtime.metrics import Metrics

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def health_app(name: str, metrics: Metrics, is_ready: Callable[[], bool]) -> Starlette:
    """An app with ``/healthz``, ``/readyz`` and ``/metrics``.

    Args:
        name: Of the process.
        metrics: Of it.
        is_ready: Whether it does its work now.
    """

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "up", "process": name})

    async def readyz(_: Request) -> Response:
        ready = is_ready()
        body = {"status": "ready" if ready else "starting", "process": name}
        return JSONResponse(body, status_code=200 if ready else 503)

    async def shown(_: Request) -> Response:
        return PlainTextResponse(metrics.render(), media_type=METRICS_TYPE)

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", shown),
        ]
    )
