"""Closed sessions leave the store after the horizon, and nothing depends on when."""

import os
import random
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from schemas.frames import Record
from schemas.usage import UsageEvent
from shard.wants import wanted_by
from tests.support.bench_shard import CATALOGUE, WON, Bench, event, frame, tick, top_up
from tests.support.late_books import judged

HOUR_S = 3_600
ROOT = Path(__file__).parents[3]
HOURLY = {"tenants": [{**CATALOGUE["tenants"][0], "horizon_h": 1}]}


def _visit(number: int, at_s: float) -> list[UsageEvent]:
    name = {"session": f"s{number}", "content": "web"}
    return [event("session.start", at_s, **name), event("session.stop", at_s + 1, **name)]


def test_session_when_the_horizon_passed_then_its_bytes_leave_with_the_next_batch() -> None:
    """Gone by the tick that passes its hour, collected by the batch behind it, index and all."""
    bench = Bench(HOURLY)
    bench.feed(tick(0), frame(*_visit(1, 100)))
    bench.feed(tick(2 * HOUR_S - 1))
    assert [session.closed_hour for session in bench.closed()] == [0]
    assert bench.run(bench.store.some_fields("evict:live:0", 9)) != []
    bench.feed(tick(2 * HOUR_S))
    assert (len(bench.closed()), bench.meta().domains["live"].expired) == (1, [0])
    bench.feed(tick(2 * HOUR_S + 1))
    assert (bench.closed(), bench.meta().domains["live"].expired) == ([], [])
    assert bench.run(bench.store.some_fields("evict:live:0", 9)) == []
    bench.close()


def test_session_when_it_closed_ahead_of_the_watermark_then_its_own_last_hour_counts() -> None:
    """What ended before the first tick is not gone with it: more of it finds its session."""
    bench = Bench(HOURLY)
    visit = _visit(1, 5 * HOUR_S)
    bench.feed(frame(*visit), tick(5 * HOUR_S + 10))
    assert [session.closed_hour for session in bench.closed()] == [5]
    bench.feed(frame(event("session.heartbeat", 5 * HOUR_S + 0.5, session="s1", content="web")))
    assert {row.incarnation for row in bench.usage()} == {1}
    bench.close()


def test_session_when_changed_since_then_it_waits_for_its_later_hour() -> None:
    """Its name stands in two hours' indexes; only its last change counts."""
    bench = Bench(HOURLY)
    bench.feed(tick(0), frame(*_visit(1, 100)))
    bench.feed(tick(HOUR_S + 90), frame(event("page.move", 101, session="s1", content="web")))
    bench.feed(tick(2 * HOUR_S), tick(2 * HOUR_S + 1))
    bench.feed(tick(2 * HOUR_S + 2))
    assert [session.closed_hour for session in bench.closed()] == [1]
    bench.feed(tick(3 * HOUR_S))
    bench.feed(tick(3 * HOUR_S + 1))
    assert bench.closed() == []
    bench.close()


def test_sessions_when_thousands_expire_at_once_then_they_leave_in_slices() -> None:
    """No batch does more than its share; none stays in the end."""
    bench = Bench(HOURLY)
    bench.feed(tick(0))
    for start in range(0, 1_200, 400):
        bench.feed(frame(*(each for n in range(start, start + 400) for each in _visit(n, 10))))
    left = []
    for second in range(5):
        bench.feed(tick(2 * HOUR_S + second))
        left.append(len(bench.closed()))
    assert left == [1_200, 700, 200, 0, 0]
    bench.close()


def test_sessions_when_many_come_and_go_then_those_kept_are_bounded() -> None:
    """After a day of an hour's horizon the store holds what two hours left, and the meta too."""
    bench = Bench(HOURLY)
    for minute in range(24 * 60):
        bench.feed(tick(minute * 60), frame(*_visit(minute, minute * 60)))
    assert len(bench.closed()) <= 2 * 60 + 1
    live = bench.meta().domains["live"]
    assert max(map(len, (live.closed, live.ends, live.expired, live.id_spans))) <= 3
    bench.close()


@pytest.mark.parametrize("reloads", [False, True])
@pytest.mark.parametrize("collected_max", [0, 500])
def test_session_id_when_used_again_after_its_eviction_then_it_is_another_life(
    *, reloads: bool, collected_max: int
) -> None:
    """Whether the old bytes lie in memory, in the store or nowhere, the new life's CDR is new."""
    bench = Bench(HOURLY, collected_max=collected_max)
    bench.feed(top_up(1_000), tick(0))
    for start in (0, 3 * HOUR_S, 6 * HOUR_S):
        bench.feed(frame(event("session.start", start)))
        bench.feed(frame(event("session.stop", start + 1)))
        bench.feed(tick(start + 3 * HOUR_S - 1))
        if reloads:
            bench.reload()
    assert [(c.incarnation, c.revision, c.charged_micros) for c in bench.cdrs()] == [
        (1, 1, 30 * WON), (2, 1, 30 * WON), (3, 1, 30 * WON),
    ]  # fmt: skip
    assert all(transfer.corrects < 0 for transfer in bench.transfers())
    bench.close()


