"""``/healthz``, ``/readyz`` and ``/metrics``: for supervisors and Prometheus, without a key.

Invariant: ``/healthz`` asks nobody, so a broken neighbour never restarts a sound process; the
warehouse, however slow or broken, never keeps events from an edge that could take them.
"""

import asyncio
from collections.abc import Mapping
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
    """Whether events are taken and wallets read; parts that only some answers need are named."""
    limits = services.limits
    told, beside = await asyncio.gather(
        _told(services.probes, limits.probe_ms / SECOND_MS),
        _told(services.side_probes, limits.side_probe_ms / SECOND_MS),
    )
    parts = told | beside
    degraded = [name for name, answer in beside.items() if answer != OK]
    if all(answer == OK for answer in told.values()):
        return JSONResponse({"status": "ready", "parts": parts, "degraded": degraded})
    return problem(
        "not-ready",
        "Not able to serve now",
        HTTPStatus.SERVICE_UNAVAILABLE,
        "; ".join(f"{name}: {answer}" for name, answer in told.items() if answer != OK),
        headers={"Retry-After": str(limits.retry_after_s)},
        parts=parts,
        degraded=degraded,
    )


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def metrics(services: Parts) -> Response:
    """The counters of this process."""
    return Response(services.metrics.render(), media_type=CONTENT_TYPE_LATEST)


async def _told(probes: Mapping[str, Probe], wait_s: float) -> dict[str, str]:
    """What each part answers, or why it does not."""
    answers = await asyncio.gather(*(_asked(probe, wait_s) for probe in probes.values()))
    return dict(zip(probes, answers, strict=True))


async def _asked(probe: Probe, wait_s: float) -> str:
    try:
        async with asyncio.timeout(wait_s):
            await probe()
    except TimeoutError:
        return f"no answer within {wait_s:g} s"
    except NcashError as fault:
        return str(fault)
    return OK
