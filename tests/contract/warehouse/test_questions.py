"""The typed questions give the same answers on every engine."""

from functools import partial
from typing import cast

import pytest

from schemas.outputs import Stream
from streams.sinks.batch import Batch
from streams.sinks.progress import Progress
from streams.sinks.source import SOURCES, Message
from tests.contract.warehouse.conftest import Engine
from tests.unit.warehouse.samples import (
    POSTED_MS,
    TENANT,
    OutputChain,
    cdr,
    letter,
    transfer,
    usage,
)
from warehouse.audit import balances_at, rows_double, totals, transfers_below
from warehouse.contiguous import Reached, contiguous, reached_by
from warehouse.landed import landed_from
from warehouse.port import Columns
from warehouse.queries import (
    SessionFilter,
    entries_of,
    session_cursor,
    sessions,
    way_of_event,
)
from warehouse.rows import LEDGER_ENTRIES, USAGE_EVENTS
from warehouse.statistics import Dimension, usage_statistics

HOUR_MS = 3_600_000


def _put(engine: Engine, *messages: Message, progress: Progress | None = None) -> Progress:
    """Write messages of one stream as the sink does."""
    progress = progress or Progress(None)
    source = next(one for one in SOURCES if one.topic == messages[0].topic)
    batch = Batch()
    for message in messages:
        expected = progress.next
        taken = progress.take(source.part_of(message))
        batch.add(taken, expected, progress.reached())
    for insert in (*batch.inserts(), batch.ranges()):
        token = f"{insert.token()}/{id(batch)}/{messages[0].offset}"
        engine.warehouse.insert(insert.table.name, insert.table.columns, insert.columns(), token)
    return progress


@pytest.fixture
def filled(engine: Engine) -> Engine:
    """An engine with a few of everything."""
    ledger = OutputChain(Stream.LEDGER)
    _put(
        engine,
        ledger.message(transfer(amount_micros=500, after=9_500)),
        ledger.message(transfer(amount_micros=300, after=9_200)),
        ledger.message(transfer("lee/x", amount_micros=100, after=0, content="song")),
    )
    applied = OutputChain(Stream.APPLIED)
    _put(
        engine,
        applied.message(usage("e1", ledger=0), usage("e2", at_ms=POSTED_MS + HOUR_MS, ledger=1)),
        applied.message(usage("e1", outcome="duplicate"), cdr("s1"), cdr("s2", end=5_000)),
        applied.message(cdr("s1", revision=2, cause="network", end=7_000)),
    )
    _put(engine, OutputChain(Stream.DEAD).message(letter("e9")))
    return engine


def test_statistics_when_ungrouped_then_reconcile_with_charges(filled: Engine) -> None:
    """Counts leave repeats out, and what was charged is what the lines sum to."""
    [found] = usage_statistics(filled.reader, tenant=TENANT, from_ms=0, to_ms=2 * POSTED_MS)
    assert (found.usages, found.duplicates, found.duration_ms) == (2, 1, 2_000)
    assert found.meters == {"bytes": 20, "pages": 2}
    assert found.charged_micros == {("KRW", "time"): 450, ("KRW", "volume"): 450}
    assert found.total_micros("KRW") == totals(filled.reader, TENANT).charged_micros["KRW"] == 900


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        (["content"], [("film",), ("song",)]),
        (["member", "content"], [("kim", "film"), ("lee/x", "song")]),
        (["kind"], [("time",), ("volume",)]),
        (["hour"], [("2025-11-24T16:00:00.000Z",), ("2025-11-24T17:00:00.000Z",)]),
        (["day", "kind"], [("2025-11-24", "time"), ("2025-11-24", "volume")]),
        (["month"], [("2025-11",)]),
    ],
)
def test_statistics_when_grouped_then_each_group_has_its_keys(
    filled: Engine, by: list[Dimension], keys: list[tuple[str, ...]]
) -> None:
    """Every choice of dimensions adds up to the same sum."""
    groups = usage_statistics(filled.reader, tenant=TENANT, from_ms=0, to_ms=2 * POSTED_MS, by=by)
    assert [group.keys for group in groups] == keys
    assert sum(group.total_micros("KRW") for group in groups) == 900


def test_statistics_when_filtered_then_only_that_counts(filled: Engine) -> None:
    """Member, content, period and tenant narrow what is summed."""
    ask = partial(usage_statistics, filled.reader, from_ms=0, to_ms=2 * POSTED_MS)
    [lee] = ask(tenant=TENANT, member="lee/x")
    assert (lee.usages, lee.total_micros("KRW")) == (0, 100)
    [film] = ask(tenant=TENANT, content="film")
    assert (film.usages, film.total_micros("KRW")) == (2, 800)
    late = usage_statistics(
        filled.reader, tenant=TENANT, from_ms=POSTED_MS + HOUR_MS, to_ms=2 * POSTED_MS
    )
    assert [(one.usages, one.charged_micros) for one in late] == [(1, {})]
    assert ask(tenant="other") == []


def test_statistics_when_a_dimension_is_unknown_then_says_so(engine: Engine) -> None:
    """No word of the caller becomes SQL."""
    with pytest.raises(ValueError, match="at most once"):
        usage_statistics(
            engine.reader,
            tenant="t",
            from_ms=0,
            to_ms=1,
            by=[cast("Dimension", "1; DROP TABLE cdrs")],
        )


