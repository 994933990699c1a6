"""The order in which events arrive changes nothing that counts, money being enough."""

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.frames import HTTP_PATH, KAFKA_PATH, UsageFrame
from schemas.usage import UsageEvent
from tests.support.bench_shard import Bench, event, tick, top_up

FAR_S = 50_000


@st.composite
def sessions(draw: st.DrawFn) -> list[UsageEvent]:
    """Events of a few sessions and reports, each said as a sender would, in time order."""
    events: list[UsageEvent] = []
    for number in range(draw(st.integers(1, 4))):
        name, at, total = f"s{number}", draw(st.integers(0, 50)), 0
        for beat in range(draw(st.integers(1, 6))):
            total += draw(st.integers(0, 10**7))
            kind = "session.start" if beat == 0 else "session.heartbeat"
            events.append(
                event(kind, at, session=name, content="web", id=f"{name}-{beat}",
                      meters={"bytes": total, "requests": beat + 1})
            )  # fmt: skip
            at += draw(st.integers(0, 60))
        if draw(st.booleans()):
            reason = draw(st.sampled_from(["member", "network", "server"]))
            events.append(event("session.stop", at, session=name, content="web", reason=reason))
    for number in range(draw(st.integers(0, 5))):
        amount = draw(st.integers(1, 10**9))
        events.append(
            event("usage.report", number, id=f"r{number}", session=None, content="web",
                  meters={"bytes": amount})
        )  # fmt: skip
    return events


def told(bench: Bench) -> tuple[object, ...]:
    """What must not depend on the order: sessions, applied usage, entries, balances."""
    last = {(c.session, c.incarnation): c for c in bench.cdrs()}
    ends = {
        key: (c.cause, c.end_ms, c.start_ms, c.charged_micros, c.provider_micros, c.meters)
        for key, c in last.items()
    }
    usage: Counter[tuple[str, str]] = Counter()
    entries: Counter[tuple[str, str]] = Counter()
    kinds: Counter[tuple[str, str, str]] = Counter()
    for row in bench.usage():
        usage[row.session, "ms"] += row.duration_ms
        for meter, amount in row.meters.items():
            usage[row.session, meter] += amount
    for transfer in bench.transfers():
        for entry in transfer.entries:
            entries[transfer.session, entry.account.split("/")[0]] += entry.amount_micros
        for line in transfer.lines:
            kinds[transfer.session, line.kind, line.meter] += line.amount_micros
    nonzero = [{k: v for k, v in each.items() if v} for each in (usage, entries, kinds)]
    wallet = bench.wallet()
    balance = None if wallet is None else (wallet.cash_micros, wallet.debt_micros)
    return ends, *nonzero, balance


def run(frames: list[UsageFrame], *, ticks_between: bool = False) -> tuple[object, ...]:
    """What a shard tells after these frames and a long silence."""
    bench = Bench()
    bench.feed(top_up(10**9))
    for path in (HTTP_PATH, KAFKA_PATH):
        bench.feed(tick(0, path=path, member="m"))
    for number, each in enumerate(frames):
        bench.feed(each)
        if ticks_between:
            mark = FAR_S // 2 + number
            bench.feed(*(tick(mark, path=path, member="m") for path in (HTTP_PATH, KAFKA_PATH)))
    bench.feed(*(tick(FAR_S, path=path, member="m") for path in (HTTP_PATH, KAFKA_PATH)))
    result = told(bench)
    bench.close()
    return result


def frames_of(events: list[UsageEvent], rng: random.Random) -> list[UsageFrame]:
    """The events in frames of random size on random paths."""
    frames: list[UsageFrame] = []
    rest = list(events)
    while rest:
        size = rng.randint(1, 5)
        frames.append(UsageFrame(rng.choice([HTTP_PATH, KAFKA_PATH]), rest[:size]))
        rest = rest[size:]
    return frames


@settings(max_examples=60, deadline=None, derandomize=True)
@given(sessions(), st.integers(0, 2**32))
def test_result_when_events_are_shuffled_and_repeated_then_it_is_the_same(
    events: list[UsageEvent], seed: int
) -> None:
    """Any order, any paths, any repeats: same sessions, usage, entries and balances."""
    plain = run([UsageFrame(HTTP_PATH, [each]) for each in events])
    rng = random.Random(seed)
    shuffled = events + rng.sample(events, len(events) // 2)
    rng.shuffle(shuffled)
    assert run(frames_of(shuffled, rng)) == plain


@settings(max_examples=40, deadline=None, derandomize=True)
@given(sessions(), st.integers(0, 2**32))
def test_result_when_sessions_end_in_between_then_late_truth_mends_it(
    events: list[UsageEvent], seed: int
) -> None:
    """Halves that come after the other half was closed reopen or correct: the end is the same."""
    plain = run([UsageFrame(HTTP_PATH, [each]) for each in events])
    rng = random.Random(seed)
    shuffled = list(events)
    rng.shuffle(shuffled)
    assert run(frames_of(shuffled, rng), ticks_between=True) == plain
