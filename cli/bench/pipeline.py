"""``ncash bench pipeline``: the sustained rate from the edge to the last entry in the warehouse.

Time runs from the first send of the measured stage until every output of the ledger, the applied
usage and the dead letters behind it can be selected in the warehouse. Invariant: the run ends with
a reconciliation; the client's processor time is measured apart and not counted.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
from rich.console import Console

from cli.bench.client import Stage, write_bodies
from cli.bench.load import EVENTS_PER_BODY, Load, Shape
from cli.bench.machine import RESULTS, machine
from cli.bench.market import TENANT, bench_catalogue
from cli.bench.report import Run, answer_of, keep, show
from cli.bench.usage import Sample, resident_mb, sample, used_us
from cli.publishing import publish_tenants
from cli.reconciling import reconciled
from cli.screen import put_json, screen
from cli.settled import await_applied, await_warehouse
from cli.stacking import running_stack
from cli.state_store import open_store
from runtime.embedded.stack import EmbeddedStack
from runtime.faults import TransportFault
from runtime.settings import Settings
from warehouse.audit import totals
from warehouse.opening import open_warehouse

WARM_UP_EVENTS = 40_000
# What --seconds prepares for: more than the pipeline takes, so that the time runs out first.
PREPARED_PER_S = 40_000
IN_FLIGHT = 16
IDLE_S = 3
KEY_RECORD = {"id": "bench", "tenant": TENANT, "scopes": ["admin"], "clock": "live"}


class Place(NamedTuple):
    """The stack that is measured.

    Args:
        settings: How to reach it.
        url: Of the edge.
        key: API key of the tenant ``bench``.
        stack: Its parts, or None when it is somebody else's.
        folder: For the load.
    """

    settings: Settings
    url: str
    key: str
    stack: EmbeddedStack | None
    folder: Path


class Wanted(NamedTuple):
    """What is asked for.

    Args:
        events: To be sent and measured, at most.
        seconds: After which sending ends; 0 is when all is sent.
        shape: Of the load.
        workers: Of the embedded stack.
        external: Edge and key of a stack that runs, or None.
    """

    events: int
    seconds: int
    shape: Shape
    workers: int
    external: tuple[str, str] | None


def bench_pipeline(wanted: Wanted, *, as_json: bool) -> int:
    """Measures and says.

    Args:
        wanted: Load and place.
        as_json: Whether to print one object at the end.

    Returns:
        Exit status: 1 when a copy differs or an event was refused.

    Raises:
        NcashError: The stack did not come up, did not take the load, or did not come to rest.
    """
    console, described = screen(), machine()
    with _place(wanted, console) as place:
        run = _measured(place, wanted, console)
    answer = answer_of(run) | {"machine": described}
    show(console, run, described)
    if file := keep(answer, RESULTS):
        console.print(f"kept in {file}")
    if as_json:
        put_json(answer)
    return 1 if run.drift_micros or run.copies_differ or run.rejected else 0


@contextmanager
def _place(wanted: Wanted, console: Console) -> Generator[Place]:
    folder = Path(tempfile.mkdtemp(prefix="ncash-bench-"))
    body = bench_catalogue(wanted.shape.contents)
    try:
        if wanted.external is not None:
            settings, (url, key) = Settings(), wanted.external
            publish_tenants(settings, body)
            yield Place(settings, url, key, None, folder)
            return
        console.print("Starting a stack in a fresh folder")
        with running_stack(
            folder / "stack", wanted.workers, console, body=body, more_keys=[KEY_RECORD]
        ) as running:
            key = running.keys[str(KEY_RECORD["id"])]
            yield Place(running.settings, running.url, key, running.stack, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measured(place: Place, wanted: Wanted, console: Console) -> Run:
    bodies = -(-wanted.events // EVENTS_PER_BODY)
    warm = WARM_UP_EVENTS // EVENTS_PER_BODY
    load = Load(wanted.shape, time.time_ns() // 1_000_000)
    file = place.folder / "load"
    with file.open("wb") as out:
        size = write_bodies(out, load.bodies(warm + bodies))
    console.print(f"  load: {(warm + bodies) * EVENTS_PER_BODY:,} events, {size // 1_000_000} MB")
    time.sleep(IDLE_S)
    idle = _samples(place)
    with (
        closing(open_warehouse(place.settings.clickhouse)) as warehouse,
        closing(open_store(place.settings.redis)) as store,
        _client(place, file) as client,
    ):

        def settled(stage: Stage) -> int:
            if stage.fault:
                raise TransportFault(f"the edge did not take the load: {stage.fault}")
            await_warehouse(warehouse, await_applied(place.settings, store))
            return time.monotonic_ns()

        console.print(f"  warm-up: {WARM_UP_EVENTS:,} events")
        settled(_stage(client, warm, 0))
        before = _samples(place)
        console.print("  measuring")
        stage = _stage(client, bodies, wanted.seconds)
        ended_ns = settled(stage)
        after = _samples(place)
        found = totals(warehouse, TENANT)
    console.print("  reconciling")
    report = reconciled(place.settings)
    return Run(
        events=stage.events,
        rejected=stage.rejected,
        busy=stage.busy,
        elapsed_ms=(ended_ns - stage.began_ns) // 1_000_000,
        sending_ms=(stage.ended_ns - stage.began_ns) // 1_000_000,
        client_cpu_us=stage.cpu_ns // 1_000,
        used_us=used_us(before, after) if place.stack else None,
        idle_mb=resident_mb(idle),
        loaded_mb=resident_mb(after),
        usages=found.usages,
        duplicates=found.duplicates,
        entries=found.entries,
        drift_micros=report.drift_micros,
        copies_differ=not report.is_clean,
        shape=wanted.shape,
        in_flight=IN_FLIGHT,
        workers=wanted.workers,
    )


def _samples(place: Place) -> dict[str, Sample]:
    return {} if place.stack is None else sample(place.stack)


@contextmanager
def _client(place: Place, file: Path) -> Generator["subprocess.Popen[bytes]"]:
    words = ["--url", place.url, "--file", str(file), "--in-flight", str(IN_FLIGHT)]
    client = subprocess.Popen(
        [sys.executable, "-m", "cli.bench.client", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "BENCH_KEY": place.key},
    )
    try:
        yield client
    finally:
        client.kill()
        client.communicate()


def _stage(client: "subprocess.Popen[bytes]", bodies: int, seconds: int) -> Stage:
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write(f"{bodies} {seconds}\n".encode())
    client.stdin.flush()
    line = client.stdout.readline()
    if not line:
        raise TransportFault(f"the load client ended with status {client.wait()}")
    return msgspec.json.decode(line, type=Stage)