def test_session_when_its_horizon_grew_after_it_was_gone_then_it_stays_gone() -> None:
    """What may have been collected already cannot come back with a new catalogue."""
    bench = Bench(HOURLY, collected_max=0)
    bench.feed(tick(0), frame(*_visit(1, 100)))
    bench.feed(tick(2 * HOUR_S))
    bench.publish(CATALOGUE)
    bench.feed(frame(event("session.heartbeat", 2 * HOUR_S, session="s1", content="web")))
    assert bench.usage()[-1].incarnation == 2
    bench.close()


def test_session_when_it_replaced_none_then_no_past_life_is_looked_for() -> None:
    """A number above 1 does not mean that an earlier life is held: nothing is loaded for it."""
    bench = Bench(HOURLY)
    bench.feed(tick(0), frame(*_visit(1, 100)))
    bench.feed(tick(3 * HOUR_S))
    again = event("session.start", 3 * HOUR_S, session="s1", content="web")
    bench.feed(frame(again))
    assert bench.usage()[-1].incarnation == 2
    earlier = event("session.heartbeat", 3 * HOUR_S - 1, session="s1", content="web")
    assert wanted_by(bench._state, [frame(earlier)]).past == []
    bench.close()


def _log(seed: int) -> list[Record]:
    """A day of an hour's horizon: sessions begun, ended, used again; late events and verdicts."""
    rng = random.Random(seed)
    bench, log, sent = Bench(HOURLY), list[Record](), list[UsageEvent]()

    def put(*records: Record) -> None:
        log.extend(records)
        bench.feed(*records)

    put(tick(0), top_up(100))
    for number in range(160):
        now = number * 500
        fresh = [_any(rng, now, f"{number}-{i}") for i in range(rng.randint(1, 4))]
        put(frame(*fresh, *rng.sample(sent, min(len(sent), rng.randint(0, 2)))))
        sent += fresh
        if rng.random() < 0.6:
            put(tick(now))
        if rng.random() < 0.4:
            waiting = judged(bench, cut=rng.choice([None, len(bench.applied()) - 5]))
            put(*waiting[: rng.randint(0, 9)])
        if rng.random() < 0.1:
            put(top_up(rng.randint(1, 500), f"k{number}"))
    put(tick(200_000), *judged(bench))
    bench.close()
    return log


def _any(rng: random.Random, now: int, name: str) -> UsageEvent:
    content = rng.choice(["news", "web", "again", "daily", "lost"])
    at = now - rng.choice([0, 1, 5, 5_000, 9_000, 30_000])
    kind = rng.choice(
        ["session.start", "session.heartbeat", "session.stop", "page.move", "usage.report"]
    )
    fields: dict[str, object] = {
        "id": name if rng.random() > 0.05 else "same",
        "content": content,
        "session": None if kind == "usage.report" else f"{content}-{rng.randint(1, 2)}",
        "received_at_ms": now * 1_000,
    }
    if kind in ("session.heartbeat", "usage.report"):
        fields["meters"] = {"bytes": rng.randint(0, 10**6)}
    return event(kind, max(0, at), **fields)


def run(log: list[Record], rng: random.Random, *, reloads: bool) -> list[tuple[str, int, bytes]]:
    """The chains after a log, cut, collected and, if asked, reloaded at random."""
    bench = Bench(HOURLY)
    cuts = sorted(rng.sample(range(1, len(log)), rng.choice([0, 20, len(log) - 1])))
    for start, end in pairwise([0, *cuts, len(log)]):
        bench.collected_max = rng.choice([0, 0, 1, 2, 500])
        bench.feed(*log[start:end])
        if reloads:
            bench.reload()
    chains = bench.chains()
    bench.close()
    return chains


@pytest.mark.parametrize("seed", range(8))
def test_chain_when_sessions_are_collected_at_any_moment_then_it_is_the_same(seed: int) -> None:
    """Grouping, reloads and collection decide nothing of what is put out."""
    log, rng = _log(seed), random.Random(seed)
    plain = run(log, random.Random(0), reloads=False)
    assert plain[1][1] > 200
    for reloads in (False, True, True):
        assert run(log, rng, reloads=reloads) == plain


def test_workload_when_run_then_it_evicts_restores_and_corrects() -> None:
    """The log above is worth its name: all that it is about happens in it."""
    bench = Bench(HOURLY)
    for record in _log(3):
        bench.feed(record)
    outcomes = {row.outcome for row in bench.usage()}
    assert outcomes == {"applied", "duplicate"}
    assert bench.meta().late_done > 40
    assert bench.meta().lives_high > 5
    assert max(cdr.revision for cdr in bench.cdrs()) > 2
    assert any(transfer.corrects >= 0 for transfer in bench.transfers())
    assert {letter.reason for letter in bench.dead()} <= {"id-reused", "content-changed"}
    identities = [(c.session, c.incarnation, c.revision) for c in bench.cdrs()]
    assert len(set(identities)) == len(identities)
    bench.close()


def test_chain_when_the_hash_seed_differs_then_eviction_changes_nothing() -> None:
    """No set's order decides what goes, what is restored, what is put out."""
    program = (
        "import random\n"
        "from tests.unit.shard.test_eviction import _log, run\n"
        "print(run(_log(5), random.Random(1), reloads=True))\n"
    )
    printed = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
            timeout=120,
        ).stdout
        for seed in ("1", "2")
    ]
    assert printed[0] == printed[1] != ""
