"""A shard's busy two hours, by a seed: every kind of tariff, disorder, repeats, ends of all causes.

Owns: the workload, and putting what a shard said into a warehouse as a sink does.
Invariant: the same seed gives the same bytes. Half-way a second catalogue comes into force, under
which everything costs twice as much.
"""

import random
from copy import deepcopy
from itertools import count
from typing import Any

from schemas.frames import Record
from schemas.outputs import Stream
from schemas.usage import UsageEvent
from streams.sinks.batch import Batch
from streams.sinks.progress import Progress
from streams.sinks.source import SOURCES, Message
from tests.support.bench_shard import CATALOGUE, Bench, event, frame, tick, top_up
from warehouse.port import Warehouse

START_S = 1_767_225_600  # 2026-01-01T00:00:00Z
LENGTH_S = 7_200
# Events before the first tick; ticks come with every batch.
BATCH_S = 20
MEMBERS = ("ann", "ben", "cho")
CONTENTS = ("news", "web", "again", "daily", "lost", "book")


def dearer(catalogue: dict[str, Any]) -> dict[str, Any]:
    """The same catalogue at twice the prices."""
    twice = deepcopy(catalogue)
    for tariff in twice["tenants"][0]["tariffs"]:
        for component in tariff["components"]:
            if "price" in component:
                component["price"] = f"{2 * float(component['price']):.6f}"
            for item, price in component.get("prices", {}).items():
                component["prices"][item] = str(2 * int(price))
    return twice


VERSIONS = (CATALOGUE, dearer(CATALOGUE))


def play(seed: int, *, disorder_s: int = 8) -> Bench:
    """A shard after its two hours; what goes on at their end is left open.

    Args:
        seed: Decides everything.
        disorder_s: How late an event may arrive; below every tariff's timeout.
    """
    chance = random.Random(seed)
    bench = Bench(VERSIONS[0])
    bench.feed(*(top_up(10_000, member=member) for member in MEMBERS))
    bench.feed(tick(START_S - 60))
    arrivals = sorted(
        (each.event_at_ms // 1000 + chance.randint(0, disorder_s), number, each)
        for number, each in enumerate(_use(chance))
    )
    at_s, is_second = START_S, False
    while at_s < START_S + LENGTH_S:
        if at_s >= START_S + LENGTH_S // 2 and not is_second:
            bench.publish(VERSIONS[1])
            is_second = True
        here = [each for due_s, _, each in arrivals if at_s <= due_s < at_s + BATCH_S]
        repeats = [each for each in here if chance.random() < 0.1]
        records: list[Record] = []
        for events in (here[::2], here[1::2], repeats):
            records += [frame(*events)] if events else []
        at_s += BATCH_S
        records.append(tick(at_s - BATCH_S - disorder_s - 1))
        bench.feed(*records, stamp_ms=at_s * 1000)
    return bench


def _use(chance: random.Random) -> list[UsageEvent]:
    numbers = count()
    found: list[UsageEvent] = []
    for member in MEMBERS:
        for content in CONTENTS:
            for name in range(chance.randint(2, 5)):
                begun = START_S + chance.randrange(LENGTH_S)
                found += _session(chance, numbers, member, content, f"{content}-{name}", begun)
        for _ in range(20):
            found.append(_loose(chance, numbers, member))
    return found


def _session(  # noqa: PLR0917 -- one session's names, in the order of what they decide
    chance: random.Random, numbers: "count[int]", member: str, content: str, name: str, at_s: int
) -> list[UsageEvent]:
    events: list[UsageEvent] = []
    total, end_s = 0, START_S + LENGTH_S - BATCH_S
    common = {"subject": member, "session": name}
    first_content: str | None = content
    for _ in range(chance.randint(1, 30)):
        if at_s >= end_s:
            break
        kind = chance.choices(
            ["session.heartbeat", "page.move", "item.use", "session.stop", "session.error"],
            [20, 4, 2, 1, 1],
        )[0]
        total += chance.randint(0, 5_000)
        fields: dict[str, object] = {
            **common,
            "id": f"e{next(numbers)}",
            # Some sessions say their content only later.
            "content": first_content if chance.random() < 0.7 else None,
            "meters": {"bytes": total},
        }
        if kind == "page.move":
            fields["direction"] = chance.choice(["forward", "backward", "jump"])
        if kind == "item.use":
            fields |= {"item": chance.choice(["quiz", "sticker"]), "quantity": chance.randint(1, 3)}
        events.append(event(kind, at_s + chance.randrange(1000) / 1000, **fields))
        # Now and then longer than any silence, so that lives end and begin.
        at_s += chance.choice([1, 2, 3, 5, 5, 40, 400])
    return events


def _loose(chance: random.Random, numbers: "count[int]", member: str) -> UsageEvent:
    at_s = START_S + chance.randrange(LENGTH_S - BATCH_S)
    fields: dict[str, object] = {"subject": member, "id": f"e{next(numbers)}"}
    if chance.random() < 0.5:
        meters = {"bytes": chance.randint(1, 9_999)}
        return event("usage.report", at_s, session=None, content="web", meters=meters, **fields)
    fields |= {"item": "quiz", "quantity": chance.randint(1, 3)}
    return event("item.use", at_s, session=None, content="news", **fields)


def sink(warehouse: Warehouse, bench: Bench, *, token: str = "") -> None:
    """Writes all that a shard said, as the sinks do."""
    for stream in (Stream.LEDGER, Stream.APPLIED):
        source = next(each for each in SOURCES if each.topic == stream)
        progress, batch = Progress(None), Batch()
        outputs = [each for each in bench.outputs if each.stream is stream]
        for offset, output in enumerate(outputs):
            message = Message(stream, 0, offset, START_S * 1000, output.value)
            expected = progress.next
            batch.add(progress.take(source.part_of(message)), expected, progress.reached())
        for insert in (*batch.inserts(), batch.ranges()):
            name = f"{insert.token()}/{token}"
            warehouse.insert(insert.table.name, insert.table.columns, insert.columns(), name)
