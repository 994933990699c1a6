"""Late events of sessions with several lives: restored in a row, begun in a row."""

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
