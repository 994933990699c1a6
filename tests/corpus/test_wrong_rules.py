"""The corpus can fail: with a wrong rule the targets are missed, each in its own way."""

from collections.abc import Callable

import pytest

from cli.ends.score import Row
from tests.corpus.playing import BACKLOGGED, FAILING, LAGGING, small_score
from tests.corpus.wrong_rules import timeout_by_event_time, timeout_by_the_owners_clock
from tests.sim.planted_rules import gap_ignored, one_tick_for_all_paths

Plant = Callable[[pytest.MonkeyPatch], None]
Told = Callable[[Row], int]


def _by_lag(row: Row) -> int:
    return row.by_lag


def _otherwise(row: Row) -> int:
    return row.otherwise


def _early_and_late(row: Row) -> int:
    """By a clock that is behind too early, by one that is ahead too late."""
    return min(row.otherwise, row.late)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plant", "seed", "told"),
    [
        pytest.param(timeout_by_event_time, FAILING, _early_and_late, id="by event time"),
        pytest.param(timeout_by_the_owners_clock, LAGGING, _by_lag, id="the owner's clock"),
        pytest.param(one_tick_for_all_paths, BACKLOGGED, _by_lag, id="one tick for all paths"),
        pytest.param(gap_ignored, FAILING, _otherwise, id="outage counted as silence"),
    ],
)
def test_targets_when_a_rule_is_wrong_then_are_missed(
    plant: Plant, seed: int, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the rule is there to prevent is counted, and the targets are not met."""
    plant(monkeypatch)
    score = small_score(seed)
    assert told(score.all) > 0
    assert not score.is_met
    assert score.faults


@pytest.mark.slow
@pytest.mark.parametrize("seed", [LAGGING, BACKLOGGED, FAILING])
def test_targets_when_rules_are_right_then_are_met_on_the_same_scenes(seed: int) -> None:
    """The small scenes that wrong rules fail on are passed by the right ones."""
    score = small_score(seed)
    assert not score.faults, score.faults[:3]
    assert score.is_met
