"""The real stack under load, broken on purpose: nothing is lost, nothing counts twice."""

import os
import subprocess
import sys
from typing import Any

import msgspec
import pytest

from cli.chaos.checking import Check
from tests.unit.house.tree import ROOT

FAULTS = ("kill-worker", "kill-edge", "kill-broker", "cut-redis", "old-redis", "hung-network")
# Far above what it takes: a busy machine is no failure.
TIMEOUT_S = 1_500

pytestmark = [pytest.mark.slow, pytest.mark.timeout(TIMEOUT_S + 60)]


def test_stack_when_broken_under_load_then_heals_and_all_copies_and_the_tally_agree() -> None:
    """Kills, a Redis set back twice and a partition, once each in a seeded order."""
    words = ["--events", "4000", "--seed", "6", "--minutes", "0.6", "--faults", ",".join(FAULTS)]
    done = subprocess.run(
        [
            sys.executable, "-m", "cli.main", "chaos", *words,
            "--strikes", str(len(FAULTS)), "--json",
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = msgspec.json.decode(done.stdout.splitlines()[-1])
    checks = [Check(**each) for each in found["checks"]]
    assert [check for check in checks if not check.is_good] == []
    assert {each["fault"]: each["count"] for each in found["faults"]} == dict.fromkeys(FAULTS, 1)
    assert found["events"] >= 4_000
    assert found["copies"] > 1.2 * found["events"]
    assert found["commands"] > 0
