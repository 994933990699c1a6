"""The API's questions to the embedded engine give what a plain search of the same rows gives."""

from collections.abc import Iterator

import pytest

from api.clickhouse import ClickHouse
from api.ports import EventName, UsageQuestion
from schemas.outputs import TOLD, decode_output
from shard.emission import Output
from streams.sinks.source import SOURCES, Message
from tests.contract.api.rows import RowWarehouse
from tests.support.bench_shard import Bench, event, frame, tick, top_up
from warehouse import rows
from warehouse.embedded import EmbeddedWarehouse
from warehouse.migrate import migrate
from warehouse.port import Columns
from warehouse.queries import SessionFilter, session_cursor
from warehouse.statistics import Dimension

NOW_MS = 1_800_000_000_000


class Both:
    """The same rows in the engine and in plain lists."""

    def __init__(self, engine: ClickHouse, plain: RowWarehouse) -> None:
        self.engine = engine
        self.plain = plain


def _outputs() -> list[Output]:
    """Top-ups, charges into debt, a late correction, a repeat, refusals, a pass, an item."""
    bench = Bench()
    bench.feed(top_up(1_000), stamp_ms=NOW_MS)
    start = event("session.start", 0, id="e1", meters={"bytes": 5})
    bench.feed(frame(start), stamp_ms=NOW_MS + 1)
    bench.feed(frame(start, event("session.heartbeat", 50, id="e2")), stamp_ms=NOW_MS + 2)
    bench.feed(frame(event("session.start", 0, id="e1", content="web")), stamp_ms=NOW_MS + 3)
    bench.feed(tick(0), tick(100), stamp_ms=NOW_MS + 4)
    bench.feed(frame(event("session.stop", 52, id="e3")), stamp_ms=NOW_MS + 5)
    bench.feed(frame(event("session.start", 0, id="e4", content="no")), stamp_ms=NOW_MS + 6)
    bench.feed(
        frame(event("item.use", 60, id="i1", session=None, item="quiz", subject="bob")),
        frame(event("session.start", 70, id="p1", session="d1", content="daily")),
        frame(event("session.stop", 80, id="p2", session="d1", content="daily")),
        stamp_ms=NOW_MS + 7,
    )
    for number in range(3):
        bench.feed(top_up(1, f"more-{number}"), stamp_ms=NOW_MS + 8 + number)
    bench.close()
    return bench.outputs


def _fill(engine: EmbeddedWarehouse, outputs: list[Output]) -> None:
    for output in outputs:
        if output.stream in TOLD:
            continue
        record = decode_output(output.value)
        [source] = [each for each in SOURCES if each.topic == output.stream]
        part = source.part_of(Message(output.stream, record.shard, 0, 0, output.value))
        for table, columns in part.columns.items():
            token = f"{output.stream}-{record.first}-{table.name}"
            engine.insert(table.name, table.columns, columns, token)
        last = record.first + record.count - 1
        engine.insert(
            rows.SINK_RANGES.name,
            rows.SINK_RANGES.columns,
            Columns.from_rows(
                [(output.stream, record.shard, record.first, last, "", 0, record.posted_at_ms)]
            ),
            f"{output.stream}-{record.first}",
        )


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """One engine for the module, filled once."""
    outputs = _outputs()
    engine = EmbeddedWarehouse(tmp_path_factory.mktemp("api-chdb") / "chdb")
    try:
        migrate(engine, now_ms=lambda: NOW_MS)
        _fill(engine, outputs)
        plain = RowWarehouse()
        plain.take(outputs)
        yield Both(ClickHouse(engine), plain)
    finally:
        engine.close()


async def test_transfers_when_paged_then_as_a_plain_search(both: Both) -> None:
    """Every page of a member's transfers, with entries in order and all lines."""
    await both.engine.ping()
    for member in ("ann", "bob", "nobody"):
        whole = await both.plain.transfers("tv", member, before=None, limit=100)
        assert await both.engine.transfers("tv", member, before=None, limit=100) == whole
        assert await both.engine.transfers("fm", member, before=None, limit=100) == []
        paged = []
        before: int | None = None
        while True:
            page = await both.engine.transfers("tv", member, before=before, limit=2)
            paged += page
            if len(page) < 2:
                break
            before = page[-1].entries[0].sequence
        assert paged == whole
    assert len(await both.engine.transfers("tv", "ann", before=None, limit=100)) >= 7


@pytest.mark.parametrize(
    "only",
    [
        SessionFilter(),
        SessionFilter(member="ann"),
        SessionFilter(content="daily"),
        SessionFilter(cause="normal"),
        SessionFilter(cause="server"),
        SessionFilter(source="vod", session="s1"),
    ],
)
async def test_cdrs_when_asked_then_as_a_plain_search(both: Both, only: SessionFilter) -> None:
    """The highest revisions, in order, page by page, with their charges."""
    whole = await both.plain.cdrs("tv", only, before=None, limit=100)
    assert await both.engine.cdrs("tv", only, before=None, limit=100) == whole
    assert await both.engine.cdrs("fm", only, before=None, limit=100) == []
    for cdr in whole:
        assert await both.engine.charges_of(cdr) == await both.plain.charges_of(cdr)
        before = session_cursor(cdr)
        rest = await both.engine.cdrs("tv", only, before=before, limit=100)
        assert rest == await both.plain.cdrs("tv", only, before=before, limit=100)


@pytest.mark.parametrize("id_", ["e1", "e2", "e3", "e4", "i1", "p1", "nothing"])
@pytest.mark.parametrize("subject", [None, "ann", "bob"])
async def test_way_of_event_when_asked_then_as_a_plain_search(
    both: Both, id_: str, subject: str | None
) -> None:
    """Applications, repeats, refusals, entries and lines of one event."""
    name = EventName(source="vod", id=id_, subject=subject)
    assert await both.engine.way_of_event("tv", name) == await both.plain.way_of_event("tv", name)


@pytest.mark.parametrize(
    "by", [(), ("content",), ("member", "kind"), ("hour",), ("day", "content"), ("month",)]
)
async def test_usage_when_asked_then_as_a_plain_search(
    both: Both, by: tuple[Dimension, ...]
) -> None:
    """Groups, counts, meters and money by any dimensions."""
    for filters in ({}, {"content": "news"}, {"member": "bob"}):
        asked = UsageQuestion(from_ms=0, to_ms=10**12, by=by, **filters)
        assert await both.engine.usage("tv", asked) == await both.plain.usage("tv", asked)


async def test_known_up_to_when_sinks_wrote_ranges_then_the_slowest_stream_counts(
    both: Both,
) -> None:
    """What is vouched for is the least of what the ledger and the applied stream reached."""
    assert await both.engine.known_up_to_ms("tv") == NOW_MS + 7
    assert await both.engine.known_up_to_ms("tv", 0) == NOW_MS + 7
    assert await both.engine.known_up_to_ms("tv", 1) is None