def test_entries_when_paged_then_come_newest_first(filled: Engine) -> None:
    """A member's own accounts only, page by page, without overlap."""
    first = entries_of(filled.reader, tenant=TENANT, member="kim", limit=1)
    [newest] = first
    assert (newest.account, newest.amount_micros, newest.balance_after_micros) == (
        "member/kim/cash", -300, 9_200,
    )  # fmt: skip
    [older] = entries_of(
        filled.reader, tenant=TENANT, member="kim", limit=9, before=newest.sequence
    )
    assert older.balance_after_micros == 9_500
    assert entries_of(filled.reader, tenant="other", member="kim", limit=9) == []


def test_sessions_when_revised_then_the_highest_revision_is_true(filled: Engine) -> None:
    """Filters see the true CDR, and pages go on after a cursor."""
    found = sessions(filled.reader, tenant=TENANT, only=SessionFilter(), limit=9)
    assert found == [cdr("s1", revision=2, cause="network", end=7_000), cdr("s2", end=5_000)]
    by_cause = sessions(filled.reader, tenant=TENANT, only=SessionFilter(cause="normal"), limit=9)
    assert [one.session for one in by_cause] == ["s2"]
    rest = sessions(
        filled.reader,
        tenant=TENANT,
        only=SessionFilter(member="kim", from_ms=0, to_ms=1_001),
        limit=9,
        before=session_cursor(found[0]),
    )
    assert [one.session for one in rest] == ["s2"]


def test_way_of_event_when_applied_then_leads_to_its_entries(filled: Engine) -> None:
    """From the event to its transfer's entries and lines; the repeat stands beside it."""
    way = way_of_event(filled.reader, tenant=TENANT, source="cdn", event="e1", subject="kim")
    assert [one.usage.outcome for one in way.usages] == ["applied", "duplicate"]
    assert way.usages[0].usage == usage("e1", ledger=0)
    assert [entry.amount_micros for entry in way.entries] == [-500, 100, 400]
    assert [each.line.amount_micros for each in way.lines] == [250, 250]


def test_way_of_event_when_refused_then_says_why(filled: Engine) -> None:
    """A dead letter is found by the same name, and only in its own tenant."""
    way = way_of_event(filled.reader, tenant=TENANT, source="cdn", event="e9")
    assert [one.reason for one in way.dead] == ["content-unknown"]
    other = way_of_event(filled.reader, tenant="other", source="cdn", event="e9")
    assert other.dead == ()


def test_balances_when_cut_then_count_what_is_before(filled: Engine) -> None:
    """A cut is a sequence per shard; members' ids may hold slashes."""
    found = balances_at(filled.reader, {0: 2})
    assert [(one.member, one.bucket, one.amount_micros) for one in found] == [("kim", "cash", -800)]
    assert found[0].last_after_micros == 9_200
    all_of = balances_at(filled.reader, {0: 3, 1: 5})
    assert [one.member for one in all_of] == ["kim", "lee/x"]


def test_transfers_when_counted_then_doubles_show(filled: Engine) -> None:
    """What is missing or double at a cut is a number."""
    count = transfers_below(filled.reader, 0, 3)
    assert (count.rows, count.double, count.transfers, count.unbalanced) == (9, 0, 3, 0)
    assert set(rows_double(filled.reader).values()) == {0}
    _put(filled, OutputChain(Stream.LEDGER).message(transfer()))
    assert transfers_below(filled.reader, 0, 3).double == 3
    assert rows_double(filled.reader)["ledger_entries"] == 3


def test_totals_when_asked_then_count_true_sessions_and_shares(filled: Engine) -> None:
    """The demo's figures come from the warehouse."""
    found = totals(filled.reader, TENANT)
    assert found.sessions == {"network": 1, "normal": 1}
    assert found.provider_micros == {("studio", "KRW"): 180}
    assert (found.usages, found.duplicates, found.entries, found.refused) == (2, 1, 9, 1)


def test_contiguous_when_ranges_are_whole_or_not_then_stops_at_the_hole(engine: Engine) -> None:
    """Where a stream stopped is the end of what is contiguous, with its chain and offset."""
    chain = OutputChain(Stream.LEDGER)
    one, two, three = (chain.message(transfer()) for _ in range(3))
    assert contiguous(engine.reader, Stream.LEDGER, 0) == 0
    progress = _put(engine, one, two)
    assert reached_by(engine.reader, Stream.LEDGER) == {0: progress.reached()}
    _put(engine, one, two)
    assert contiguous(engine.reader, Stream.LEDGER, 0) == 2
    hole = ("ledger.entries.v1", 0, 5, 9, "00", 10, POSTED_MS)
    engine.warehouse.insert(
        "sink_ranges",
        ("stream", "shard", "first", "last", "chain", "resume_offset", "posted_at_ms"),
        Columns.from_rows([hole]),
        "hole",
    )
    reached = reached_by(engine.reader, Stream.LEDGER)[0]
    assert reached == Reached(2, progress.reached().chain, 2)
    assert three.offset == reached.resume_offset


def test_landed_when_asked_then_names_places_from_the_bound_on(filled: Engine) -> None:
    """What is in a table beyond a bound is found before it is written again."""
    assert landed_from(filled.reader, LEDGER_ENTRIES, {0: 1, 1: 0}) == {(0, 1), (0, 2)}
    assert landed_from(filled.reader, USAGE_EVENTS, {}) == set()
