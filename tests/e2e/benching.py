"""Running a benchmark as users do, in a small form, on a stack of its own."""

import os
import subprocess
import sys
from typing import Any

import msgspec

from tests.unit.house.tree import ROOT

SHAPE = ("--members", "1000", "--contents", "40", "--sessions", "200")


def benched(*words: str) -> dict[str, Any]:
    """The object that a benchmark prints last; its status is 0 and it drifts by nothing."""
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "bench", *words, "--json", "--no-keep"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=380,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = msgspec.json.decode(done.stdout.splitlines()[-1])
    assert found["drift_micros"] == 0
    assert found["machine"]["measured_at"]
    return found
