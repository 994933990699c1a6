"""Watermarks and cover: what the ticks of a log vouch for."""

import pytest

from schemas.frames import HTTP_PATH, KAFKA_PATH, Tick
from schemas.ids import LIVE, domain_of
from shard.domain import (
    GAPS_MAX,
    GRACE_MS,
    NEVER_MS,
    DomainClock,
    advance,
    low_watermark,
    new_domain,
    uncovered_ms,
    watermark_of,
)


def _told(*ticks: tuple[str, str, int | None, int], domain: str = LIVE) -> DomainClock:
    clock = new_domain()
    for path, member, from_ms, to_ms in ticks:
        advance(clock, Tick(domain, path, member, from_ms, to_ms))
    return clock


def test_watermark_when_no_tick_came_then_nothing_is_vouched_for() -> None:
    """Before the first tick no silence is certain."""
    clock = new_domain()
    assert low_watermark(clock) == NEVER_MS
    assert watermark_of(clock, (HTTP_PATH,)) == NEVER_MS


def test_watermark_when_members_differ_then_the_slowest_decides() -> None:
    """Two collectors: what the slower one may still hold back is not certain."""
    clock = _told((HTTP_PATH, "a", 0, 500), (HTTP_PATH, "b", 0, 300))
    assert watermark_of(clock, (HTTP_PATH,)) == 500
    advance(clock, Tick(LIVE, HTTP_PATH, "a", None, 900))
    assert watermark_of(clock, (HTTP_PATH,)) == 500
    advance(clock, Tick(LIVE, HTTP_PATH, "b", None, 800))
    assert watermark_of(clock, (HTTP_PATH,)) == 800


def test_watermark_when_a_tick_is_repeated_then_it_never_goes_back() -> None:
    """A tick that comes again, or a member that begins anew at 0, changes nothing."""
    clock = _told((KAFKA_PATH, "raw/0", None, 700), (KAFKA_PATH, "raw/0", None, 0))
    assert watermark_of(clock, (KAFKA_PATH,)) == 700


@pytest.mark.parametrize(("path", "expected"), [(HTTP_PATH, GRACE_MS + 101), (KAFKA_PATH, 100)])
def test_member_when_it_vanished_then_only_a_collector_is_given_up(
    path: str, expected: int
) -> None:
    """What is in a raw partition is not lost, however long it stands still."""
    clock = _told((path, "a", None, 100), (path, "b", None, 100))
    advance(clock, Tick(LIVE, path, "a", None, GRACE_MS + 101))
    assert watermark_of(clock, (path,)) == expected


def test_member_when_it_leaves_then_the_others_decide() -> None:
    """A collector that stops cleanly is not waited for."""
    clock = _told((HTTP_PATH, "a", 0, 100), (HTTP_PATH, "b", 0, 100))
    advance(clock, Tick(LIVE, HTTP_PATH, "b", None, 110, leave=True))
    advance(clock, Tick(LIVE, HTTP_PATH, "a", None, 400))
    assert watermark_of(clock, (HTTP_PATH,)) == 400


def test_recording_when_its_sender_jumps_then_no_member_is_given_up() -> None:
    """A recording's clock may jump by hours; its other halves are still waited for."""
    domain = domain_of("web", recorded=True)
    clock = _told((HTTP_PATH, "a", None, 100), (HTTP_PATH, "b", None, 100), domain=domain)
    advance(clock, Tick(domain, HTTP_PATH, "a", None, 10**9))
    assert watermark_of(clock, (HTTP_PATH,)) == 100


def test_cover_when_nobody_vouched_then_the_hole_is_no_silence() -> None:
    """Only what lies in the hole is left out, on the path with the largest one."""
    clock = _told((HTTP_PATH, "a", 0, 1_000), (HTTP_PATH, "b", 5_000, 6_000))
    assert uncovered_ms(clock, (HTTP_PATH,), 0, 10_000) == 4_000
    assert uncovered_ms(clock, (HTTP_PATH,), 2_000, 3_000) == 1_000
    assert uncovered_ms(clock, (KAFKA_PATH,), 0, 10_000) == 0


def test_gaps_when_there_are_very_many_then_the_oldest_become_one() -> None:
    """Memory is bounded, and no silence that was not certain becomes so."""
    clock = new_domain()
    for number in range(GAPS_MAX + 11):
        advance(clock, Tick(LIVE, HTTP_PATH, "a", number * 100 + 50, number * 100 + 60))
    gaps = clock.gaps[HTTP_PATH]
    assert len(gaps) == GAPS_MAX
    assert gaps[:2] == [(60, 1_150), (1_160, 1_250)]


