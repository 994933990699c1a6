"""Prices by the clock, tiers, caps and versions come to the same in whatever order events arrive.

Holds for every feature of a tariff, per scope: each session's own price, and each period's of a
member; which session pays a period's part is a matter of the log's order. Limits, cut-offs and
timeouts are decisions, so money is enough here and nothing is silent for long.
"""

import copy
import random
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.frames import HTTP_PATH, UsageFrame
from schemas.usage import UsageEvent
from tests.property.shard.test_order import frames_of
from tests.support.bench_shard import CATALOGUE, Bench, event, top_up
from tests.support.rich_tariffs import RICH, add_rich

DAY_S = 86_400
# Lengths between events: within an increment, over a boundary of a rate, over midnights.
GAPS_S = (0, 1, 7, 40, 3_600, 40_000, DAY_S)


def catalogue() -> dict[str, Any]:
    """The bench's catalogue and the rich tariffs, under which nobody is ever silent too long."""
    wide = copy.deepcopy(CATALOGUE)
    add_rich(wide["tenants"][0], [{"timeout_s": 10**8}])
    return wide


WIDE = catalogue()
CONTENTS = [f"{tariff['id']}-{provider}" for tariff in RICH for provider in "pq"]


@st.composite
def uses(draw: st.DrawFn) -> list[UsageEvent]:
    """Sessions and reports of one member, in order of time."""
    events: list[UsageEvent] = []
    contents = draw(st.lists(st.sampled_from(CONTENTS), min_size=1, max_size=3))
    for number, content in enumerate(contents):
        name, at, total = f"s{number}", draw(st.integers(0, 3 * DAY_S)), 0
        for beat in range(draw(st.integers(1, 5))):
            total += draw(st.integers(0, 10**6))
            kind = "session.start" if not beat else "session.heartbeat"
            fields = {"session": name, "content": content, "id": f"{name}-{beat}"}
            events.append(event(kind, at, meters={"bytes": total}, **fields))
            more = draw(st.sampled_from(("", "page.move", "item.use")))
            if more:
                said = {"direction": "backward"} if more == "page.move" else {"item": "quiz"}
                fields["id"] += more
                events.append(event(more, at, **fields, **said))
            at += draw(st.sampled_from(GAPS_S))
        if draw(st.booleans()):
            events.append(event("session.stop", at, session=name, content=content))
    for number in range(draw(st.integers(0, 3))):
        at, amount = draw(st.integers(0, 3 * DAY_S)), draw(st.integers(1, 10**6))
        content = draw(st.sampled_from(contents))
        events.append(
            event("usage.report", at, id=f"r{number}", session=None, content=content,
                  meters={"bytes": amount})
        )  # fmt: skip
    return sorted(events, key=lambda each: each.event_at_ms)


def totals(frames: list[UsageFrame]) -> tuple[object, ...]:
    """What must not depend on the order: accounts, lines, and what counters hold."""
    bench = Bench(WIDE)
    bench.feed(top_up(10**9))
    for each in frames:
        bench.feed(each)
    assert not bench.dead()
    accounts: Counter[str] = Counter()
    lines: Counter[tuple[str, str, str, str, int]] = Counter()
    for transfer in bench.transfers():
        taken = 0
        for entry in transfer.entries:
            accounts[entry.account] += entry.amount_micros
            taken -= entry.amount_micros if entry.account.startswith("member/") else 0
        for line in transfer.lines:
            name = (transfer.tariff, line.kind, line.meter, line.rate, line.version)
            lines[name] += line.amount_micros
        if transfer.lines:
            assert taken == sum(line.amount_micros for line in transfer.lines)
    brought = {name: each.brought for name, each in bench.counters().items() if each.brought}
    bench.close()
    told = {name: amount for name, amount in lines.items() if amount}
    return {name: amount for name, amount in accounts.items() if amount}, told, brought


@settings(max_examples=80, deadline=None, derandomize=True)
@given(uses(), st.integers(0, 2**32))
def test_price_when_events_are_shuffled_repeated_and_cut_then_every_scope_is_the_same(
    events: list[UsageEvent], seed: int
) -> None:
    """Any order, any frames, any repeats: every account, line and counter is the same."""
    plain = totals([UsageFrame(HTTP_PATH, [each]) for each in events])
    rng = random.Random(seed)
    shuffled = events + rng.sample(events, len(events) // 2)
    rng.shuffle(shuffled)
    assert totals(frames_of(shuffled, rng)) == plain
