"""``GET /v1/control`` on a real broker: edges as processes, killed and changed in the middle."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import httpx
import msgspec
import pytest
from starlette.types import Receive, Scope, Send

from api.control.hub import ControlHub, HubLimits
from api.control.kafka import ControlTail, KafkaHistory
from api.control.positions import text_from_positions
from api.control.stream import ControlResponse
from cli.serving.http_server import served
from runtime.embedded.ports import free_port
from runtime.keys import ApiKey, digest_of_key
from runtime.settings import Settings
from schemas.errors import RecoverableError
from tests.support.control_topic import put, worded
from tests.support.stream_reader import Told, listening
from tests.unit.house.tree import ROOT

READY_S = 150

pytestmark = pytest.mark.timeout(600)


class Edges:
    """Edge processes on one Kafka, each on a port of its own."""

    def __init__(self, settings: Settings, folder: Path, tenant: str) -> None:
        keys = [
            {"id": name, "sha256": digest_of_key(name), "tenant": tenant, "sources": sources,
             "scopes": scopes}
            for name, sources, scopes in [
                ("server", ["*"], ["session:control", "usage:write"]),
                ("site", ["site"], ["session:control"]),
                ("reader", ["*"], ["wallet:read"]),
            ]
        ]  # fmt: skip
        (folder / "keys.json").write_bytes(msgspec.json.encode(keys))
        self._folder = folder
        self._settings = settings.model_copy(
            update={
                "keys_file": folder / "keys.json",
                # Nothing of the warehouse is asked here, so none is there.
                "clickhouse": f"http://127.0.0.1:{free_port()}",
            }
        )

    @contextmanager
    def one(self) -> Generator[tuple[str, "subprocess.Popen[bytes]"]]:
        """An edge that serves; gives its URL and its process."""
        port = free_port()
        settings = self._settings.model_copy(update={"api_port": port})
        with (self._folder / f"edge-{port}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "cli.main", "serve", "edge"],
                cwd=self._folder,
                env={**os.environ, **settings.environment(), "PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=log,
            )
        url = f"http://127.0.0.1:{port}"
        try:
            deadline = time.monotonic() + READY_S
            while not _is_ready(url):
                assert process.poll() is None, "the edge ended"
                assert time.monotonic() < deadline, "the edge does not get ready"
                time.sleep(0.1)
            yield url, process
        finally:
            process.kill()
            process.wait()


def _is_ready(url: str) -> bool:
    """Whether streams can be opened: the one with a wrong id says that its topic is read."""
    headers = {"Authorization": "Bearer server", "Last-Event-ID": "x"}
    with suppress(httpx.HTTPError):
        return httpx.get(f"{url}/v1/control", headers=headers).status_code == 400
    return False


@pytest.fixture
def tenant() -> str:
    """A tenant of the test's own."""
    return f"tenant-{uuid4().hex}"


@pytest.fixture
def edges(settings: Settings, tmp_path: Path, tenant: str) -> Edges:
    """Starts edges for the tenant."""
    return Edges(settings, tmp_path, tenant)


def _until(told: Told, count: int, url: str) -> None:
    """Listens until so many signals were told, or the edge is gone."""
    with suppress(httpx.HTTPError, EOFError), listening(url, "server", told) as read_on:
        while len(told.signals) < count:
            read_on()


@pytest.mark.slow
def test_client_when_its_edge_is_killed_then_resumes_at_another_and_misses_nothing(
    settings: Settings, edges: Edges, tenant: str
) -> None:
    """Kill -9, a stay away, another process, a clean stop: each signal is told once, in order."""
    told = Told()
    signals = worded(tenant, range(400), shards=settings.shards)
    noise = worded("somebody-else", range(100), shards=settings.shards)
    with edges.one() as (first, first_process), edges.one() as (second, second_process):
        with suppress(httpx.HTTPError, EOFError), listening(first, "server", told) as read_on:
            put(settings.kafka, signals[:100])
            while len(told.signals) < 60:
                read_on()
            first_process.kill()
            while True:
                read_on()
        put(settings.kafka, [*noise, *signals[100:200]])
        with suppress(EOFError), listening(second, "server", told) as read_on:
            put(settings.kafka, signals[200:300])
            while len(told.signals) < 250:
                read_on()
            second_process.terminate()
            while True:
                read_on()
        assert told.end == "stopping"
        assert second_process.wait(READY_S) == 0
        put(settings.kafka, signals[300:])
        with edges.one() as (third, _):
            _until(told, 400, third)
    names = told.names()
    assert sorted(names) == sorted(each.name for each in signals)
    for shard in range(settings.shards):
        own = [name for name in names if name.startswith(f"{shard}-")]
        assert own == [each.name for each in signals if each.shard == shard]


