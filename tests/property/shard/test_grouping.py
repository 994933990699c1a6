"""Whatever waits together, and whatever is forgotten and loaded again, the outputs are the same.

The logs are tangled on purpose: sessions without content at first, ids used again, ends of every
kind, uses of long ago, two paths, two clocks, passes, limits, wallets that run out.
"""

import copy
import random
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.frames import HTTP_PATH, KAFKA_PATH, Record
from schemas.ids import domain_of
from schemas.tariff import PeriodName
from schemas.usage import UsageEvent
from tests.support.bench_shard import (
    CATALOGUE,
    Bench,
    buy_pass,
    cancel_pass,
    event,
    frame,
    tick,
    top_up,
)
from tests.support.pass_tariffs import add_clubs
from tests.support.rich_tariffs import add_rich

KINDS = (
    "session.start",
    "session.heartbeat",
    "session.heartbeat",
    "session.stop",
    "session.error",
    "page.move",
    "item.use",
    "usage.report",
)
LIMITS: dict[str, dict[str, Any]] = {
    "none": {"input_s": 30},
    "day-again": {"input_s": 100},
    "seat": {"sessions": 1},
    "newest": {"sessions": 1, "when_full": "end_oldest", "input_s": 6},
    "newest-again": {"sessions": 1, "when_full": "end_oldest"},
    "any-again": {"sessions": 1, "when_full": "allow", "input_s": 9},
}
MORE: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("half", {"kind": "time", "price": "1", "per_s": 1}, {"pays": "half_interval"}),
    ("half-again", {"kind": "item", "other": "5"}, {"pays": "half_interval"}),
    ("none", {"kind": "time", "price": "1", "per_s": 1}, {"pays": "nothing"}),
    ("day-again", {"kind": "flat", "price": "3", "period": "day"}, {"timeout_s": 100_000}),
    *((name, {"kind": "time", "price": "1", "per_s": 1}, {}) for name in list(LIMITS)[2:]),
]


def wide_catalogue() -> dict[str, Any]:
    """The test bench's catalogue with every pair of what silence pays and what comes after."""
    wide = copy.deepcopy(CATALOGUE)
    tenant = wide["tenants"][0]
    for name, component, silence in MORE:
        later = "new_incarnation" if name.endswith("again") else "reopens"
        terms = {"timeout_s": 10, "interval_s": 4, "later": later} | silence
        tariff = {"id": name, "components": [component], "silence": terms}
        tariff["limits"] = LIMITS.get(name, {})
        tenant["tariffs"].append(tariff | ({"charge_errors": False} if name == "none" else {}))
        tenant["contents"].append({"id": name, "provider": "p", "tariff": name})
    quick = {"timeout_s": 10, "interval_s": 4}
    add_rich(
        tenant,
        [
            quick | {"pays": "half_interval"},
            quick | {"later": "new_incarnation", "pays": "half_interval"},
            {"timeout_s": 100_000},
            quick | {"pays": "nothing"},
        ],
    )
    add_clubs(tenant, quick)
    return wide


CLUBS: list[tuple[str, PeriodName]] = [
    ("club-p", "day"), ("club-q", "day"), ("club-q", "week"), ("gym-p", "day"), ("gym-p", "month"),
]  # fmt: skip
WIDE = wide_catalogue()
CONTENTS = [str(content["id"]) for content in WIDE["tenants"][0]["contents"]]


