"""The recordings through the whole stack: figures counted apart, and every order of sending."""

import asyncio
import csv
import re
from collections import Counter
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

import pytest

from cli.reconciling import reconciled
from tests.e2e.conftest import ORDERS, Whole, tenant_of
from tests.e2e.sending import SAMPLE, balances, causes, post, produce, recording_of, settled, told
from warehouse.audit import totals

IDLE_S = 1_800
LINE = re.compile(r'^(\S+) .*?\[([^\]]+)\] ".*?" (\d{3}) (\S+) "[^"]*" "([^"]*)"$')

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


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
    asyncio.run(post(whole, "web", recording_of("web")))
    asyncio.run(post(whole, "llm", recording_of("llm")))
    with settled(whole) as warehouse:
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


@pytest.mark.parametrize("recording", ["web", "llm"])
def test_recording_when_sent_twice_shuffled_or_in_halves_then_all_is_the_same(
    whole: Whole, recording: str
) -> None:
    """HTTP or Kafka, any order, any repeats: same sessions, usage, balances and entries."""
    full = recording_of(recording)
    events = full.events
    odd, even = replace(full, events=events[::2]), replace(full, events=events[1::2])

    async def send() -> None:
        plain, twice, shuffled, halves = (
            tenant_of(recording, name) for name in ("plain", "twice", "shuffled", "halves")
        )
        await post(whole, plain, full)
        await post(whole, twice, full)
        await post(whole, twice, full)
        await post(whole, shuffled, full, shuffle_seed=7)
        await post(whole, halves, odd)
        await produce(whole, halves, even)

    asyncio.run(send())
    _await_produced(whole, tenant_of(recording, "halves"), len(events))
    with settled(whole) as warehouse:
        plain = told(warehouse, tenant_of(recording, "plain"))
        repeats = totals(warehouse, tenant_of(recording, "twice")).duplicates
        assert all(plain[name] for name in ("usage", "entries", "charges"))
        for variant in ("twice", "shuffled", "halves"):
            other = told(warehouse, tenant_of(recording, variant))
            for name, rows in plain.items():
                assert other[name] == rows, (variant, name)
    same = [balances(whole, tenant_of(recording, each)) for each in ("plain", "twice", "shuffled")]
    assert same[0]
    assert same == [balances(whole, tenant_of(recording, "halves"))] * 3
    assert repeats == len(events)
    assert reconciled(whole.settings).is_clean


def test_recordings_when_sent_in_either_order_then_all_is_the_same(whole: Whole) -> None:
    """One after the other, the other way round, or together: no recording minds its neighbour."""
    names = ("web", "llm")

    async def send() -> None:
        for order, sent in (("web-first", names), ("llm-first", reversed(names))):
            for name in sent:
                await post(whole, tenant_of(name, order), recording_of(name))
        both = (post(whole, tenant_of(name, "together"), recording_of(name)) for name in names)
        await asyncio.gather(*both)

    asyncio.run(send())
    with settled(whole) as warehouse:
        for name in names:
            first, *others = (tenant_of(name, order) for order in ORDERS)
            wanted, by_cause = told(warehouse, first), causes(warehouse, first)
            assert by_cause
            assert all(wanted[question] for question in ("usage", "entries", "charges"))
            assert bool(wanted["sessions"]) == (name == "web")
            for other in others:
                found = told(warehouse, other)
                for question, rows in wanted.items():
                    assert found[question] == rows, (other, question)
                assert causes(warehouse, other) == by_cause, other
                assert balances(whole, other) == balances(whole, first) != {}, other
    assert reconciled(whole.settings).is_clean


def _await_produced(whole: Whole, tenant: str, events: int) -> None:
    """Waits until the Kafka collector has forwarded all, seen by what was applied."""
    for _ in range(200):
        with settled(whole) as warehouse:
            found = totals(warehouse, tenant)
            if found.usages + found.duplicates >= events:
                return
    pytest.fail(f"{tenant}: {events} events did not arrive")
