"""Requests at once: a limit that no supervisor notices."""

import asyncio

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from cli.serving.bounded import Bounded

LIMIT = 2


async def test_request_when_too_many_are_in_work_then_is_503_with_a_pause() -> None:
    """The one too many is told to come again, health is not, and room comes back."""
    door = asyncio.Event()

    async def slow(_: Request) -> Response:
        await door.wait()
        return PlainTextResponse("done")

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("up")

    app = Bounded(Starlette(routes=[Route("/slow", slow), Route("/healthz", healthz)]), LIMIT)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://edge") as http:
        first = [asyncio.create_task(http.get("/slow")) for _ in range(LIMIT)]
        for _ in range(50):
            await asyncio.sleep(0)
        refused = await http.get("/slow")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["connection"] == "close"
        assert (await http.get("/healthz")).status_code == 200
        door.set()
        assert [(await each).status_code for each in first] == [200, 200]
        assert (await http.get("/slow")).status_code == 200
