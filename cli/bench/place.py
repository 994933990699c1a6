"""The stack that a benchmark measures: started in a fresh folder, fed by the load client, settled.

Invariant: the folder is gone afterwards, and so is every process that was started here. It does not
own what is measured, nor what the load is.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from rich.console import Console

from cli.bench.client import Stage, write_bodies
from cli.bench.load import EVENTS_PER_BODY, Load
from cli.bench.market import TENANT
from cli.bench.usage import Sample, sample
from cli.publishing import publish_tenants
from cli.settled import await_applied, await_warehouse
from cli.stacking import running_stack
from cli.state_store import open_store
from runtime.embedded.services import ServicePlan, ncash_services
from runtime.embedded.stack import EmbeddedStack
from runtime.faults import TransportFault
from runtime.settings import Settings
from warehouse.opening import open_warehouse

IN_FLIGHT = 16
IDLE_S = 3
KEY_RECORD = {"id": "bench", "tenant": TENANT, "scopes": ["admin"], "clock": "live"}
_NS_PER_S = 1_000_000_000


class Place(NamedTuple):
    """The stack that is measured.

    Args:
        settings: How to reach it.
        url: Of the edge.
        key: API key of the tenant ``bench``.
        stack: Its parts, or None when it is somebody else's.
        folder: For the load.
        keys: All API keys by id; of somebody else's stack none.
    """

    settings: Settings
    url: str
    key: str
    stack: EmbeddedStack | None
    folder: Path
    keys: Mapping[str, str]


@contextmanager
def bench_folder() -> Generator[Path]:
    """A fresh folder while the block runs."""
    folder = Path(tempfile.mkdtemp(prefix="ncash-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def own_place(
    folder: Path,
    console: Console,
    *,
    body: bytes,
    workers: int,
    more_keys: Sequence[Mapping[str, Any]] = (),
    changes: Mapping[str, object] | None = None,
    services: ServicePlan = ncash_services,
) -> Generator[Place]:
    """A stack of our own while the block runs.

    Args:
        folder: That is this benchmark's.
        console: For people.
        body: Catalogue.
        workers: Stream workers.
        more_keys: Beside the key of the tenant ``bench``.
        changes: Settings that differ from the environment's.
        services: What runs on the stores.
    """
    console.print("Starting a stack in a fresh folder")
    with running_stack(
        folder / "stack",
        workers,
        console,
        body=body,
        more_keys=[KEY_RECORD, *more_keys],
        changes=changes,
        services=services,
    ) as up:
        key = up.keys[str(KEY_RECORD["id"])]
        yield Place(up.settings, up.url, key, up.stack, folder, up.keys)


def external_place(folder: Path, url: str, key: str, body: bytes) -> Place:
    """Somebody else's stack, with the benchmark's catalogue put into force.

    Args:
        folder: That is this benchmark's.
        url: Of the edge.
        key: Of the tenant ``bench``.
        body: Catalogue.
    """
    settings = Settings()
    publish_tenants(settings, body)
    return Place(settings, url, key, None, folder, {})


def samples(place: Place) -> dict[str, Sample]:
    """What its processes used so far; nothing of a stack elsewhere."""
    return {} if place.stack is None else sample(place.stack)


def idle_samples(place: Place) -> dict[str, Sample]:
    """The same, once the start has settled down."""
    time.sleep(IDLE_S)
    return samples(place)


def settle(place: Place) -> int:
    """Waits until all that was taken in is in the warehouse; gives the monotonic clock then.

    Raises:
        NotSettled: Not in time.
    """
    with (
        closing(open_warehouse(place.settings.clickhouse)) as warehouse,
        closing(open_store(place.settings.redis)) as store,
    ):
        await_warehouse(warehouse, await_applied(place.settings, store))
    return time.monotonic_ns()


def write_load(place: Place, load: Load, bodies: int, console: Console) -> Path:
    """Writes the load where the client reads it."""
    file = place.folder / "load"
    with file.open("wb") as out:
        size = write_bodies(out, load.bodies(bodies))
    console.print(f"  load: {bodies * EVENTS_PER_BODY:,} events, {size // 1_000_000} MB")
    return file


class LoadClient:
    """The load client's process; one stage at a time.

    Args:
        process: It.
    """

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def begin(self, bodies: int, *, seconds: int = 0, events_per_s: int = 0) -> None:
        """Has it begin a stage.

        Args:
            bodies: At most so many.
            seconds: At most so long; 0 is until all is sent.
            events_per_s: Sent on a schedule; 0 is as fast as they are taken.
        """
        assert self._process.stdin is not None
        interval_ns = EVENTS_PER_BODY * _NS_PER_S // events_per_s if events_per_s else 0
        self._process.stdin.write(f"{bodies} {seconds} {interval_ns}\n".encode())
        self._process.stdin.flush()

    def end(self) -> Stage:
        """Waits for the stage's end.

        Raises:
            TransportFault: The client ended, or the edge did not take the load.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise TransportFault(f"the load client ended with status {self._process.wait()}")
        stage = msgspec.json.decode(line, type=Stage)
        if stage.fault:
            raise TransportFault(f"the edge did not take the load: {stage.fault}")
        return stage

    def stage(self, bodies: int, *, seconds: int = 0, events_per_s: int = 0) -> Stage:
        """A whole stage; see ``begin`` and ``end``."""
        self.begin(bodies, seconds=seconds, events_per_s=events_per_s)
        return self.end()


@contextmanager
def load_client(place: Place, file: Path) -> Generator[LoadClient]:
    """The client on a load file while the block runs."""
    words = ["--url", place.url, "--file", str(file), "--in-flight", str(IN_FLIGHT)]
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.bench.client", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "BENCH_KEY": place.key},
    )
    try:
        yield LoadClient(process)
    finally:
        process.kill()
        process.communicate()
