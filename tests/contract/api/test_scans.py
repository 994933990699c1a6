"""What a page of live sessions costs: bounded, whoever else has how many."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from api.limits import SCAN_TURNS, ScanLimits
from api.ports import ScanPlace
from api.problems import Problem
from api.redis_state import RedisState
from rating.session import Session
from shard.redis_store import open_redis
from tests.contract.api.conftest import Api
from tests.contract.api.shards import SHARDS
from tests.support.bench_shard import event

SLICES_MAX = 2
OWN = 60


@pytest.fixture
async def redis(api: Api, redis_url: str) -> AsyncIterator[Redis]:
    """The server behind the API, with many sessions of one tenant and a few of another."""
    for number in range(OWN):
        await api.shards.use(event("session.start", 0, session=f"s{number}", subject=f"m{number}"))
    await api.shards.use(event("session.start", 0, tenant="fm", subject="zoe", session="z"))
    client = open_redis(redis_url)
    assert isinstance(client, Redis)
    yield client
    await client.aclose()


async def _looks(redis: Redis) -> int:
    told = await redis.info("commandstats")
    return int(told.get("cmdstat_hscan", {"calls": 0})["calls"])


def _any(_: Session) -> bool:
    return True


@pytest.mark.parametrize("limit", [1, 7, 400])
@pytest.mark.parametrize(("tenant", "count"), [("tv", OWN), ("fm", 1), ("nobody", 0)])
async def test_page_when_others_have_many_sessions_then_costs_no_more_and_none_is_left_out(
    redis: Redis, tenant: str, count: int, limit: int
) -> None:
    """Each page makes a bounded number of looks; all pages together show each session once."""
    state = RedisState(redis, SHARDS, ScanLimits(slice_fields=3, slices_max=SLICES_MAX))
    seen: list[str] = []
    after: ScanPlace | None = None
    while True:
        before = await _looks(redis)
        page = await state.open_sessions(tenant, after=after, limit=limit, accepts=_any)
        assert await _looks(redis) - before <= SLICES_MAX
        assert len(page.sessions) <= limit
        seen += [session.session for session in page.sessions]
        if page.rest is None:
            break
        after = page.rest
    assert len(seen) == len(set(seen)) == count


async def test_pages_when_asked_for_all_at_once_then_only_so_many_of_a_tenant_wait(
    redis: Redis,
) -> None:
    """One look of a tenant runs, a few wait, the rest is told to come again."""
    state = RedisState(redis, SHARDS)
    asked = SCAN_TURNS.per_tenant + SCAN_TURNS.waiting_max + 5
    answers = await asyncio.gather(
        *(state.open_sessions("tv", after=None, limit=400, accepts=_any) for _ in range(asked)),
        return_exceptions=True,
    )
    refused = [answer for answer in answers if isinstance(answer, Problem)]
    assert [problem.word for problem in refused] == ["too-many-questions"] * 5
    assert all(len(each.sessions) == OWN for each in answers if not isinstance(each, BaseException))
