"""The recordings through the whole stack: figures counted apart, and every order of sending."""

import asyncio
import csv
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from importlib.resources import files
from itertools import pairwise

import pytest

from cli.reconciling import reconciled
from cli.settled import await_applied, await_warehouse
from cli.state_store import open_store
from ingest.recordings import Recording, read_recording
from ingest.sender import replay, send_kafka
from runtime.publisher import Publisher
from tests.e2e.conftest import Whole, key_of, tenant_of
from warehouse.audit import totals
from warehouse.opening import open_warehouse
from warehouse.port import Reader

SAMPLE = files("cli.sample")
IDLE_S = 1_800
LINE = re.compile(r'^(\S+) .*?\[([^\]]+)\] ".*?" (\d{3}) (\S+) "[^"]*" "([^"]*)"$')

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def _web() -> Recording:
    return read_recording(SAMPLE / "web-access.log", "combined")  # type: ignore[arg-type]


def _model() -> Recording:
    return read_recording(SAMPLE / "llm-conversation.csv", "llm-csv")  # type: ignore[arg-type]


async def _post(whole: Whole, tenant: str, recording: Recording, **how: object) -> None:
    async for _ in replay(recording, url=whole.url, key=key_of(tenant), **how):  # type: ignore[arg-type]
        continue


async def _produce(whole: Whole, tenant: str, recording: Recording) -> None:
    publisher = Publisher(whole.settings)
    async for _ in send_kafka(
        recording,
        publisher,
        topic=whole.settings.raw_topic,
        partitions=whole.settings.raw_partitions,
        key_id=tenant,
        shuffle_seed=3,
    ):
        continue
    await publisher.close()


@contextmanager
def _settled(whole: Whole) -> Iterator[Reader]:
    with (
        closing(open_store(whole.settings.redis)) as store,
        closing(open_warehouse(whole.settings.clickhouse)) as warehouse,
    ):
        await_warehouse(warehouse, await_applied(whole.settings, store))
        yield warehouse


def _counted_apart() -> tuple[dict[str, int], int]:
    """Web figures and the price of both recordings, straight from the files."""
    by_visitor: dict[tuple[str, str], list[tuple[int, int]]] = {}
    figures: Counter[str] = Counter()
    for line in (SAMPLE / "web-access.log").read_text().splitlines():
        found = LINE.match(line)
        assert found is not None
        address, at, status, size, agent = found.groups()
        at_s = int(datetime.strptime(at, "%d/%b/%Y:%H:%M:%S %z").timestamp())
        length = 0 if size == "-" else int(size)
        by_visitor.setdefault((address, agent), []).append((at_s, length))
        figures.update(requests=1, bytes=length, errors=int(int(status) >= 400))
    for requests in by_visitor.values():
        times = sorted(at_s for at_s, _ in requests)
        gaps = [after - before for before, after in pairwise(times)]
        figures["sessions"] += 1 + sum(gap >= IDLE_S for gap in gaps)
        figures["seconds"] += sum(gap for gap in gaps if gap < IDLE_S)
    micros = figures["bytes"] + figures["seconds"] * 30_000_000 // 60
    for row in csv.DictReader((SAMPLE / "llm-conversation.csv").read_text().splitlines()):
        micros += 3_000 * int(row["ContextTokens"]) + 15_000 * int(row["GeneratedTokens"])
    return dict(figures), micros


