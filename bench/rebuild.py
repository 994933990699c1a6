"""How fast a log's tail is replayed by ``ncash rebuild``: real Kafka and Redis, no snapshot.

Owns: filling four shards' logs, letting a worker apply and publish them, wiping Redis, and timing
the command. ``python bench/rebuild.py [FRAMES]`` in the project's folder prints one JSON object.
"""

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ["NCASH_SHARDS"] = "4"

from runtime.embedded.stack import EmbeddedStack  # noqa: E402 -- the path comes first
from shard.redis_store import open_redis  # noqa: E402
from tests.integration.streams.running import (  # noqa: E402
    WorkerProcess,
    events_in,
    publish,
    wait_until_applied,
    workload,
)

MEMBERS = 64


def main() -> None:
    """Fills, wipes, rebuilds, prints."""
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else 80
    with tempfile.TemporaryDirectory() as folder, EmbeddedStack(Path(folder)) as stack:
        settings = stack.settings.model_copy(update={"snapshot_every_ms": 0})
        records = workload("bench", members=MEMBERS, frames=frames)
        worker = WorkerProcess(settings, Path(folder) / "worker.log")
        asyncio.run(publish(settings, records))
        asyncio.run(wait_until_applied(settings))
        worker.stop()
        asyncio.run(wipe(settings.redis))
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        said = subprocess.run(
            [sys.executable, "-m", "cli.main", "rebuild", "--json"],
            env={**os.environ, **settings.environment(), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE, check=True,
        )  # fmt: skip
        elapsed_s = time.monotonic() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    answer = json.loads(said.stdout.splitlines()[-1])
    assert answer["tail_events"] == events_in(records)
    events = answer["tail_events"]
    answer |= {
        "command_s": round(elapsed_s, 2),
        "events_per_s": round(events / answer["elapsed_s"]),
        "command_cpu_us_per_event": round(cpu_s * 1e6 / events, 1),
    }
    print(json.dumps(answer))


async def wipe(url: str) -> None:
    """Takes everything out of Redis."""
    client = open_redis(url)
    await client.execute_command("FLUSHALL")
    await client.aclose()


if __name__ == "__main__":
    main()
