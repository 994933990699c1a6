"""How much requests may hold, and for how long: one tenant's never stop the others' events."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import httpx
import pytest
from starlette.types import Message

from cli.serving.bounded import REQUESTS_MAX
from ingest.limits import SHARES, IntakeLimits
from tests.unit.ingest.fakes import (
    LIVE_KEY,
    OTHER_KEY,
    RECORDED_KEY,
    Edge,
    cloud_event,
    edge,
)

SMALL = IntakeLimits(body_bytes_max=100_000, pending_bytes_max=200_000)
LARGE = json.dumps(cloud_event(1, padding="x" * 60_000)).encode()
PATIENCE_S = 10
EVENT = json.dumps(cloud_event(2)).encode()


async def _post(
    where: Edge,
    content: bytes | AsyncIterator[bytes],
    *,
    key: str = LIVE_KEY,
    path: str = "/v1/events",
) -> httpx.Response:
    transport = httpx.ASGITransport(where.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://edge") as client:
        return await client.post(path, content=content, headers={"Authorization": f"Bearer {key}"})


class _Stalled:
    """A body that begins and never ends."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.is_read = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """All that ever comes."""
        yield b"x" * self._size
        # Whoever asks for more has counted what came.
        self.is_read.set()
        await asyncio.Event().wait()


@asynccontextmanager
async def _stalled(where: Edge, *sizes: int) -> AsyncGenerator[None]:
    """So many requests of the first tenant stall while the block runs."""
    async with AsyncExitStack() as open_tasks:
        for size in sizes:
            body = _Stalled(size)
            task = asyncio.create_task(_post(where, aiter(body)))
            open_tasks.push_async_callback(_ended, task)
            await body.is_read.wait()
        yield


async def _ended(task: asyncio.Task[httpx.Response]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _told(answer: httpx.Response) -> tuple[int, str, str | None]:
    word = answer.json()["type"].removeprefix("urn:ncash:problem:")
    return answer.status_code, word, answer.headers.get("connection")


async def test_requests_when_one_tenants_stall_then_others_are_taken() -> None:
    """Its share is full, its next is 503, and another tenant's event is in Kafka all the same."""
    where = edge(SMALL)
    async with _stalled(where, 50_000, 49_900):
        refused = await _post(where, LARGE)
        assert _told(refused) == (503, "unavailable", "close")
        assert refused.headers["retry-after"] == "1"
        assert "tenant demo" in refused.json()["detail"]
        assert "being read" in refused.json()["detail"]
        assert (await _post(where, LARGE, key=OTHER_KEY)).status_code == 202
    assert (await _post(where, LARGE)).status_code == 202


async def test_requests_when_one_tenant_has_many_open_then_others_are_taken() -> None:
    """Requests that hold hardly a byte are bounded by their number."""
    where = edge(IntakeLimits(tenant_requests_max=2))
    async with _stalled(where, 1, 1):
        refused = await _post(where, EVENT)
        assert _told(refused) == (503, "unavailable", "close")
        assert (await _post(where, EVENT, key=OTHER_KEY)).status_code == 202
    assert (await _post(where, EVENT)).status_code == 202


def test_share_of_a_tenant_when_it_is_full_then_the_process_has_requests_left() -> None:
    """One tenant may hold half of the bytes, and half of the requests in work."""
    limits = IntakeLimits()
    assert limits.tenant_bytes_max * SHARES == limits.pending_bytes_max
    assert limits.tenant_requests_max * SHARES == REQUESTS_MAX


@pytest.mark.parametrize(("path", "key"), [("/v1/events", LIVE_KEY), ("/v1/clock", RECORDED_KEY)])
async def test_body_when_it_never_ends_then_is_408_and_its_room_is_free(
    path: str, key: str
) -> None:
    """A stalled sender is told in time that it was too slow, and nothing of it stays."""
    where = edge(IntakeLimits(tenant_requests_max=1, body_read_ms_max=50))
    answer = await _post(where, aiter(_Stalled(9)), path=path, key=key)
    assert _told(answer) == (408, "body-too-slow", "close")
    assert "9 bytes" in answer.json()["detail"]
    assert not where.kafka.messages
    assert (await _post(where, EVENT)).status_code == 202


async def test_body_when_it_comes_in_many_small_pieces_then_is_taken() -> None:
    """A full body that trickles in by the kilobyte is as good as any."""
    where = edge()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"["
        for _ in range(4_000):
            yield b" " * 1_024
        yield EVENT
        yield b"]"

    answer = await _post(where, pieces())
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)


async def test_sender_when_it_hangs_up_in_the_body_then_nothing_of_it_stays() -> None:
    """What it began is no event, and its place is free for its next request."""
    where = edge(IntakeLimits(tenant_requests_max=1))
    scope = {
        "type": "http", "method": "POST", "path": "/v1/events", "query_string": b"",
        "headers": [(b"authorization", f"Bearer {LIVE_KEY}".encode())],
    }  # fmt: skip
    incoming: list[Message] = [
        {"type": "http.request", "body": b"[", "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[int] = []

    async def receive() -> Message:
        return incoming.pop(0)

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            sent.append(int(str(message["status"])))

    await where.app(scope, receive, send)
    assert sent == [408]
    assert (await _post(where, EVENT)).status_code == 202


async def test_body_when_too_many_bytes_wait_for_kafka_then_is_503_until_they_are_there() -> None:
    """Large events are bounded by their bytes; a small one finds room beside them."""
    where = edge(SMALL)
    where.kafka.door = asyncio.Event()
    first = asyncio.create_task(_post(where, LARGE))
    await where.kafka.taken.wait()
    answer = await _post(where, LARGE)
    assert _told(answer) == (503, "unavailable", "close")
    assert answer.headers["retry-after"] == "1"
    small = asyncio.create_task(_post(where, EVENT))
    where.kafka.door.set()
    assert [(await first).status_code, (await small).status_code] == [202, 202]
    assert (await _post(where, LARGE)).status_code == 202


@pytest.mark.parametrize("body", [LARGE, LARGE[:-1]], ids=["events", "dead-letter"])
async def test_request_when_cancelled_while_kafka_is_slow_then_its_room_is_held(
    body: bytes,
) -> None:
    """What a sender that went away left in memory counts until Kafka has it."""
    where = edge(SMALL)
    where.kafka.door = asyncio.Event()
    gone = asyncio.create_task(_post(where, body))
    await where.kafka.taken.wait()
    await _ended(gone)
    async with asyncio.timeout(PATIENCE_S):
        assert (await _post(where, LARGE)).status_code == 503
    assert where.stamps.vouched() < where.clock.at_ms
    where.kafka.door.set()
    await where.intake.drain()
    assert (await _post(where, LARGE)).status_code == 202
    assert where.stamps.vouched() == where.clock.at_ms