def test_gap_when_the_watermark_passed_it_then_it_stays() -> None:
    """A collector that begins behind what is certain and goes on changes nothing in it."""
    clock = _told((HTTP_PATH, "a", 0, 1_000), (HTTP_PATH, "b", 4_000, 4_000))
    advance(clock, Tick(LIVE, HTTP_PATH, "b", None, GRACE_MS + 2_000))
    assert watermark_of(clock, (HTTP_PATH,)) == GRACE_MS + 2_000
    advance(clock, Tick(LIVE, HTTP_PATH, "c", 2_500, 2_500))
    advance(clock, Tick(LIVE, HTTP_PATH, "c", None, GRACE_MS + 2_100))
    assert clock.gaps[HTTP_PATH] == [(1_000, 4_000)]


def test_gap_when_another_collector_goes_on_over_it_then_is_none() -> None:
    """A collector that joins while another is slow leaves nothing uncovered: that one took all."""
    clock = _told(
        (HTTP_PATH, "a", 0, 1_000), (HTTP_PATH, "b", 4_000, 4_000), (HTTP_PATH, "a", None, 4_200)
    )
    assert uncovered_ms(clock, (HTTP_PATH,), 0, 10_000) == 0
    assert not clock.gaps[HTTP_PATH]


@pytest.mark.parametrize(
    ("from_ms", "to_ms", "expected"),
    [(None, 2_500, 1_500), (None, 1_000, 3_000), (3_500, 4_000, 3_000)],
)
def test_gap_when_another_covers_a_part_then_the_rest_is_no_silence(
    from_ms: int | None, to_ms: int, expected: int
) -> None:
    """Only what it went on through is covered; one that begins anew covers nothing before that."""
    clock = _told(
        (HTTP_PATH, "a", 0, 1_000), (HTTP_PATH, "b", 4_000, 4_000), (HTTP_PATH, "a", from_ms, to_ms)
    )
    assert uncovered_ms(clock, (HTTP_PATH,), 0, 10_000) == expected


def test_gaps_when_several_are_covered_in_part_then_each_keeps_what_is_left() -> None:
    """A cover that begins inside one gap and ends inside another leaves their outer parts."""
    clock = _told((HTTP_PATH, "a", 0, 1_000), (HTTP_PATH, "b", 2_000, 3_000))
    clock.gaps[HTTP_PATH] += [(4_000, 5_000), (6_000, 9_000)]
    clock.paths[HTTP_PATH].members["c"] = 4_500
    advance(clock, Tick(LIVE, HTTP_PATH, "c", None, 7_000))
    assert clock.gaps[HTTP_PATH] == [(1_000, 2_000), (4_000, 4_500), (7_000, 9_000)]


def test_gap_when_a_raw_partition_goes_on_over_it_then_it_stays() -> None:
    """That the topic kept what came does not say that senders could reach it."""
    clock = _told(
        (KAFKA_PATH, "raw/0", None, 1_000),
        (KAFKA_PATH, "raw/1", 4_000, 4_000),
        (KAFKA_PATH, "raw/0", None, 4_200),
    )
    assert uncovered_ms(clock, (KAFKA_PATH,), 0, 10_000) == 3_000


def test_gap_when_the_other_was_given_up_then_it_stays() -> None:
    """A collector that is no member any more covers nothing; it has to begin anew."""
    clock = _told((HTTP_PATH, "a", 0, 1_000), (HTTP_PATH, "b", 20_000, 20_000))
    advance(clock, Tick(LIVE, HTTP_PATH, "a", None, 20_100))
    assert uncovered_ms(clock, (HTTP_PATH,), 0, 30_000) == 19_000


def test_gap_when_a_collector_was_set_back_then_it_covers_nothing() -> None:
    """What goes on to before where it had been went on over nothing, and the gap stays one."""
    clock = _told((HTTP_PATH, "a", 0, 1_000), (HTTP_PATH, "b", 4_000, 4_000))
    clock.paths[HTTP_PATH].members["a"] = 3_000
    advance(clock, Tick(LIVE, HTTP_PATH, "a", None, 2_000))
    assert clock.gaps[HTTP_PATH] == [(1_000, 4_000)]
    assert uncovered_ms(clock, (HTTP_PATH,), 0, 10_000) == 3_000
