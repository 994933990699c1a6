"""On what a figure was measured: processor, memory, load, Python, commit, date."""

import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import psutil

PROJECT = Path(__file__).resolve().parents[2]
RESULTS = PROJECT / "bench" / "results"
_ASK_S = 10


def machine() -> dict[str, object]:
    """A description that stands beside every figure."""
    return {
        "processor": _processor(),
        "cores": len(psutil.Process().cpu_affinity())
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_mb": psutil.virtual_memory().total // 1_000_000,
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
        "commit": _commit(),
        "measured_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str:
    """The commit, with a plus sign where files differ from it; empty outside a clone."""
    git = shutil.which("git")
    if git is None or not (PROJECT / ".git").exists():
        return ""
    asked = [git, "-C", str(PROJECT), "describe", "--always", "--dirty=+"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=_ASK_S, check=False)
    return done.stdout.strip()