class Tangle:
    """Makes a log from a seed.

    Args:
        seed: Of all chance.
    """

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.step_s = self.chance.choice([3, 10, 20_000])
        self.back_s = self.chance.choice([20, 200, 300_000])
        self.contents = {f"s{n}": self.chance.choice(CONTENTS) for n in range(3)}
        if self.chance.random() < 0.4:
            # All of one tariff, so that its limits meet them.
            self.contents = dict.fromkeys(self.contents, self.chance.choice(list(LIMITS)))
        self.now_s = 0
        self.made = 0

    def records(self, count: int) -> list[Record]:
        """Top-ups, ticks and frames, in log order."""
        first = top_up(self.chance.choice([1, 50, 10**6]), "k0")
        joined = [tick(0, path=path, member="m") for path in (HTTP_PATH, KAFKA_PATH)]
        found: list[Record] = [first, *joined]
        for _ in range(count):
            self.now_s += self.chance.randint(0, self.step_s)
            draw = self.chance.random()
            if draw < 0.25:
                found.extend(self._ticks())
            elif draw < 0.3:
                self.made += 1
                found.append(top_up(self.chance.randint(1, 100), f"k{self.made}"))
            elif draw < 0.36:
                found.append(self._pass())
            else:
                path = self.chance.choice([HTTP_PATH, HTTP_PATH, KAFKA_PATH])
                events = [self._event() for _ in range(self.chance.randint(1, 3))]
                found.append(frame(*events, path=path))
        return found

    def _ticks(self) -> list[Record]:
        paths = [path for path in (HTTP_PATH, KAFKA_PATH) if self.chance.random() < 0.8]
        gap = self.now_s - 1 if self.chance.random() < 0.1 else None
        domain = domain_of("tv", recorded=self.chance.random() < 0.3)
        return [
            tick(self.now_s, path=path, member="m", from_s=gap, domain=domain) for path in paths
        ]

    def _pass(self) -> Record:
        """A purchase, or a cancellation of one of the first transfers, whether it paid a pass."""
        self.made += 1
        content, period = self.chance.choice(CLUBS)
        if self.chance.random() < 0.2:
            return cancel_pass(f"0-{self.chance.randint(0, 9)}", f"k{self.made}")
        renews = self.chance.choice([None, False])
        return buy_pass(content, f"k{self.made}", period=period, renews=renews)

    def _event(self) -> UsageEvent:
        chance = self.chance
        self.made += 1
        session, kind = chance.choice(sorted(self.contents)), chance.choice(KINDS)
        back_s = chance.choice([0, 0, 0, 5, chance.randint(0, self.back_s)])
        says_content = kind in ("session.start", "usage.report") or chance.random() < 0.5
        fields: dict[str, object] = {
            "id": f"e{self.made}" if chance.random() < 0.9 else f"e{chance.randint(1, self.made)}",
            "session": None if kind == "usage.report" else session,
            "content": self.contents[session] if says_content else None,
            "received_at_ms": self.now_s * 1_000,
            "recorded": chance.random() < 0.1,
        }
        if chance.random() < 0.3:
            fields["active"] = chance.random() < 0.2
        if kind == "page.move":
            fields["direction"] = chance.choice(["forward", "backward", "jump"])
        if kind == "item.use":
            fields["item"] = chance.choice(["quiz", "other"])
        if kind in ("session.heartbeat", "usage.report"):
            fields["meters"] = {"bytes": chance.randint(0, 10**6)}
        if kind == "session.heartbeat" and chance.random() < 0.3:
            fields["boot"] = chance.choice("ab")
        if kind in ("session.stop", "session.error"):
            fields["reason"] = chance.choice(["member", "network", "server"])
        return event(kind, max(0, self.now_s - back_s), **fields)


def chains(
    records: list[Record],
    sizes: list[int],
    reloads: list[bool],
    catalogue: dict[str, Any] = WIDE,
) -> object:
    """What the shard puts out, taking groups of these sizes, forgetting its memory in between."""
    bench = Bench(None)
    bench.publish(catalogue)
    at = turn = 0
    while at < len(records):
        size = sizes[turn % len(sizes)]
        bench.feed(*records[at : at + size], stamp_ms=1_000)
        if reloads[turn % len(reloads)]:
            bench.reload()
        at, turn = at + size, turn + 1
    unloaded = [letter for letter in bench.dead() if "before it was loaded" in letter.detail]
    assert not unloaded
    bench.collect_all()
    stored = {name: fields for name, fields in bench.store._hashes.items() if fields}
    result = bench.chains(), cast("object", stored)
    bench.close()
    return result


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    st.integers(0, 2**32),
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
    st.lists(st.booleans(), min_size=1, max_size=5),
)
def test_outputs_when_grouped_and_reloaded_in_any_way_then_are_the_same(
    seed: int, sizes: list[int], reloads: list[bool]
) -> None:
    """One record at a time from memory, any groups, any reloads: the same bytes."""
    records = Tangle(seed).records(40)
    assert chains(records, sizes, reloads) == chains(records, [1], [False])
