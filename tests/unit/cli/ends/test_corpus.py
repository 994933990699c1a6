"""The corpus itself: repeatable, many-sided, and within what it says."""

from collections import Counter
from random import Random

import pytest

from cli.ends.corpus.labels import moment_ms
from cli.ends.corpus.scenes import SCENE_SESSIONS, corpus
from cli.ends.corpus.senders import SKEW_MS_MAX, skewed_clock

KINDS = 3


@pytest.mark.parametrize("seed", range(KINDS))
def test_corpus_when_made_twice_then_is_the_same(seed: int) -> None:
    """A seed and a size decide all of it."""
    assert list(corpus(seed, 60)) == list(corpus(seed, 60))


def test_corpus_when_of_three_seeds_then_has_each_kind_of_scene() -> None:
    """Each seed begins with another kind."""
    scenes = [scene for seed in range(KINDS) for scene in corpus(seed, 10)]
    assert sum(bool(scene.lags) for scene in scenes) == 1
    assert sum(bool(scene.backlogs) for scene in scenes) == 1
    assert sum(len(scene.collectors) > 2 for scene in scenes) == 1
    lengths = [each.to_ms - each.from_ms for s in scenes for each in (*s.lags, *s.backlogs)]
    assert lengths == [3_600_000] * 2


def test_corpus_when_large_then_is_cut_into_scenes() -> None:
    """All sessions are in one scene or another."""
    scenes = list(corpus(5, SCENE_SESSIONS + 1))
    assert len(scenes) == 2
    assert sum(len(scene.labels) for scene in scenes) == SCENE_SESSIONS + 1


@pytest.mark.parametrize("seed", range(KINDS))
def test_labels_when_counted_then_every_state_and_path_is_there(seed: int) -> None:
    """Faults end well and badly; silences are mostly such that must be found."""
    (scene,) = corpus(seed, 300)
    states = Counter(label.state for label in scene.labels)
    assert min(states[name] for name in ("stopped", "open", "dead")) > 40
    assert {label.path for label in scene.labels} == {"http", "kafka", "both"}
    assert len({label.tariff for label in scene.labels}) == 6
    silences = [silence for label in scene.labels for silence in label.silences]
    assert sum(silence.is_required for silence in silences) > 80
    for label in scene.labels:
        assert (label.cause == "") == (label.state == "open")
        if label.state == "dead":
            assert label.silences[-1].is_required


def test_clock_when_skewed_then_stays_within_five_minutes_and_never_runs_back() -> None:
    """It shows up to five minutes more or less, and drifts slowly."""
    chance = Random(7)
    for _ in range(200):
        clock = skewed_clock(chance, 0, 90_000)
        shown = [clock.shown(at_ms) for at_ms in range(0, 120_000, 1_000)]
        assert shown == sorted(shown)
        assert all(abs(at - 1_000 * n) <= SKEW_MS_MAX for n, at in enumerate(shown))


def test_events_when_received_then_their_times_are_within_what_edges_allow() -> None:
    """None is refused for its time: at most five minutes ahead."""
    (scene,) = corpus(2, 300)
    for request in scene.requests:
        assert moment_ms(str(request.event["time"])) <= request.received_ms + SKEW_MS_MAX
