"""What a sentence tells adds up to what moved, for whatever a shard posts by rich tariffs."""

import asyncio
import re
from decimal import Decimal
from random import Random

import pytest

from api.ports import MemberTransfer
from api.words.choosing import TONGUES
from api.words.sentences import PARTS_MAX
from api.words.telling import Telling
from schemas.usage import UsageEvent
from tests.contract.api.rows import RowWarehouse
from tests.support.bench_shard import Bench, event, frame, top_up
from tests.support.rich_tariffs import RICH, add_rich

# What each part of an English sentence says of money, and whether it takes off.
TOLD = (
    (re.compile(r"^([\d,.]+) won no longer off\b"), 1),
    (re.compile(r"^([\d,.]+) won (?:off|less)\b"), -1),
    (re.compile(r"^([\d,.]+) won more\b"), 1),
    (re.compile(r": ([\d,.]+) won less$"), -1),
    (re.compile(r": ([\d,.]+) won more$"), 1),
    (re.compile(r"\b(?:less|taken off)\b.*\(([\d,.]+) won\)$"), -1),
    (re.compile(r"\(([\d,.]+) won\)$"), 1),
)
OPENING = re.compile(r"^(?:Given back [\d,.]+ won|Charged [\d,.]+ won more|Corrected): ")
DEBT = re.compile(r"; [\d,.]+ won of it (?:went into debt|paid what was owed)$")


def told_won(part: str) -> Decimal:
    """What a part of a sentence costs, by its own words."""
    for pattern, sign in TOLD:
        found = pattern.search(part)
        if found:
            return sign * Decimal(found.group(1).replace(",", ""))
    return Decimal(0)


def uses(seed: int) -> list[UsageEvent]:
    """Events of some sessions and items, some of them out of order."""
    chance = Random(seed)
    events: list[UsageEvent] = []
    for number in range(4):
        content = f"{chance.choice(RICH)['id']}-{chance.choice('pq')}"
        at_s, total = chance.randrange(0, 2 * 86_400), 0
        session = f"s{seed}-{number}"
        for place in range(6):
            kind = "session.start" if place == 0 else "session.heartbeat"
            total += chance.randrange(0, 4_000)
            events.append(
                event(kind, at_s, id=f"{session}-{place}", session=session, content=content,
                      meters={"bytes": total})
            )  # fmt: skip
            at_s += chance.randrange(1, 400)
            more = {"session": session, "content": content}
            events += (
                event("item.use", at_s, id=f"{session}-i{place}", item="quiz", quantity=1, **more),
                event("page.move", at_s, id=f"{session}-p{place}", direction="forward", **more),
            )
    for _ in range(len(events) // 4):
        here = chance.randrange(len(events))
        events.insert(chance.randrange(len(events)), events.pop(here))
    return events


def posted(seed: int) -> tuple[Telling, list[MemberTransfer]]:
    """What a shard posted of them, and how it is told."""
    tenant: dict[str, object] = {"id": "tv", "currency": "KRW", "tariffs": [], "contents": []}
    add_rich(tenant, [{"timeout_s": 600}])
    bench = Bench({"tenants": [tenant]})
    bench.feed(top_up(500))
    for each in uses(seed):
        bench.feed(frame(each))
    bench.close()
    warehouse = RowWarehouse()
    warehouse.take(bench.outputs)
    (catalogue,) = bench.bodies.values()
    moved = asyncio.run(warehouse.transfers("tv", "ann", before=None, limit=1_000))
    return Telling(TONGUES["en"], catalogue.tenant("tv")), moved


@pytest.mark.parametrize("seed", range(6))
def test_sentence_when_it_has_several_parts_then_they_add_up(seed: int) -> None:
    """Of every charge with parts, what they tell comes to the entry's amount, to the micro-unit."""
    telling, moved = posted(seed)
    counted = 0
    for each in moved:
        sentence = telling.of_transfer(each)
        cost = -sum(entry.amount_micros for entry in each.entries)
        if 1 < len(each.lines) <= PARTS_MAX:
            parts = DEBT.sub("", OPENING.sub("", sentence)).split("; ")
            assert len(parts) == len(each.lines), sentence
            assert sum(map(told_won, parts)) * 1_000_000 == cost, sentence
            counted += 1
    assert counted >= 5


@pytest.mark.parametrize("seed", range(6))
def test_sentence_when_in_korean_then_tells_the_same_figures(seed: int) -> None:
    """Every amount of the English sentence stands in the Korean one, and no other."""
    telling, moved = posted(seed)
    korean = telling._replace(tongue=TONGUES["ko"])
    assert len(moved) >= 20
    for each in moved:
        said, other = telling.of_transfer(each), korean.of_transfer(each)
        won = sorted(re.findall(r"([\d,.]+) won\b", said))
        assert sorted(re.findall(r"([\d,.]+)원", other)) == won, (said, other)
