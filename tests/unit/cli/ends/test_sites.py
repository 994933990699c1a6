"""The corpus's view of collectors, on plans of a few lives."""

import pytest

from cli.ends.corpus.plan import BOTH, HTTP, KAFKA, HttpLife, RawLife, Window
from cli.ends.corpus.sites import GRACE_MS, Sites, last_beat_ms, next_beat_ms, ways_of

LATER = 10**9


def _sites(*lives: HttpLife, away: tuple[Window, ...] = ()) -> Sites:
    return Sites(lives, (RawLife(0, away, dies=True),))


@pytest.mark.parametrize(
    ("at_ms", "last_ms", "next_ms"), [(101, 100, 350), (350, 100, 350), (351, 350, 600)]
)
def test_beats_when_a_moment_is_given_then_lie_on_either_side(
    at_ms: int, last_ms: int, next_ms: int
) -> None:
    """The last one is before the moment, the next one not."""
    life = HttpLife("a", 100, LATER, leaves=True)
    assert (last_beat_ms(life, at_ms), next_beat_ms(life, at_ms)) == (last_ms, next_ms)


def test_due_when_all_collectors_were_away_then_that_stretch_does_not_count() -> None:
    """A minute without any collector moves the end of the timeout by a minute."""
    sites = _sites(
        HttpLife("a", 0, 100_000, leaves=True), HttpLife("b", 160_000, LATER, leaves=True)
    )
    ways = ways_of(sites, ())
    assert ways.gaps[HTTP] == [Window(99_750, 160_000)]
    assert ways.due_ms(HTTP, 90_000, 30_000) == 120_000 + 60_250
    assert ways.due_ms(HTTP, 10_000, 30_000) == 40_000
    assert ways.due_ms(KAFKA, 90_000, 30_000) == 120_000


def test_known_when_a_collector_vanished_then_is_after_its_grace() -> None:
    """While it may come back nobody can tell, except by a path that it is not of."""
    sites = _sites(HttpLife("a", 0, 100_000, leaves=False), HttpLife("b", 0, LATER, leaves=True))
    ways = ways_of(sites, ())
    assert ways.known_ms(HTTP, 99_000) == 99_000
    assert ways.known_ms(HTTP, 101_000) == 99_750 + GRACE_MS
    assert ways.known_ms(KAFKA, 101_000) == 101_000


def test_known_when_both_paths_are_used_then_is_when_both_can_tell() -> None:
    """A raw partition that is read late holds back a session that used it."""
    away = Window(200_000, 300_000)
    ways = ways_of(_sites(HttpLife("a", 0, LATER, leaves=True), away=(away,)), ())
    assert ways.known_ms(HTTP, 250_000) == 250_000
    assert ways.known_ms(BOTH, 250_000) == 299_000


def test_known_when_a_request_is_in_work_then_is_after_it() -> None:
    """A collector vouches for nothing that it has not delivered."""
    sites = _sites(HttpLife("a", 0, LATER, leaves=True))
    assert ways_of(sites, (Window(5_000, 8_000),)).known_ms(HTTP, 6_000) == 8_000