@pytest.mark.slow
def test_client_when_it_listens_then_hears_its_own_sources_alone_and_strangers_nothing(
    settings: Settings, edges: Edges, tenant: str
) -> None:
    """Scope, tenant and sources of the key; a place that is none, or lost, is told before."""
    with edges.one() as (url, _):
        assert _status(url, "reader") == 403
        assert _status(url, "nobody") == 401
        lost = text_from_positions([2**40] * settings.shards)
        answer = httpx.get(
            f"{url}/v1/control",
            headers={"Authorization": "Bearer server", "Last-Event-ID": lost},
        )
        assert (answer.status_code, answer.json()["type"]) == (
            409,
            "urn:ncash:problem:position-lost",
        )
        told = Told()
        with listening(url, "site", told) as read_on:
            put(
                settings.kafka,
                [
                    *worded(tenant, range(5), shards=settings.shards),
                    *worded("somebody-else", range(5), shards=settings.shards, source="site"),
                    *worded(tenant, [77], shards=settings.shards, source="site",
                            signal="limit_reached"),
                ],
            )  # fmt: skip
            while not told.signals:
                read_on()
        [only] = told.signals
        assert (only["tenant"], only["source"], only["signal"]) == (tenant, "site", "limit_reached")


def _status(url: str, key: str) -> int:
    return httpx.get(f"{url}/v1/control", headers={"Authorization": f"Bearer {key}"}).status_code


@asynccontextmanager
async def _streams(settings: Settings, limits: HubLimits) -> AsyncGenerator[tuple[int, ControlHub]]:
    """Streams alone, with limits of the test's own, on a port of this process."""
    hub = ControlHub(KafkaHistory(settings.kafka), limits=limits)
    tail = ControlTail(settings.kafka, hub)
    async with asyncio.timeout(READY_S):
        while not _has_begun(hub):  # noqa: ASYNC110 -- the hub tells clients, not tests
            await asyncio.sleep(0.01)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        # The tenant is the path.
        key = ApiKey("k", "", scope["path"][1:], ("*",), ("session:control",))
        await ControlResponse(hub, hub.join(key, None))(scope, receive, send)

    port = free_port()
    try:
        async with served(app, "127.0.0.1", port):
            yield port, hub
            hub.stop()
    finally:
        await tail.close()


def _has_begun(hub: ControlHub) -> bool:
    with suppress(RecoverableError):
        return bool(hub.positions)
    return False


async def test_client_when_it_takes_nothing_then_is_closed_and_others_hear_all(
    settings: Settings, tenant: str
) -> None:
    """A reader that stands still holds a bounded buffer for a bounded time."""
    # More than the kernel holds for a connection, in parts that a reader's buffer holds.
    limits = HubLimits(buffer_messages_max=1_000, buffer_bytes_max=2**24, send_ms_max=500)
    signals = worded(tenant, range(8_000), shards=settings.shards, session="s" * 1_500)
    async with _streams(settings, limits) as (port, hub):
        still = socket.socket()
        still.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        still.connect(("127.0.0.1", port))
        still.sendall(f"GET /{tenant} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        url, told = f"http://127.0.0.1:{port}/{tenant}", Told()
        async with httpx.AsyncClient(timeout=READY_S) as http, http.stream("GET", url) as answer:
            async with asyncio.timeout(READY_S):
                while hub.listeners < 2:  # noqa: ASYNC110 -- likewise
                    await asyncio.sleep(0.01)
                heard = asyncio.create_task(_lines(answer, told))
                for first in range(0, len(signals), 800):
                    await asyncio.to_thread(put, settings.kafka, signals[first : first + 800])
                    await _heard(told, first + 800)
                while hub.listeners > 1:  # noqa: ASYNC110 -- likewise
                    await asyncio.sleep(0.01)
            heard.cancel()
        still.close()
    assert sorted(told.names()) == sorted(each.name for each in signals)


async def _lines(answer: httpx.Response, told: Told) -> None:
    async for line in answer.aiter_lines():
        if line.startswith("data: "):
            told.signals.append(msgspec.json.decode(line.removeprefix("data: ")))


async def _heard(told: Told, count: int) -> None:
    while len(told.signals) < count:  # noqa: ASYNC110 -- a reader beside tells
        await asyncio.sleep(0.005)
