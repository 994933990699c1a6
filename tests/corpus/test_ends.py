"""The labelled corpus of faults: every dead session found in time, no healthy one ended."""

import pytest

from cli.ends.corpus.labels import FOUND_WITHIN_MS as LABELLED_WITHIN_MS
from cli.ends.corpus.scenes import SCENE_SESSIONS
from cli.ends.report import precision, recall
from cli.ends.score import FOUND_WITHIN_MS
from tests.corpus.playing import SEEDS, standard_score

FAULTS = {
    "healthy", "client_crash", "server_crash", "network_partition", "clock_skew", "lost_start",
    "lost_stop", "duplicate_stop", "consumer_lag", "rebalance", "collector_outage",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_ends_when_faults_strike_then_all_targets_are_met(seed: int) -> None:
    """No healthy session is ended, by lag or otherwise; every dead one is found within 2 s."""
    score = standard_score(seed)
    total = score.all
    assert not score.faults, score.faults[:3]
    assert (total.by_lag, total.otherwise, total.missed, total.late) == (0, 0, 0, 0)
    assert max(score.delays_ms) <= FOUND_WITHIN_MS == LABELLED_WITHIN_MS
    assert total.right == total.sessions == SCENE_SESSIONS
    assert (precision(total), recall(total)) == (1.0, 1.0)
    assert score.is_met


@pytest.mark.slow
def test_corpus_when_the_standard_seeds_are_taken_then_it_is_large_and_has_every_fault() -> None:
    """5,000 sessions and more, hundreds of each fault but of those that are of few scenes."""
    rows = [standard_score(seed).rows for seed in SEEDS]
    assert sum(row.sessions for each in rows for row in each.values()) >= 5_000
    assert {fault for each in rows for fault in each} == FAULTS
    for fault in FAULTS:
        mine = [each[fault] for each in rows if fault in each]
        assert sum(row.sessions for row in mine) >= 150, fault
    silences = sum(row.silences for each in rows for row in each.values())
    assert silences >= 1_500
    assert all(standard_score(seed).handovers >= 10 for seed in SEEDS)
