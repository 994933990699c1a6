"""Rules that hold for every test: when one may be skipped, and how it finds a Debian service.

Owns: ``@pytest.mark.debian("redis-server")``, the ``debian_service`` fixture, NCASH_REQUIRE_ALL.
Invariant: a test is skipped only for a named Debian package that is not installed; with
NCASH_REQUIRE_ALL=1, as in CI, even that is a failure.
Does not own: servers; a suite starts its own.
"""

import os
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from tests.services import debian_program

_MISSING = pytest.StashKey[str]()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose marker names a package that is not installed."""
    for marker in item.iter_markers("debian"):
        for package in marker.args:
            if debian_program(package) is None:
                item.stash[_MISSING] = package
                pytest.skip(f"Debian's {package} is not installed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure, unless it is for a missing Debian package and may stay."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        _judge_skip(report, allowed=_MISSING in item.stash)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn the skip of a whole file into a failure: no file may depend on a machine."""
    report = yield
    if report.skipped:
        _judge_skip(report, allowed=False)
    return report


@pytest.fixture
def debian_service(request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """Give the function that finds a package's program, for tests that carry its marker.

    Returns:
        A function from package name to the program's path.
    """
    named = {package for mark in request.node.iter_markers("debian") for package in mark.args}

    def find(package: str) -> Path:
        assert package in named, f"mark the test with @pytest.mark.debian({package!r})"
        program = debian_program(package)
        assert program is not None
        return program

    return find


def _judge_skip(report: pytest.TestReport | pytest.CollectReport, *, allowed: bool) -> None:
    """Fail a skipped report where its skip is not allowed, keeping its reason."""
    if allowed and os.environ.get("NCASH_REQUIRE_ALL") != "1":
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"{reason}\nOnly a missing Debian package may skip a test, and not in CI."
