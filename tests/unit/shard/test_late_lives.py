"""Late events of sessions with several lives: restored in a row, begun in a row."""

from schemas.frames import LateVerdict
from shard.verdicts import LIFE_FLOORS_MAX
from tests.support.bench_shard import Bench, event, frame, tick, top_up
from tests.support.late_books import judged

HOUR_S = 3_600
# The horizon is 48 hours: what happened in the first hour is gone then.
GONE_S = 60 * HOUR_S


def test_late_uses_when_they_restore_a_life_that_replaced_another_then_that_is_not_asked_for(
    bench: Bench,
) -> None:
    """What a restored life replaced is gone as well; a shard must not stop for want of it."""
    again = {"content": "again", "session": "a"}
    bench.feed(top_up(10_000), tick(0))
    for at in (100, 200, 40 * HOUR_S):
        bench.feed(frame(event("session.start", at, **again)))
        bench.feed(tick(at + 60))
    bench.feed(tick(GONE_S))
    bench.collect_all()
    bench.reload()
    assert [life.previous for life in bench.closed()] == [2]
    bench.feed(frame(*(event("session.heartbeat", at, **again) for at in (203, 205))))
    bench.feed(*judged(bench))
    last = {cdr.incarnation: cdr.end_ms // 1_000 for cdr in bench.cdrs()}
    assert (bench.dead(), last[2]) == ([], 207)


def _used_again(bench: Bench, sessions: int) -> list[LateVerdict]:
    """One look-up of late uses, each before all that is known of its session."""
    bench.feed(top_up(10_000), tick(GONE_S))
    names = [{"content": "again", "session": f"a{n}"} for n in range(sessions)]
    bench.feed(frame(*(event("session.start", GONE_S, **name) for name in names)))
    bench.feed(frame(*(event("session.heartbeat", 100, **name) for name in names)))
    return judged(bench)


def test_late_uses_when_each_begins_a_life_then_one_look_up_is_enough_for_all(
    bench: Bench,
) -> None:
    """A life that only its CDR leads to makes void what is said of its own session alone."""
    bench.feed(*_used_again(bench, 40))
    assert bench.meta().late_done == 40
    assert {cdr.session: cdr.start_ms for cdr in bench.cdrs()} == {
        f"a{n}": 100_000 for n in range(40)
    }
    assert bench.meta().life_floors == {}


def test_late_uses_when_more_lives_begin_than_are_noted_then_the_rest_is_looked_up_again(
    bench: Bench,
) -> None:
    """Where the shard cannot tell which session it was, a look-up must have seen its CDR."""
    said = _used_again(bench, LIFE_FLOORS_MAX + 9)
    bench.feed(*said)
    assert bench.meta().late_done == LIFE_FLOORS_MAX + 1
    assert len(bench.meta().life_floors) == LIFE_FLOORS_MAX
    bench.feed(*judged(bench))
    assert bench.meta().late_done == len(bench.cdrs()) == LIFE_FLOORS_MAX + 9
