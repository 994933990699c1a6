"""The API on a fresh system for each test: real rules, a real Redis, callers with keys."""

from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest

from api.app import create_app
from api.batches import RedisBatches
from api.catalogue import LatestTerms
from api.limits import ApiLimits, TryLimits
from api.redis_state import RedisState
from api.services import Services
from api.tries import Tries
from runtime.card_secrets import CardSecret, CardSecrets
from runtime.keys import ApiKey, KeyRing, Scope, digest_of_key
from runtime.metrics import Metrics
from schemas.errors import RecoverableError
from shard.redis_store import open_redis
from tests.contract.api.intake import single_intake
from tests.contract.api.redis_server import redis_server
from tests.contract.api.rows import RowWarehouse
from tests.contract.api.shards import SHARDS, LiveShards, OneBody, SteppedClock

# What httpx writes into a query, and JSON into a body.
Param = str | int


def _key(name: str, tenant: str, *scopes: Scope, sources: tuple[str, ...] = ("*",)) -> ApiKey:
    return ApiKey(name, digest_of_key(f"secret-{name}"), tenant, sources, scopes)


KEYS = KeyRing(
    [
        _key("reader", "tv", "wallet:read"),
        _key("desk", "tv", "wallet:write"),
        _key("analyst", "tv", "statistics:read"),
        _key("server", "tv", "usage:write", sources=("vod",)),
        _key("player", "tv", "session:control"),
        _key("vod", "tv", "session:control", sources=("vod",)),
        _key("operator", "tv", "admin"),
        _key("other", "fm", "admin"),
        ApiKey("tape", digest_of_key("secret-tape"), "tv", ("*",), ("usage:write",), "recorded"),
        ApiKey(
            "film", digest_of_key("secret-film"), "tv", ("*",), ("session:control",), "recorded"
        ),
    ]
)


# Another was in use before; cards of either can be redeemed.
CARD_SECRETS = [
    CardSecret("A", b64encode(bytes(32)).decode()),
    CardSecret("B", b64encode(bytes(range(32))).decode()),
]


@dataclass(frozen=True, slots=True)
class Api:
    """The API with the shards behind it."""

    http: httpx.AsyncClient
    shards: LiveShards
    clock: SteppedClock
    warehouse: RowWarehouse
    services: Services

    async def get(self, path: str, *, key: str = "reader", **params: Param) -> httpx.Response:
        """Asks with a key of this suite."""
        names = {name.rstrip("_"): value for name, value in params.items()}
        return await self.http.get(path, params=names, headers=bearer(key))

    async def top_up(
        self,
        amount: str = "1000",
        *,
        name: str | None = "k1",
        member: str = "ann",
        key: str = "desk",
        **body: Param,
    ) -> httpx.Response:
        """Asks for a top-up."""
        headers = bearer(key) | ({} if name is None else {"Idempotency-Key": name})
        return await self.http.post(
            f"/v1/wallets/{member}/top-ups",
            json={"amount": amount, "currency": "KRW"} | body,
            headers=headers,
        )


def bearer(key: str) -> dict[str, str]:
    """The header of a caller."""
    return {"Authorization": f"Bearer secret-{key}"}


def problem_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and last word of the type of a problem document."""
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["title"]
    assert body["detail"]
    word: str = body["type"].removeprefix("urn:ncash:problem:")
    return answer.status_code, word


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server for the whole suite; each test empties it."""
    with redis_server(tmp_path_factory.mktemp("api-redis")) as url:
        yield url


@pytest.fixture
async def api(redis_url: str) -> AsyncIterator[Api]:
    """A system with a catalogue in force and no members."""
    async with fresh_system(redis_url) as system:
        yield system


@asynccontextmanager
async def fresh_system(redis_url: str) -> AsyncGenerator[Api]:
    """A system with a catalogue in force and no members.

    Args:
        redis_url: Of a server that is emptied.
    """
    client = open_redis(redis_url)
    await client.flushall()
    clock, warehouse = SteppedClock(), RowWarehouse()
    shards = LiveShards(client, warehouse, clock)
    await shards.start()
    live = RedisState(client, SHARDS)

    async def warehouse_probe() -> None:
        if warehouse.is_down:
            raise RecoverableError("the warehouse is down")

    services = Services(
        keys=KEYS,
        live=live,
        warehouse=warehouse,
        commands=shards,
        lag=shards,
        terms=LatestTerms(OneBody()),
        shards=SHARDS,
        batches=RedisBatches(client, SHARDS),
        card_secrets=CardSecrets(CARD_SECRETS),
        tries=Tries(client, TryLimits(member=3, address=4, key=200)),
        clock=clock,
        probes={"redis": live.ping, "kafka": shards.ping},
        side_probes={"warehouse": warehouse_probe},
        metrics=Metrics(),
        limits=ApiLimits(command_timeout_ms=1_000, poll_first_ms=1, poll_max_ms=1),
        intake=single_intake(shards, clock),
    )
    transport = httpx.ASGITransport(create_app(services), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as http:
        yield Api(http, shards, clock, warehouse, services)
    await client.aclose()
