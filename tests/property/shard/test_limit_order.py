"""What an input limit cuts off does not depend on the order in which anybody tells of it.

The limit of sessions at once is a decision of the log's order; it promises only that all that was
let in is booked once.
"""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.frames import HTTP_PATH, UsageFrame
from schemas.usage import UsageEvent
from tests.property.shard.test_order import frames_of, told
from tests.support.bench_shard import Bench, event, tick, top_up
from tests.support.limits import LIMITED

FAR_S = 500_000
# Ticks in between: behind all events, and within the horizon of the first.
BETWEEN_S = 150_000
ENOUGH = 10**6
CONTENTS = ("idle", "idle-half", "kind", "quiet", "day")


@st.composite
def idle_sessions(draw: st.DrawFn) -> list[UsageEvent]:
    """Sessions whose members do something now and then; each said in time order."""
    events: list[UsageEvent] = []
    for number in range(draw(st.integers(1, 3))):
        name, content = f"s{number}", draw(st.sampled_from(CONTENTS))
        at, gap_max = draw(st.integers(0, 50)), draw(st.sampled_from([40, 90, 18_000]))
        for beat in range(draw(st.integers(1, 7))):
            kind = "session.start" if beat == 0 else "session.heartbeat"
            active = draw(st.sampled_from([None, False, False, True]))
            events.append(
                event(kind, at, session=name, content=content, id=f"{name}-{beat}", active=active,
                      meters={"bytes": beat})
            )  # fmt: skip
            at += draw(st.integers(0, gap_max))
        for kind in draw(st.lists(st.sampled_from(["session.stop", "session.error"]), max_size=2)):
            active = draw(st.sampled_from([None, None, False, True]))
            events.append(
                event(kind, at, session=name, content=content, reason="server", active=active)
            )
            at += draw(st.integers(1, 30))
    return events


def outcome(frames: list[UsageFrame], *, ticks_between: bool) -> tuple[object, ...]:
    """What a shard tells after these frames and a long silence, by one path."""
    bench = Bench(LIMITED)
    bench.feed(top_up(ENOUGH), tick(0))
    for number, each in enumerate(frames):
        bench.feed(UsageFrame(HTTP_PATH, each.events))
        if ticks_between:
            bench.feed(tick(BETWEEN_S + number))
    bench.feed(tick(FAR_S))
    passes = sorted(t.scope for t in bench.transfers() if t.cause == "pass")
    result = (*told(bench), passes)
    bench.close()
    return result


@settings(max_examples=60, deadline=None, derandomize=True)
@given(events=idle_sessions(), seed=st.integers(0, 2**32), ticks_between=st.booleans())
def test_limit_when_events_are_shuffled_and_repeated_then_costs_the_same(
    *, events: list[UsageEvent], seed: int, ticks_between: bool
) -> None:
    """Any order, any frames, ends in between or not: same ends, charges and passes."""
    plain = outcome([UsageFrame(HTTP_PATH, [each]) for each in events], ticks_between=False)
    rng = random.Random(seed)
    shuffled = events + rng.sample(events, len(events) // 2)
    rng.shuffle(shuffled)
    assert outcome(frames_of(shuffled, rng), ticks_between=ticks_between) == plain


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.sampled_from(["newest", "newest-two", "two", "one", "any"]))
def test_sessions_when_they_compete_in_any_order_then_never_too_many_are_open(
    seed: int, content: str
) -> None:
    """Whoever comes when: never more open than allowed, and what was let in is paid once."""
    rng, bench = random.Random(seed), Bench(LIMITED)
    bench.feed(top_up(ENOUGH), tick(0))
    most = {"any": 9, "two": 2, "newest-two": 2}.get(content, 1)
    for at in range(25):
        name = rng.choice("abc")
        kind = rng.choice(["start", "heartbeat", "heartbeat", "stop"])
        said = event(f"session.{kind}", max(0, at - rng.choice([0, 0, 3])), session=name,
                     content=content, id=f"e{at}")  # fmt: skip
        bench.feed(UsageFrame(HTTP_PATH, [said]))
        wallet = bench.wallet()
        assert wallet is not None
        assert len(wallet.open_sessions) <= most
    bench.feed(tick(FAR_S))
    last = {(cdr.session, cdr.incarnation): cdr for cdr in bench.cdrs()}
    spent = sum(cdr.charged_micros for cdr in last.values())
    wallet = bench.wallet()
    assert wallet is not None
    assert wallet.cash_micros == ENOUGH * 10**6 - spent
    assert len(bench.usage()) + len(bench.dead()) == 25
    bench.close()
