"""The same for tangled logs under a short horizon: evicted, restored, looked up too early.

Collection may happen between any two batches, of as many sessions as it likes: the bytes put out,
and what is stored once all that has expired was collected, are the same.
"""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.frames import Record
from tests.property.shard.test_grouping import WIDE, Tangle
from tests.support.bench_shard import Bench
from tests.support.late_books import judged

HOURLY = {"tenants": [{**WIDE["tenants"][0], "horizon_h": 1}]}


def tangled(seed: int) -> list[Record]:
    """A log with verdicts, as readers of any speed would have put them in."""
    chance = random.Random(seed)
    tangle, bench, log = Tangle(seed), Bench(HOURLY), list[Record]()
    tangle.step_s, tangle.back_s = chance.choice([600, 3_000, 9_000]), chance.choice([9_000, 10**5])
    for record in tangle.records(60):
        put: list[Record] = [record]
        if chance.random() < 0.3:
            cut = chance.choice([None, max(0, len(bench.applied()) - chance.randint(0, 9))])
            said = judged(bench, cut=cut)
            put += said[: chance.randint(0, 5)]
            put += said[: chance.randint(0, 2)]
        log += put
        bench.feed(*put)
    said = judged(bench)
    bench.close()
    return [*log, *said]


def chains(log: list[Record], chance: random.Random) -> tuple[object, object]:
    """What comes of a log under any grouping, reloads and collection."""
    bench = Bench(HOURLY)
    at = 0
    while at < len(log):
        size = chance.choice([1, 1, 2, 5, 40])
        bench.collected_max = chance.choice([0, 0, 1, 3, 500])
        bench.feed(*log[at : at + size])
        if chance.random() < 0.3:
            bench.reload()
        at += size
    bench.collect_all()
    stored = {name: fields for name, fields in bench.store._hashes.items() if fields}
    result = bench.chains(), stored
    names = [(c.source, c.session, c.incarnation, c.revision, c.subject) for c in bench.cdrs()]
    assert len(set(names)) == len(names)
    bench.close()
    return result


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(0, 2**32))
def test_outputs_when_sessions_are_evicted_and_restored_then_grouping_changes_nothing(
    seed: int,
) -> None:
    """Passes, reopenings, errors, two paths, repeats: the same bytes, and no CDR's name twice."""
    log = tangled(seed)
    plain = chains(log, random.Random(0))
    for turn in range(1, 4):
        assert chains(log, random.Random(seed + turn)) == plain
