"""The HTTP edge as it runs: uvicorn, a real broker, curl, and the replay client."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import uvicorn
from fastapi import FastAPI

from ingest.app import HttpEdge
from ingest.recordings import read_recording
from ingest.sender import SETTLE_MS, replay
from runtime.clock import SystemClock
from runtime.keys import ApiKey, KeyRing, digest_of_key
from runtime.metrics import Metrics
from runtime.problems import install_problem_handlers
from runtime.publisher import Publisher
from runtime.settings import Settings
from schemas.frames import Record, Tick, UsageFrame
from schemas.ids import domain_of
from schemas.moment import text_from_ms
from tests.integration.ingest.log_reader import LOG, LogReader, records

SAMPLE = Path(__file__).parents[3] / "cli" / "sample" / "web-access.log"
START_S = 20


@asynccontextmanager
async def _served(settings: Settings, tenant: str) -> AsyncGenerator[str]:
    """The edge on a free port of the loopback; gives its URL."""
    publisher = Publisher(settings)
    keys = KeyRing(
        [
            ApiKey("live", digest_of_key("live"), tenant, ("*",), ("usage:write",)),
            ApiKey(
                "recorded", digest_of_key("recorded"), tenant, ("*",), ("usage:write",), "recorded"
            ),
        ]
    )
    edge = HttpEdge(
        settings, keys=keys, publisher=publisher, clock=SystemClock(), metrics=Metrics()
    )
    app = FastAPI()
    app.include_router(edge.router())
    install_problem_handlers(app)
    await edge.join()
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(START_S):
        while not server.started:  # noqa: ASYNC110 -- uvicorn has only this flag
            await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await serving
    await edge.leave()
    await publisher.close()


@pytest.mark.debian("curl")
async def test_curl_when_it_posts_a_plain_object_then_gets_it_in_between_the_edges_ticks(
    settings: Settings, debian_service: Callable[[str], Path]
) -> None:
    """One line of curl is enough; ticks begin, cover and leave around it."""
    tenant, instance = f"tenant-{uuid4().hex}", f"edge-{uuid4().hex}"
    log = LogReader(settings, LOG)
    event = {
        "id": "e-1", "source": "site", "type": "session.start", "subject": "member",
        "time": text_from_ms(SystemClock().wall_ms()), "data": {"session": "s", "content": "c"},
    }  # fmt: skip
    edge = settings.model_copy(update={"collector_instance": instance})
    async with _served(edge, tenant) as url:
        curl = await asyncio.create_subprocess_exec(
            str(debian_service("curl")), "-sS", f"{url}/v1/events", "-H",
            "Authorization: Bearer live", "-d", json.dumps(event),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        answer, _ = await curl.communicate()
    assert json.loads(answer) == {"accepted": 1, "rejected": []}
    read = await asyncio.to_thread(records, log)
    log.close()
    [(shard, received_ms, place)] = [
        (where, record.events[0].received_at_ms, at)
        for at, (where, record) in enumerate(read)
        if isinstance(record, UsageFrame) and record.events[0].tenant == tenant
    ]
    for each in range(settings.shards):
        ticks = _ticks(read, each, instance)
        assert ticks[0].from_ms == ticks[0].to_ms
        assert [tick.from_ms for tick in ticks[1:]] == [None] * (len(ticks) - 1)
        assert [tick.leave for tick in ticks] == [False] * (len(ticks) - 1) + [True]
        assert ticks[-1].to_ms >= received_ms
    before = _ticks(read[:place], shard, instance)
    assert all(tick.to_ms < received_ms for tick in before)


async def test_replay_when_it_sends_a_recording_then_all_of_it_is_in_the_log(
    settings: Settings,
) -> None:
    """The shipped log goes through a real socket and broker; its clock ends behind it."""
    tenant = f"tenant-{uuid4().hex}"
    log = LogReader(settings, LOG)
    recording = read_recording(SAMPLE, "combined")
    async with _served(settings, tenant) as url:
        sent = [each async for each in replay(recording, url=url, key="recorded")]
    assert sent[-1] == (len(recording.events), len(recording.events), 0)
    read = await asyncio.to_thread(records, log)
    log.close()
    frames = [record for _, record in read if isinstance(record, UsageFrame)]
    ids = [each.id for frame in frames for each in frame.events if each.tenant == tenant]
    assert sorted(ids) == sorted(str(each.event["id"]) for each in recording.events)
    domain = domain_of(tenant, recorded=True)
    for shard in range(settings.shards):
        ticks = [
            record.to_ms
            for where, record in read
            if where == shard and isinstance(record, Tick) and record.domain == domain
        ]
        assert ticks == sorted(ticks)
        assert ticks[-1] == (recording.last_ms or 0) + SETTLE_MS


def _ticks(read: list[tuple[int, Record]], shard: int, member: str) -> list[Tick]:
    return [
        record
        for where, record in read
        if where == shard and isinstance(record, Tick) and record.member == member
    ]
