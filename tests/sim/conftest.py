"""What the simulation's tests tell at the end: how many seeds each planted mistake took."""

import statistics

import pytest

SEEDS_NEEDED = pytest.StashKey[dict[str, int]]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count."""
    config.stash[SEEDS_NEEDED] = {}


@pytest.fixture
def seeds_needed(request: pytest.FixtureRequest) -> dict[str, int]:
    """By planted mistake, how many seeds were played until it was found."""
    return request.config.stash[SEEDS_NEEDED]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line, where any mistake was planted."""
    needed = terminalreporter.config.stash[SEEDS_NEEDED]
    if needed:
        median = statistics.median(needed.values())
        terminalreporter.write_line(
            f"planted mistakes: {len(needed)} found, {median:g} seeds in the median, "
            f"{max(needed.values())} at most"
        )
