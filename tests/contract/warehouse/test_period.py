"""A stored period, replayed on every engine: production's terms give what the ledger has."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli.tariffs.book import LEDGER, NEW, OLD
from cli.tariffs.replay_command import Wanted, replayed
from cli.tariffs.reporting import Report, document_of
from runtime.settings import Settings
from schemas.errors import InvalidDocument
from tests.contract.warehouse.conftest import Engine
from tests.support.bench_shard import WON, Bench
from tests.support.busy_shard import LENGTH_S, START_S, VERSIONS, play, sink
from warehouse import period as periods
from warehouse.period import Period, charges_of
from warehouse.port import Columns
from warehouse.rows import CHARGES

ALL = Period(tenant="tv", from_ms=START_S * 1000, to_ms=(START_S + LENGTH_S) * 1000)


def _files(folder: Path, *documents: dict[str, Any]) -> tuple[Path, ...]:
    found: list[Path] = []
    for number, document in enumerate(documents, 1):
        found.append(folder / f"{number}-{len(list(folder.iterdir()))}.json")
        found[-1].write_bytes(msgspec.json.encode(document))
    return tuple(found)


def _replayed(
    engine: Engine,
    folder: Path,
    period: Period,
    *,
    tariff: Path | None = None,
    catalogue: Path | None = None,
) -> Report:
    in_force = _files(folder, *VERSIONS)
    return replayed(engine.reader, Settings(), Wanted(period, tariff, catalogue, in_force))


def _charged(bench: Bench) -> int:
    return sum(line.amount_micros for each in bench.transfers() for line in each.lines)


@pytest.fixture
def played(engine: Engine, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A shard's two hours, in the warehouse."""
    bench = play(0)
    sink(engine.warehouse, bench, token=request.node.nodeid)
    yield bench
    bench.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_replay_when_by_the_terms_in_force_then_it_is_the_ledger(
    engine: Engine, tmp_path: Path, seed: int
) -> None:
    """Every scope to the micro-unit: sessions of all ends, reports, items, passes, two versions."""
    with closing(play(seed)) as bench:
        sink(engine.warehouse, bench, token=f"seed-{seed}")
        report = _replayed(engine, tmp_path, ALL)
        assert (report.comparison.mismatched, report.examples) == ([], [])
        assert report.is_exact
        assert report.comparison.revenue.ledger_micros == _charged(bench) > 1_000 * WON
        assert report.events == sum(item.outcome == "applied" for item in bench.usage())


def test_period_when_cut_anywhere_then_lives_are_whole_and_of_one_period(
    engine: Engine, played: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three periods, read in small pages, share out all use and all charges."""
    monkeypatch.setattr(periods, "PAGE_ROWS", 50)
    cuts = [START_S, START_S + 2_000, START_S + 3_700, START_S + LENGTH_S]
    reports = [
        _replayed(engine, tmp_path, Period(tenant="tv", from_ms=a * 1000, to_ms=b * 1000))
        for a, b in pairwise(cuts)
    ]
    assert [each.comparison.mismatched for each in reports] == [[], [], []]
    assert min(each.events for each in reports) > 0
    assert sum(each.events for each in reports) == _replayed(engine, tmp_path, ALL).events
    total = sum(each.comparison.revenue.ledger_micros for each in reports)
    assert total == _charged(played)


def test_replay_when_the_ledger_has_it_otherwise_then_says_where(
    engine: Engine, played: Bench, tmp_path: Path
) -> None:
    """One micro-unit more on one session is found, by name."""
    line = next(each for each in charges_of(engine.reader, ALL) if each.scope == "session")
    row: dict[str, Any] = {**dict.fromkeys(CHARGES.columns, 0), **line._asdict()}
    row.update(tenant="tv", tariff="", currency="KRW", amount_micros=1, sequence=2**40)
    row.update(rate="", price="")
    engine.warehouse.insert(
        CHARGES.name, CHARGES.columns, Columns.from_rows([[row[n] for n in CHARGES.columns]]), "one"
    )
    report = _replayed(engine, tmp_path, ALL)
    assert not report.is_exact
    [found] = report.comparison.mismatched
    assert found.told.key[:4] == line[:4]
    assert found.total_micros(LEDGER) - found.total_micros(OLD) == 1


def test_replay_when_all_costs_twice_as_much_then_says_what_and_why(
    engine: Engine, played: Bench, tmp_path: Path
) -> None:
    """What the first version priced is doubled, by the price alone; the second's stays."""
    [other] = _files(tmp_path, VERSIONS[1])
    report = _replayed(engine, tmp_path, ALL, catalogue=other)
    by_version = Counter[int]()
    for each in played.transfers():
        by_version[each.catalogue] += sum(line.amount_micros for line in each.lines)
    found = report.comparison
    assert found.revenue.difference_micros == by_version[1]
    assert found.revenue.new_micros == 2 * by_version[1] + by_version[2]
    assert {key.change for key in found.why} == {"price"}
    for groups in found.by.values():
        assert sum(each.new_micros for each in groups.values()) == found.revenue.new_micros
    assert set(found.by["provider"]) == {"kbs", "site", "press"}
    differences = [row.total_micros(NEW) - row.total_micros(OLD) for row in found.top]
    assert differences == sorted(differences, reverse=True)


def test_replay_when_one_tariff_is_another_then_only_its_contents_change(
    engine: Engine, played: Bench, tmp_path: Path
) -> None:
    """Pages at ten won more: other contents' revenue is untouched, and the price is told."""
    pages = {
        "id": "pages",
        "components": [{"kind": "page", "price": "30", "direction": "forward"}],
        "time_zone": "Asia/Seoul",
    }
    [file] = _files(tmp_path, pages)
    report = _replayed(engine, tmp_path, ALL, tariff=file)
    changed = {
        name for name, each in report.comparison.by["content"].items() if each.difference_micros
    }
    assert changed == {"book"}
    assert [(each.contents, each.field, each.new) for each in report.prices] == [
        (("book",), "components", pages["components"])
    ]
    assert {(key.meter, key.change) for key in report.comparison.why} >= {
        ("forward", "price"), ("backward", "only_old"),
    }  # fmt: skip
    document = document_of(report)
    assert msgspec.json.decode(msgspec.json.encode(document)) == document


def test_replay_when_a_version_is_missing_then_says_so(
    engine: Engine, played: Bench, tmp_path: Path
) -> None:
    """The ledger names two versions; one file is not enough."""
    wanted = Wanted(ALL, in_force=_files(tmp_path, VERSIONS[0]))
    with pytest.raises(InvalidDocument, match="--in-force"):
        replayed(engine.reader, Settings(), wanted)
