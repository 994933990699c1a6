"""Each part killed in the middle of a replay: afterwards all is as if nothing had happened."""

import asyncio
import os
import signal
import time
from contextlib import closing
from dataclasses import replace

import pytest

from cli.reconciling import reconciled
from cli.state_store import open_store
from tests.e2e.conftest import KILLED, Whole, tenant_of
from tests.e2e.sending import post, produce, recording_of, settled, told
from warehouse.audit import totals

CUT_BYTES = 50_000
BACK_S = 120

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def calm(whole: Whole) -> dict[str, list[list[object]]]:
    """What an undisturbed run tells."""
    tenant = tenant_of("web", "calm")
    asyncio.run(post(whole, tenant, recording_of("web")))
    with settled(whole) as warehouse:
        return told(warehouse, tenant)


@pytest.mark.parametrize("broken", KILLED)
def test_replay_when_a_part_is_broken_in_the_middle_then_the_result_is_the_calm_one(
    whole: Whole, calm: dict[str, list[list[object]]], broken: str
) -> None:
    """Killed, wiped or set back: sessions, usage, entries and balances are the same."""
    tenant = tenant_of("web", broken)
    full = recording_of("web")
    middle = len(full.events) // 2
    first = replace(full, events=full.events[:middle])
    rest = replace(full, events=full.events[middle:])
    send = produce if broken == "collect-kafka" else post
    asyncio.run(send(whole, tenant, first, declares_clock=False))
    _break(whole, broken)
    asyncio.run(send(whole, tenant, rest))
    _await_parts(whole)
    _await_events(whole, tenant, len(full.events))
    with settled(whole) as warehouse:
        found = told(warehouse, tenant)
    for name, rows in calm.items():
        assert found[name] == rows, name
    report = reconciled(whole.settings)
    assert (report.is_clean, report.findings) == (True, ())


def _break(whole: Whole, what: str) -> None:
    if what == "redis-wiped":
        with closing(open_store(whole.settings.redis)) as store:
            store.flushall()
    elif what == "redis-cut":
        _cut_redis(whole)
    else:
        whole.stack.kill(what)


def _cut_redis(whole: Whole) -> None:
    """Takes the last writes out of the append-only file, as a power cut within its second would."""
    whole.stack.kill("redis", signal.SIGSTOP)
    folder = whole.stack.data_dir / "redis"
    log = max(folder.rglob("*.aof"), key=lambda file: file.stat().st_mtime_ns)
    size = log.stat().st_size
    assert size > CUT_BYTES
    os.truncate(log, size - CUT_BYTES)
    whole.stack.kill("redis", signal.SIGKILL)


def _await_parts(whole: Whole) -> None:
    deadline = time.monotonic() + BACK_S
    while not all(whole.stack.is_up(name) for name in whole.stack.parts()):
        assert time.monotonic() < deadline, "a part did not come back"
        time.sleep(0.1)


def _await_events(whole: Whole, tenant: str, events: int) -> None:
    """Waits until all that was sent has come through, also what a collector sent again."""
    deadline = time.monotonic() + BACK_S
    while True:
        with settled(whole) as warehouse:
            if totals(warehouse, tenant).usages >= events:
                return
        assert time.monotonic() < deadline, f"{tenant}: events are missing"
