"""What the late path asks, on every engine: late events whole, names, sealed lives."""

from typing import Any

import msgspec
import pytest

from schemas.applied import Applied, LateUsage
from schemas.outputs import Stream
from schemas.usage import UsageEvent
from streams.sinks.batch import Batch
from streams.sinks.progress import Progress
from streams.sinks.source import SOURCES
from tests.contract.warehouse.conftest import Engine
from tests.unit.warehouse.samples import POSTED_MS, TENANT, OutputChain, cdr, usage
from warehouse.late import AppliedName, LateItem, applied_names, late_items, sealed_lives

YEAR_MS = 365 * 24 * 3_600_000
ODD = "it's \\ 100%, \U0001f3ac \x1f"


def beat(name: str, *, at_ms: int = POSTED_MS, **fields: object) -> UsageEvent:
    """A heartbeat of the samples' session."""
    values: dict[str, Any] = {
        "tenant": TENANT, "source": "cdn", "subject": "kim", "session": "s1", "content": "film",
    } | fields  # fmt: skip
    return UsageEvent(
        id=name, type=2, event_at_ms=at_ms, received_at_ms=at_ms + 5, recorded=False,
        digest=b"\xff\x00abcd", meters={"bytes": 2**53 - 1}, **values,
    )  # fmt: skip


def put(engine: Engine, *items: Applied, shard: int = 0) -> None:
    """Items of one shard's applied stream, written as the sink does."""
    chain, progress, batch = OutputChain(Stream.APPLIED, shard), Progress(None), Batch()
    source = next(one for one in SOURCES if one.topic == Stream.APPLIED)
    for item in items:
        expected = progress.next
        batch.add(progress.take(source.part_of(chain.message(item))), expected, progress.reached())
    for insert in (*batch.inserts(), batch.ranges()):
        columns = insert.columns()
        engine.warehouse.insert(insert.table.name, insert.table.columns, columns, insert.token())


def test_late_items_when_asked_then_come_back_exactly_from_their_number_on(engine: Engine) -> None:
    """Every byte of the event, in the order of shard and number, below the sequence asked."""
    odd = beat(ODD, session=None, source=ODD)
    put(engine, LateUsage(beat("a"), "http", 0), usage("e"), LateUsage(odd, "kafka", 1))
    put(engine, LateUsage(beat("b"), "http", 0), LateUsage(beat("c"), "http", 1), shard=7)
    found = late_items(engine.reader, {7: (0, 9), 0: (1, 9)}, 10)
    assert found == [
        LateItem(0, 1, 2, "kafka", odd),
        LateItem(7, 0, 0, "http", beat("b")),
        LateItem(7, 1, 1, "http", beat("c")),
    ]
    assert [one.event.id for one in late_items(engine.reader, {7: (0, 9), 0: (0, 9)}, 1)] == [
        "a", "b",
    ]  # fmt: skip
    assert late_items(engine.reader, {7: (2, 9), 0: (1, 2)}, 10) == []


def test_names_when_asked_then_applied_ones_are_known_whenever_they_happened(
    engine: Engine,
) -> None:
    """A repeat or a late row is no proof; another member, source or tenant is another event."""
    odd = msgspec.structs.replace(usage(ODD), source=ODD, content="")
    put(
        engine,
        usage("once"),
        usage("twice"),
        usage("twice", outcome="duplicate"),
        LateUsage(beat("waits"), "http", 0),
        usage("moved", at_ms=POSTED_MS + YEAR_MS),
        odd,
    )
    asked = [
        beat("once"), beat("twice"), beat("waits"), beat("moved"), beat("never"),
        beat("once", subject="lee"), beat("once", tenant="other"), beat("once", source="x"),
        beat(ODD, source=ODD, at_ms=POSTED_MS + 7),
    ]  # fmt: skip
    found = applied_names(engine.reader, asked)
    assert sorted(found, key=lambda one: one.id) == sorted(
        [
            AppliedName(TENANT, source, name, "kim", "session.heartbeat", at_ms, "s1", content)
            for name, source, content, at_ms in (
                ("once", "cdn", "film", POSTED_MS), ("twice", "cdn", "film", POSTED_MS),
                ("moved", "cdn", "film", POSTED_MS + YEAR_MS), (ODD, ODD, "", POSTED_MS),
            )
        ],
        key=lambda one: one.id,
    )  # fmt: skip


def test_lives_when_asked_then_each_comes_by_its_highest_revision(engine: Engine) -> None:
    """Sealed bytes come back exactly, and none are none."""
    sealed = bytes(range(256))
    second = msgspec.structs.replace(cdr("s1"), incarnation=2, start_ms=20_000, end_ms=30_000)
    put(
        engine,
        msgspec.structs.replace(cdr("s1", end=8_000), sealed=b"old"),
        second,
        msgspec.structs.replace(cdr("s1", revision=2, end=9_000), sealed=sealed),
        cdr("s2"),
        cdr("s3"),
    )
    found = sealed_lives(engine.reader, [beat("x"), beat("y"), beat("z", session="s3")])
    assert {(one.session, one.incarnation): (one.end_ms, one.sealed) for one in found} == {
        ("s1", 1): (9_000, sealed), ("s1", 2): (30_000, b""), ("s3", 1): (9_000, b""),
    }  # fmt: skip
    assert sealed_lives(engine.reader, [beat("x", session="none")]) == []


@pytest.mark.parametrize("count", [1, 200])
def test_questions_when_about_many_then_one_statement_carries_them(
    engine: Engine, count: int
) -> None:
    """A whole round's names stand in one question."""
    put(engine, *(usage(f"e{number}") for number in range(count)))
    asked = [beat(f"e{number}", session=f"s{number}") for number in range(count)]
    assert len(applied_names(engine.reader, asked)) == count
    assert len(sealed_lives(engine.reader, asked)) == 0
