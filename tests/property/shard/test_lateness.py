"""However late events come, whatever was evicted meanwhile: the result is the undisturbed one."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.frames import HTTP_PATH, KAFKA_PATH
from schemas.usage import UsageEvent
from tests.property.shard.test_order import FAR_S, frames_of, run, sessions, told
from tests.support.bench_shard import Bench, tick, top_up
from tests.support.late_books import judged

GONE_S = 80 * 3_600


def _ticks(bench: Bench, to_s: float) -> None:
    bench.feed(*(tick(to_s, path=path, member="m") for path in (HTTP_PATH, KAFKA_PATH)))


def _late(events: list[UsageEvent], rng: random.Random) -> tuple[object, ...]:
    """Some events in time, then everything is forgotten, then all others and repeats of any."""
    bench = Bench()
    bench.feed(top_up(10**9))
    _ticks(bench, 0)
    shuffled = rng.sample(events, len(events))
    in_time = rng.randint(0, len(events))
    for each in frames_of(shuffled[:in_time], rng):
        bench.feed(each)
    for mark in (FAR_S, GONE_S, GONE_S + 1, GONE_S + 2):
        _ticks(bench, mark)
    assert bench.closed() == []
    rest = shuffled[in_time:] + rng.sample(events, len(events) // 2)
    rng.shuffle(rest)
    for number, each in enumerate(frames_of(rest, rng)):
        bench.feed(each)
        if rng.random() < 0.5:
            bench.feed(*judged(bench))
        if rng.random() < 0.3:
            _ticks(bench, GONE_S * (number + 2))
        if rng.random() < 0.3:
            bench.reload()
    while found := judged(bench):
        bench.feed(*found)
    assert bench.dead() == []
    result = told(bench)
    bench.close()
    return result


def _without_incarnations(result: tuple[object, ...]) -> tuple[object, ...]:
    """A life that was begun late has a number of its own; each session still has only one."""
    ends, *rest = result
    assert isinstance(ends, dict)
    by_session = {session: end for (session, _), end in ends.items()}
    assert len(by_session) == len(ends)
    return by_session, *rest


@settings(max_examples=60, deadline=None, derandomize=True)
@given(sessions(), st.integers(0, 2**32))
def test_result_when_events_come_after_their_sessions_were_evicted_then_it_is_the_same(
    events: list[UsageEvent], seed: int
) -> None:
    """Any part of the events in time, the rest late, in any order, repeated: the same result."""
    plain = run(frames_of(events, random.Random(seed)))
    late = _late(events, random.Random(seed))
    assert _without_incarnations(late) == _without_incarnations(plain)
