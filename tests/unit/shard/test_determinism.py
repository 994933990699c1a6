"""Same log, same bytes: however records are grouped, however often the state is reloaded."""

import os
import random
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from schemas.frames import Record
from schemas.usage import UsageEvent
from tests.support.bench_shard import Bench, event, frame, tick, top_up

ROOT = Path(__file__).parents[3]
CONTENTS = ["news", "web", "again", "daily", "lost", "book"]


def workload(seed: int, records: int = 120) -> list[Record]:
    """A seeded log of everything: sessions, reports, pages, items, top-ups, ticks."""
    rng = random.Random(seed)
    log: list[Record] = [tick(0)]
    now = 0
    for number in range(records):
        now += rng.randint(0, 6)
        choice = rng.random()
        if choice < 0.1:
            member = rng.choice(["ann", "bob"])
            log.append(top_up(rng.randint(1, 400), f"k{number}", member=member))
        elif choice < 0.25:
            log.append(tick(now))
        else:
            log.append(
                frame(*(_event(rng, now, f"{number}-{i}") for i in range(rng.randint(1, 9))))
            )
    return [*log, tick(now + 4_000)]


def _event(rng: random.Random, now: int, name: str) -> UsageEvent:
    content = rng.choice(CONTENTS)
    kind = rng.choice(
        ["session.start", "session.heartbeat", "session.heartbeat", "session.stop", "page.move",
         "item.use", "usage.report", "session.error"]
    )  # fmt: skip
    fields: dict[str, object] = {
        "id": name if rng.random() > 0.1 else "same",
        "subject": rng.choice(["ann", "bob"]),
        "content": content,
        "session": f"{content}-{rng.randint(1, 4)}",
        "received_at_ms": now * 1000,
    }
    if kind in ("session.heartbeat", "usage.report"):
        fields["meters"] = {"bytes": rng.randint(0, 10**6), "requests": rng.randint(0, 50)}
    if kind == "usage.report":
        fields["session"] = None
    if kind == "item.use":
        fields["item"] = "quiz"
    return event(kind, max(0, now - rng.randint(0, 8)), **fields)


def run(log: list[Record], *, cuts: list[int], reloads: bool) -> list[tuple[str, int, bytes]]:
    """The chains after a log that was fed in batches cut at these places."""
    bench = Bench()
    places = [0, *sorted(set(cuts)), len(log)]
    for start, end in pairwise(places):
        if start < end:
            bench.feed(*log[start:end])
        if reloads:
            bench.reload()
    chains = bench.chains()
    bench.close()
    return chains


@pytest.mark.parametrize("seed", range(12))
def test_chain_when_records_are_grouped_otherwise_then_it_is_the_same(seed: int) -> None:
    """One record at a time, random groups and all at once put out the same bytes."""
    log = workload(seed)
    rng = random.Random(seed)
    alone = run(log, cuts=list(range(len(log))), reloads=False)
    assert alone[0][1] > 50
    assert run(log, cuts=[], reloads=False) == alone
    assert run(log, cuts=rng.sample(range(len(log)), 20), reloads=False) == alone


@pytest.mark.parametrize("seed", range(6))
def test_chain_when_the_state_is_reloaded_between_records_then_it_is_the_same(seed: int) -> None:
    """State encoded and decoded between every two records changes nothing."""
    log = workload(seed)
    everywhere = list(range(len(log)))
    assert run(log, cuts=everywhere, reloads=True) == run(log, cuts=[], reloads=False)


def test_chain_when_the_hash_seed_differs_then_it_is_the_same() -> None:
    """Nothing is put out in the order of a set or of hashes."""
    program = (
        "from tests.unit.shard.test_determinism import run, workload\n"
        "log = workload(5)\n"
        "print(run(log, cuts=list(range(len(log))), reloads=True))\n"
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
