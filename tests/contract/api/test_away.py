"""A Redis that is away: every route that needs it says so, and health does not mind."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from api.app import create_app
from api.redis_state import RedisState
from shard.redis_store import open_redis
from tests.contract.api.conftest import Api, bearer, problem_of
from tests.contract.api.redis_server import free_port
from tests.contract.api.shards import SHARDS


@pytest.fixture
async def away(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """The API with a Redis where nobody listens."""
    client = open_redis(f"redis://127.0.0.1:{free_port()}/0")
    live = RedisState(client, SHARDS)
    probes = {"redis": live.ping}
    app = create_app(replace(api.services, live=live, probes=probes))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as http:
        yield http
    await client.aclose()


@pytest.mark.parametrize(
    "path",
    [
        "/v1/wallets",
        "/v1/wallets/ann",
        "/v1/wallets/ann/entries",
        "/v1/sessions",
        "/v1/sessions/vod/s1?subject=ann",
        "/v1/events/vod/e1?subject=ann",
    ],
)
async def test_route_when_redis_is_away_then_unavailable(
    away: httpx.AsyncClient, path: str
) -> None:
    """503 with Retry-After, never a fault of ours and never a wrong balance."""
    answer = await away.get(path, headers=bearer("operator"))
    assert problem_of(answer) == (503, "unavailable")
    assert "retry-after" in answer.headers


async def test_top_up_when_redis_is_away_then_unavailable_and_nothing_appended(
    away: httpx.AsyncClient, api: Api
) -> None:
    """Without the stored results nothing is put into the log."""
    answer = await away.post(
        "/v1/wallets/ann/top-ups",
        json={"amount": "1", "currency": "KRW"},
        headers=bearer("desk") | {"Idempotency-Key": "k"},
    )
    assert problem_of(answer) == (503, "unavailable")
    assert api.shards.appended == []


async def test_ready_when_redis_is_away_then_it_is_named(away: httpx.AsyncClient) -> None:
    """Readiness fails by name; health goes on."""
    answer = await away.get("/readyz")
    assert problem_of(answer) == (503, "not-ready")
    assert "cannot be reached" in answer.json()["parts"]["redis"]
    assert (await away.get("/healthz")).status_code == 200
