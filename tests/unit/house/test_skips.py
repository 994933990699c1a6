"""The rule of skips, tried on a suite of its own: only a missing Debian package may skip a test."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.house.tree import ROOT

SUITE = '''
import pytest

@pytest.mark.debian("curl")
def test_needs_a_package(debian_service):
    """Runs only where the package is."""
    assert debian_service("curl").exists()
'''
LAZY = '''
import pytest

def test_lazy():
    """Skips for no good reason."""
    pytest.skip("not today")
'''
WHOLE_FILE = 'import pytest\npytest.skip("not here", allow_module_level=True)\n'


def _outcome(place: Path, source: str, *, require_all: bool) -> str:
    """Run a suite under our conftest, with no program on its PATH; give the last line's counts."""
    (place / "tests").mkdir()
    for name in ("conftest.py", "services.py"):
        shutil.copy(ROOT / "tests" / name, place / "tests" / name)
    shutil.copy(ROOT / "pyproject.toml", place)
    (place / "tests" / "test_planted.py").write_text(source)
    environment = {**os.environ, "PATH": str(place), "NCASH_REQUIRE_ALL": str(int(require_all))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout.splitlines()[-1].rpartition(" in ")[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "require_all", "outcome"),
    [
        (SUITE, False, "1 skipped"),
        (SUITE, True, "1 error"),
        (LAZY, False, "1 failed"),
        (LAZY, True, "1 failed"),
        (WHOLE_FILE, False, "1 error"),
    ],
)
def test_skip_when_not_for_a_package_or_in_ci_then_fails(
    tmp_path: Path, source: str, outcome: str, *, require_all: bool
) -> None:
    """A missing package skips at a desk and fails in CI; any other skip fails everywhere."""
    assert _outcome(tmp_path, source, require_all=require_all) == outcome
