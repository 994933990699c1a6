"""With passes bought, use comes to the same in whatever order its events arrive.

A purchase is a decision in the log, so all of them stand before the use here. Lines of what is
covered are told with money that moves, so amounts are compared.
"""

import copy
import random
from collections import Counter
from typing import Any, Literal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.commands import Command
from schemas.frames import HTTP_PATH, UsageFrame
from schemas.usage import UsageEvent
from tests.property.shard.test_order import frames_of
from tests.property.shard.test_price_order import uses
from tests.support.bench_shard import CATALOGUE, Bench, buy_pass, top_up
from tests.support.pass_tariffs import CONTENTS, add_clubs

Periods = Literal["day", "week", "month"]
DAY_MS = 86_400_000


def catalogue() -> dict[str, Any]:
    """The bench's catalogue and tariffs with passes, under which nobody is ever silent too long."""
    wide = copy.deepcopy(CATALOGUE)
    add_clubs(wide["tenants"][0], {"timeout_s": 10**8})
    return wide


WIDE = catalogue()
OFFERS: list[tuple[str, Periods]] = [
    ("club-p", "day"), ("club-q", "week"), ("gym-p", "day"), ("gym-q", "month"),
]  # fmt: skip


@st.composite
def purchases(draw: st.DrawFn) -> list[tuple[int, Command]]:
    """Up to four passes with the moments at which they are bought, in order."""
    stamps = sorted(draw(st.lists(st.integers(1, 4 * DAY_MS), max_size=4)))
    offers = [draw(st.sampled_from(OFFERS)) for _ in stamps]
    return [
        (stamp, buy_pass(content, f"p{number}", period=period, renews=False))
        for number, (stamp, (content, period)) in enumerate(zip(stamps, offers, strict=True))
    ]


def totals(bought: list[tuple[int, Command]], frames: list[UsageFrame]) -> tuple[object, ...]:
    """What must not depend on the order: accounts, amounts of lines, what counters hold."""
    bench = Bench(WIDE)
    bench.feed(top_up(10**9))
    for stamp_ms, command in bought:
        bench.feed(command, stamp_ms=stamp_ms)
    for number, each in enumerate(frames):
        bench.feed(each)
        if number % 3 == 1:
            bench.reload()
    assert not bench.dead()
    accounts: Counter[str] = Counter()
    lines: Counter[tuple[str, ...]] = Counter()
    for transfer in bench.transfers():
        assert not sum(entry.amount_micros for entry in transfer.entries)
        for entry in transfer.entries:
            accounts[entry.account] += entry.amount_micros
        for line in transfer.lines:
            assert line.rate != "pass" or not line.amount_micros
            lines[transfer.tariff, line.kind, line.meter, line.rate] += line.amount_micros
    brought = {name: each.brought for name, each in bench.counters().items() if each.brought}
    bench.close()
    told = {name: amount for name, amount in lines.items() if amount}
    return {name: amount for name, amount in accounts.items() if amount}, told, brought


@settings(max_examples=60, deadline=None, derandomize=True)
@given(purchases(), uses(), st.integers(0, 2**32))
def test_price_when_events_are_shuffled_among_passes_then_every_scope_is_the_same(
    bought: list[tuple[int, Command]], events: list[UsageEvent], seed: int
) -> None:
    """Any order, any frames, any repeats, memory kept or not: the same accounts and counters."""
    named = sorted({each.content or "" for each in events})
    own = {name: CONTENTS[place % len(CONTENTS)] for place, name in enumerate(named)}
    used = [msgspec.structs.replace(each, content=own[each.content or ""]) for each in events]
    plain = totals(bought, [UsageFrame(HTTP_PATH, [each]) for each in used])
    rng = random.Random(seed)
    shuffled = used + rng.sample(used, len(used) // 2)
    rng.shuffle(shuffled)
    assert totals(bought, frames_of(shuffled, rng)) == plain
