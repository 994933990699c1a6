"""Routes whose path parameters are whole segments, an encoded slash included; counted and bounded.

Invariant: ``%2F`` inside a segment is part of the id, never a separator; sources are URIs and ids
are the senders', so both hold slashes. Bodies are read with a key, up to a limit and within a time,
never by trust: FastAPI reads them before it looks who calls.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import unquote

from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Message, Receive, Scope

from api.deps import check_key, services_of
from api.limits import BODY_BYTES_MAX
from api.problems import Problem
from schemas.moment import SECOND_MS

# No id holds a control character, so this one can stand for a slash while a path is matched.
_STAND_IN = "\x1e"
_FAULT_STATUS = 500
_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class SegmentRoute(APIRoute):
    """A route of this API."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match on the path's segments as they were sent."""
        raw: bytes = scope.get("raw_path") or b""
        if b"%2f" not in raw.lower():
            return super().matches(scope)
        match, child = super().matches({**scope, "path": _guarded(raw)})
        if match is not Match.NONE:
            values: dict[str, Any] = child["path_params"]
            child["path_params"] = {
                name: value.replace(_STAND_IN, "/") if isinstance(value, str) else value
                for name, value in values.items()
            }
        return match, child

    def get_route_handler(self) -> _Handler:
        """The handler with a bounded body, counted and timed."""
        handle = super().get_route_handler()
        return _measured(self.path, lambda request: handle(_bounded(request)))


def _guarded(raw: bytes) -> str:
    path = raw.partition(b"?")[0].decode("ascii", "replace")
    return "/".join(unquote(part).replace("/", _STAND_IN) for part in path.split("/"))


def _bounded(request: Request) -> Request:
    return Request(request.scope, _limited(request))


def _limited(request: Request) -> Receive:
    """Gives the body to whoever has a key, up to a size and for as long as it may take."""
    left = BODY_BYTES_MAX
    ends_s: float | None = None

    async def counted() -> Message:
        nonlocal left, ends_s
        if ends_s is None:
            check_key(request)
            wait_s = services_of(request).limits.body_read_ms_max / SECOND_MS
            ends_s = asyncio.get_running_loop().time() + wait_s
        try:
            async with asyncio.timeout_at(ends_s):
                message = await request.receive()
        except TimeoutError:
            raise Problem(
                "body-too-slow",
                "the body was not here in time; send the same again",
                headers={"Connection": "close"},
            ) from None
        left -= len(message.get("body", b""))
        if left < 0:
            raise Problem("too-large", f"the body has more than {BODY_BYTES_MAX} bytes")
        return message

    return counted


def _measured(route: str, handle: _Handler) -> _Handler:
    async def counted(request: Request) -> Response:
        services = services_of(request)
        started_ms = services.clock.monotonic_ms()
        status = _FAULT_STATUS
        try:
            response = await handle(request)
            status = response.status_code
        except HTTPException as refused:
            status = refused.status_code
            raise
        finally:
            taken_ms = services.clock.monotonic_ms() - started_ms
            metrics = services.metrics
            metrics.count("ncash_http_requests_total", route=route, status=str(status))
            metrics.observe_ms("ncash_http_request_seconds", taken_ms, route=route)
        return response

    return counted
