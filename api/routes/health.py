"""``/healthz``, ``/readyz`` and ``/metrics``: for supervisors and Prometheus, without a key.

Invariant: ``/healthz`` asks nobody, so a broken neighbour never restarts a sound process.
"""

import asyncio
from http import HTTPStatus

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from api.deps import Parts
from api.services import Probe
from runtime.problems import problem
from schemas.errors import NcashError
from schemas.moment import SECOND_MS

router = APIRouter(tags=["health"])
OK = "ok"


@router.get("/healthz", summary="Process up", response_class=JSONResponse)
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": OK}


@router.get(
    "/readyz",
    summary="Able to serve",
    response_class=JSONResponse,
    responses={503: {"description": "Problem with `parts`: what each part answered"}},
)
async def readyz(services: Parts) -> Response:
    """Every part that the routes need answers; otherwise which does not."""
    wait_s = services.limits.probe_ms / SECOND_MS
    names = list(services.probes)
    told = await asyncio.gather(*(_asked(services.probes[name], wait_s) for name in names))
    parts = dict(zip(names, told, strict=True))
    if all(answer == OK for answer in told):
        return JSONResponse({"status": "ready", "parts": parts})
    return problem(
        "not-ready",
        "Not able to serve now",
        HTTPStatus.SERVICE_UNAVAILABLE,
        "; ".join(f"{name}: {answer}" for name, answer in parts.items() if answer != OK),
        headers={"Retry-After": str(services.limits.retry_after_s)},
        parts=parts,
    )


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def metrics(services: Parts) -> Response:
    """The counters of this process."""
    return Response(services.metrics.render(), media_type=CONTENT_TYPE_LATEST)


async def _asked(probe: Probe, wait_s: float) -> str:
    try:
        async with asyncio.timeout(wait_s):
            await probe()
    except TimeoutError:
        return f"no answer within {wait_s:g} s"
    except NcashError as fault:
        return str(fault)
    return OK