def test_figures_when_both_recordings_ran_then_they_equal_an_independent_count(
    whole: Whole,
) -> None:
    """Sessions, meters and every micro-won; nothing double, nothing drifts."""
    figures, micros = _counted_apart()
    asyncio.run(_post(whole, "web", _web()))
    asyncio.run(_post(whole, "llm", _model()))
    with _settled(whole) as warehouse:
        web, model = totals(warehouse, "web"), totals(warehouse, "llm")
        meters = warehouse.query(
            "SELECT meter, sum(amount) FROM usage_events "
            "ARRAY JOIN meter_names AS meter, meter_amounts AS amount "
            "WHERE tenant = 'web' GROUP BY meter"
        ).rows
    assert web.sessions == {"idle": figures["sessions"]}
    assert {str(name): int(str(total)) for name, total in meters} == {
        name: figures[name] for name in ("requests", "bytes", "errors")
    }
    assert web.charged_micros["KRW"] + model.charged_micros["KRW"] == micros
    assert (web.duplicates, web.refused, model.duplicates, model.refused) == (0, 0, 0, 0)
    report = reconciled(whole.settings)
    assert (report.is_clean, report.findings) == (True, ())


def _told(warehouse: Reader, tenant: str) -> dict[str, list[list[object]]]:
    """What must not depend on how a recording was sent."""
    asked = {
        "sessions": "SELECT subject, session, cause, end_ms, charged_micros FROM ("
        "SELECT * FROM cdrs WHERE tenant = %(tenant)s ORDER BY revision DESC "
        "LIMIT 1 BY source, subject, session, incarnation) ORDER BY subject, session",
        "usage": "SELECT subject, session, meter, sum(amount) AS total FROM usage_events "
        "ARRAY JOIN meter_names AS meter, meter_amounts AS amount WHERE tenant = %(tenant)s "
        "GROUP BY subject, session, meter HAVING total != 0 ORDER BY subject, session, meter",
        "time": "SELECT session, sum(duration_ms) FROM usage_events WHERE tenant = %(tenant)s "
        "GROUP BY session ORDER BY session",
        "entries": "SELECT session, account, sum(amount_micros) AS total FROM ledger_entries "
        "WHERE tenant = %(tenant)s GROUP BY session, account HAVING total != 0 "
        "ORDER BY session, account",
        "charges": "SELECT session, kind, sum(amount_micros) AS total FROM charges "
        "WHERE tenant = %(tenant)s GROUP BY session, kind HAVING total != 0 "
        "ORDER BY session, kind",
    }
    return {
        name: [list(row) for row in warehouse.query(sql, {"tenant": tenant}).rows]
        for name, sql in asked.items()
    }


@pytest.mark.parametrize("recording", ["web", "llm"])
def test_recording_when_sent_twice_shuffled_or_in_halves_then_all_is_the_same(
    whole: Whole, recording: str
) -> None:
    """HTTP or Kafka, any order, any repeats: same sessions, usage, balances and entries."""
    full = _web() if recording == "web" else _model()
    events = full.events
    odd, even = replace(full, events=events[::2]), replace(full, events=events[1::2])

    async def send() -> None:
        plain, twice, shuffled, halves = (
            tenant_of(recording, name) for name in ("plain", "twice", "shuffled", "halves")
        )
        await _post(whole, plain, full)
        await _post(whole, twice, full)
        await _post(whole, twice, full)
        await _post(whole, shuffled, full, shuffle_seed=7)
        await _post(whole, halves, odd)
        await _produce(whole, halves, even)

    asyncio.run(send())
    _await_produced(whole, tenant_of(recording, "halves"), len(events))
    with _settled(whole) as warehouse:
        plain = _told(warehouse, tenant_of(recording, "plain"))
        repeats = totals(warehouse, tenant_of(recording, "twice")).duplicates
        assert all(plain[name] for name in ("usage", "entries", "charges"))
        for variant in ("twice", "shuffled", "halves"):
            told = _told(warehouse, tenant_of(recording, variant))
            for name, rows in plain.items():
                assert told[name] == rows, (variant, name)
    assert repeats == len(events)
    assert reconciled(whole.settings).is_clean


def _await_produced(whole: Whole, tenant: str, events: int) -> None:
    """Waits until the Kafka collector has forwarded all, seen by what was applied."""
    for _ in range(200):
        with _settled(whole) as warehouse:
            found = totals(warehouse, tenant)
            if found.usages + found.duplicates >= events:
                return
    pytest.fail(f"{tenant}: {events} events did not arrive")
