"""A whole stack robbed of its Redis and rebuilt by command: all copies agree, and it goes on."""

import asyncio
import os
import subprocess
import sys
from contextlib import closing

import msgspec
import pytest

from cli.reconciling import reconciled
from cli.state_store import open_store
from tests.e2e.conftest import Whole, tenant_of
from tests.e2e.sending import post, recording_of, settled, told
from tests.unit.house.tree import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_rebuild_when_redis_is_wiped_then_all_copies_agree(whole: Whole) -> None:
    """With living workers; the balances are those of before, and no copy drifts."""
    tenant = tenant_of("web", "rebuilt")
    asyncio.run(post(whole, tenant, recording_of("web")))
    with settled(whole) as warehouse:
        before = told(warehouse, tenant)
    wallets = reconciled(whole.settings).wallets
    with closing(open_store(whole.settings.redis)) as store:
        store.flushall()

    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "rebuild", "--json"],
        env={**os.environ, "PYTHONPATH": str(ROOT), **whole.settings.environment()},
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    [line] = done.stdout.splitlines()
    answer = msgspec.json.decode(line)
    assert answer.keys() >= {"wallets", "entries", "elapsed_s"}
    assert answer["wallets"] == wallets
    report = reconciled(whole.settings)
    assert (report.is_clean, report.wallets, report.findings) == (True, wallets, ())
    with settled(whole) as warehouse:
        assert told(warehouse, tenant) == before
