"""Redis wiped under workers and rebuilt by command: it is what the log alone makes of it again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runtime.settings import Settings
from schemas.ids import ShardId
from shard.cursor import HELD
from shard.redis_store import Client, RedisStore, open_redis
from tests.integration.streams.running import (
    ROOT,
    WorkerProcess,
    assert_undisturbed,
    publish,
    wait_until_applied,
    workload,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

SNAPSHOT_EVERY_MS = 400
ROUNDS_MAX = 40

Start = Callable[[str], WorkerProcess]


@pytest.fixture
def snapping(settings: Settings, tmp_path: Path) -> Iterator[Callable[[], WorkerProcess]]:
    """A function that starts a worker which takes snapshots often."""
    started: list[WorkerProcess] = []
    own = settings.model_copy(update={"snapshot_every_ms": SNAPSHOT_EVERY_MS})

    def start() -> WorkerProcess:
        started.append(WorkerProcess(own, tmp_path / "snapping.log"))
        return started[-1]

    yield start
    for process in started:
        process.end()


def _snapshots(settings: Settings, shard: int) -> set[Path]:
    return set((settings.snapshots_folder / f"{shard:04}").glob("*.snapshot"))


async def _publish_until_snapshots(settings: Settings, name: str) -> None:
    """Batches for every shard until each has a snapshot that is newer than those of before."""
    before = {shard: _snapshots(settings, shard) for shard in range(settings.shards)}
    for at in range(ROUNDS_MAX):
        await publish(settings, workload(f"{name}{at}", members=8, frames=2))
        await wait_until_applied(settings)
        if all(_snapshots(settings, shard) - old for shard, old in before.items()):
            return
    pytest.fail("no snapshot was taken")


async def _wiped(settings: Settings) -> Client:
    client = open_redis(settings.redis)
    await client.execute_command("FLUSHALL")
    return client


def _rebuild(settings: Settings, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "cli.main", "rebuild", "--json", *words],
        env={**os.environ, **settings.environment(), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def _answer(command: "subprocess.Popen[str]") -> dict[str, Any]:
    out, err = command.communicate(timeout=120)
    assert command.returncode == 0, err
    answer: dict[str, Any] = msgspec.json.decode(out.splitlines()[-1])
    return answer


async def test_worker_when_redis_is_wiped_then_goes_on_from_its_snapshots(
    settings: Settings, snapping: Callable[[], WorkerProcess]
) -> None:
    """The living worker puts its snapshots back, replays the tail, and says nothing twice."""
    running = snapping()
    await _publish_until_snapshots(settings, "snap")
    client = await _wiped(settings)
    await client.aclose()
    await publish(settings, workload("after", members=8, frames=3))
    await wait_until_applied(settings)

    assert running.stop() == 0
    assert await assert_undisturbed(settings) > 30
    restored = running.log.read_text("utf-8").count("snapshot restored")
    assert restored == settings.shards


async def test_rebuild_when_killed_and_run_again_then_redis_is_as_the_log_says(
    settings: Settings, snapping: Callable[[], WorkerProcess]
) -> None:
    """Nobody owns the shards; one was left half done by a rebuild that died with its token."""
    running = snapping()
    await _publish_until_snapshots(settings, "cmd")
    assert running.stop() == 0
    client = await _wiped(settings)
    await client.execute_command("SET", "{0}:cursor", HELD + b"dead")
    await client.execute_command("HSET", "{0}:wallets", "half", "written")
    killed = _rebuild(settings)
    deadline = time.monotonic() + 60
    while await client.execute_command("EXISTS", "{0}:held") == 0:
        assert time.monotonic() < deadline
        if killed.poll() is not None or await _has_cursor(client, settings):
            break
    killed.send_signal(signal.SIGKILL)
    killed.communicate()

    answer = _answer(_rebuild(settings))
    await client.aclose()
    assert answer["shards_failed"] == 0
    assert answer["from_snapshots"] == settings.shards
    assert answer["wallets"] > 8
    assert answer["entries"] > 8
    assert await assert_undisturbed(settings) > 30


async def _has_cursor(client: Client, settings: Settings) -> bool:
    stored = [
        await client.execute_command("GET", f"{{{shard}}}:cursor")
        for shard in range(1, settings.shards)
    ]
    return any(stored)


async def test_rebuild_when_a_worker_lives_then_it_brings_the_rest(
    settings: Settings, snapping: Callable[[], WorkerProcess]
) -> None:
    """Restored under the worker's hands: whichever of the two replays, it is done once."""
    running = snapping()
    await _publish_until_snapshots(settings, "live")
    await publish(settings, workload("live-tail", members=8, frames=20))
    await wait_until_applied(settings)
    assert _answer(_rebuild(settings))["shards_failed"] == 0
    await publish(settings, workload("live-after", members=8, frames=2))
    await wait_until_applied(settings)
    assert running.stop() == 0
    assert await assert_undisturbed(settings) > 30


async def test_rebuild_when_there_is_no_snapshot_then_the_log_is_replayed_whole(
    settings: Settings, worker: Start, tmp_path: Path
) -> None:
    """One shard alone, from an empty folder of snapshots; the others are left as they are."""
    running = worker("w1")
    await publish(settings, workload("whole", members=8, frames=2))
    await wait_until_applied(settings)
    assert running.stop() == 0
    own = settings.model_copy(update={"snapshots_dir": tmp_path / "none"})
    answer = _answer(_rebuild(own, "--shard", "1"))
    assert (answer["shards"], answer["from_snapshots"]) == (1, 0)
    assert answer["tail_events"] > 0
    assert await assert_undisturbed(settings) > 30
    client = open_redis(settings.redis)
    assert await RedisStore(client, ShardId(1)).cursor() is not None
    await client.aclose()
