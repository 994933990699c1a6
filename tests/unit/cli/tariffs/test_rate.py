"""``ncash rate``: the recordings' totals, every form of file, and what cannot be priced."""

import csv
import gzip
import json
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from cli.tariffs import usage_file
from schemas.errors import InvalidDocument
from tests.unit.house.tree import ROOT

SAMPLE = ROOT / "cli" / "sample"
TARIFF: dict[str, Any] = {
    "id": "film",
    "components": [
        {"kind": "time", "price": "30", "per_s": 60, "free_s": 10},
        {"kind": "volume", "meter": "bytes", "price": "1", "per": 1000},
        {"kind": "item", "prices": {"poster": "500"}},
        {"kind": "flat", "price": "100", "period": "day"},
    ],
    "provider_ppm": 500_000,
    "silence": {"timeout_s": 90, "pays": "half_interval", "interval_s": 20},
    "time_zone": "Asia/Seoul",
}


def _event(
    number: int, kind: str, at: str, *, member: str = "ann", **data: object
) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"e{number}",
        "source": "vod",
        "type": kind,
        "subject": member,
        "time": f"2026-11-24T{at}Z",
        "data": data,
    }


def _use(content: str = "film-1") -> list[dict[str, Any]]:
    """One session that stops, one that vanishes, an item outside; 14:59:30 is 23:59:30 in Seoul."""
    return [
        _event(1, "session.start", "14:59:30", session="s1", content=content),
        _event(2, "session.heartbeat", "15:00:30", session="s1", meters={"bytes": 4_000}),
        _event(3, "session.stop", "15:00:40", session="s1", meters={"bytes": 5_000}),
        _event(4, "session.start", "15:00:00", session="s2", content=content, member="ben"),
        _event(5, "session.heartbeat", "15:00:20", session="s2", member="ben"),
        _event(6, "item.use", "15:00:10", content=content, item="poster", quantity=2),
    ]


def _rate(folder: Path, usage: Path, *words: str, tariff: object = TARIFF) -> Result:
    file = folder / "tariff.json"
    file.write_bytes(msgspec.json.encode(tariff))
    asked = ["rate", "--tariff", str(file), "--usage", str(usage), *words]
    return CliRunner().invoke(app, asked, catch_exceptions=False)


def _lines(folder: Path, events: list[dict[str, Any]], *more: str) -> Path:
    file = folder / "usage.jsonl"
    file.write_text("\n".join([*map(json.dumps, events), *more]) + "\n", encoding="utf-8")
    return file


def _json(answer: Result) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(answer.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    ("recording", "micros"),
    [
        ("web-access.log", 1_868_723_399 + 18_056_500_000),
        pytest.param("llm-conversation.csv", 128_415_585_000, marks=pytest.mark.slow),
    ],
)
def test_rate_when_a_recording_is_priced_then_it_is_the_contracts_total(
    recording: str, micros: int
) -> None:
    """The demo's catalogue: format and tenant are found, every charge adds up."""
    words = ["rate", "--tariff", str(SAMPLE / "catalogue.json"), "--usage", str(SAMPLE / recording)]
    answer = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False)
    found = _json(answer)
    assert answer.exit_code == 0
    assert found["total_micros"] == micros
    assert sum(each["amount_micros"] for each in found["charges"]) == micros
    assert (found["refused"], found["bad_lines"], found["duplicates"]) == (0, 0, 0)


def test_rate_when_one_tariff_is_given_then_each_scope_has_its_lines(tmp_path: Path) -> None:
    """Passes by the tariff's own midnight, free seconds, a vanished session's half interval."""
    found = _json(_rate(tmp_path, _lines(tmp_path, _use()), "--json"))
    by_scope = {
        (each["member"], each["session"] or each["scope"]): [
            (line["kind"], line["meter"], line["quantity"], line["amount_micros"])
            for line in each["lines"]
        ]
        for each in found["charges"]
    }
    assert by_scope == {
        ("ann", "event:e6"): [("item", "poster", 2, 1_000_000_000)],
        ("ann", "pass:film:2026-11-24"): [("flat", "2026-11-24", 1, 100_000_000)],
        ("ann", "pass:film:2026-11-25"): [("flat", "2026-11-25", 1, 100_000_000)],
        ("ann", "s1"): [("time", "ms", 60_000, 30_000_000), ("volume", "bytes", 5_000, 5_000_000)],
        ("ben", "pass:film:2026-11-25"): [("flat", "2026-11-25", 1, 100_000_000)],
        ("ben", "s2"): [("time", "ms", 20_000, 10_000_000)],
    }
    causes = {each["session"]: each["cause"] for each in found["charges"] if each["session"]}
    assert causes == {"s1": "normal", "s2": "network"}
    assert (found["total_micros"], found["total"], found["currency"]) == (
        1_345_000_000,
        "1345",
        "KRW",
    )
    assert found["provider_micros"] == 672_500_000


@pytest.mark.parametrize("form", ["reversed", "gz", "one line", "many lines", "pieces"])
def test_rate_when_the_same_usage_is_written_otherwise_then_it_costs_the_same(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any order, packed, as an array on one line or on many, sorted on disk in small runs."""
    expected = _json(_rate(tmp_path, _lines(tmp_path, _use()), "--json"))["charges"]
    usage = _lines(tmp_path, _use()[::-1])
    if form == "gz":
        usage = tmp_path / "usage.gz"
        usage.write_bytes(gzip.compress(_lines(tmp_path, _use()).read_bytes()))
    elif form in {"one line", "many lines"}:
        usage.write_text(json.dumps(_use(), indent=None if form == "one line" else 2))
    elif form == "pieces":
        monkeypatch.setattr(usage_file, "RUN_EVENTS", 2)
    answer = _rate(tmp_path, usage, "--json")
    assert (answer.exit_code, _json(answer)["charges"]) == (0, expected)


def test_rate_when_lines_are_bad_then_their_numbers_are_told(tmp_path: Path) -> None:
    """Not JSON, no event, an id that was used for something else: the rest is priced."""
    events = [*_use(), _event(1, "session.heartbeat", "14:59:50", session="s1")]
    usage = _lines(tmp_path, events, "{not json", json.dumps({"id": "e9", "time": "now"}))
    answer = _rate(tmp_path, usage, "--json")
    found = _json(answer)
    assert (answer.exit_code, found["total_micros"]) == (1, 1_345_000_000)
    assert (found["bad_lines"], found["refused"]) == (2, 1)
    said = answer.stderr
    assert "line 7: id-reused" in said
    assert "line 8: not a JSON object" in said
    assert "line 9: time" in said
    assert _rate(tmp_path, usage, "--skip-bad").exit_code == 0


def test_rate_when_a_person_reads_it_then_a_table_and_a_file_have_the_lines(
    tmp_path: Path,
) -> None:
    """The table has scopes, lines and the total; the CSV has a row for each line."""
    out = tmp_path / "charges.csv"
    answer = _rate(tmp_path, _lines(tmp_path, _use()), "--csv", str(out))
    assert "total 1345 KRW (1345000000 micro-units)" in answer.stdout
    assert "volume bytes" in answer.stdout
    rows = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
    assert sum(int(row["amount_micros"]) for row in rows) == 1_345_000_000
    sessions = [name for name, _ in groupby(row["session"] for row in rows)]
    assert sessions == ["", "s1", "", "s2"]


def test_rate_when_repeats_come_then_they_are_counted_and_cost_nothing(tmp_path: Path) -> None:
    """An increment that was sent twice counts once."""
    usage = _lines(tmp_path, [*_use(), _use()[5]])
    found = _json(_rate(tmp_path, usage, "--json"))
    assert (found["duplicates"], found["total_micros"]) == (1, 1_345_000_000)


@pytest.mark.parametrize(
    ("tenants", "words", "status", "said"),
    [
        (["a", "b"], [], 1, "choose one with --tenant"),
        (["a", "b"], ["--tenant", "b"], 0, ""),
        (["a", "b"], ["--tenant", "c"], 1, "no such tenant"),
        (["a"], [], 0, ""),
    ],
)
def test_rate_when_a_catalogue_has_tenants_then_one_is_chosen(
    tmp_path: Path, tenants: list[str], words: list[str], status: int, said: str
) -> None:
    """The only one that sells what was used, or the one that is named."""
    tariff = {name: value for name, value in TARIFF.items() if name != "time_zone"}
    content = {"id": "film-1", "provider": "p", "tariff": "film", "time_zone": "Asia/Seoul"}
    catalogue = {
        "tenants": [
            {"id": name, "currency": "KRW", "tariffs": [tariff], "contents": [content]}
            for name in tenants
        ]
    }
    file = tmp_path / "catalogue.json"
    file.write_bytes(msgspec.json.encode(catalogue))
    asked = ["rate", "--tariff", str(file), "--usage", str(_lines(tmp_path, _use())), *words]
    answer = CliRunner().invoke(app, asked)
    assert (answer.exit_code, said in str(answer.exception)) == (status, True)


def test_rate_when_a_content_is_not_sold_then_its_events_are_refused(tmp_path: Path) -> None:
    """A catalogue's tenant sells what it names and nothing else."""
    sample = msgspec.json.decode((SAMPLE / "catalogue.json").read_bytes())
    usage = _lines(tmp_path, _use("nothing-of-ours")[5:])
    answer = _rate(tmp_path, usage, "--tenant", "demo", "--json", tariff=sample)
    assert (answer.exit_code, _json(answer)["refused"]) == (1, 1)
    assert "line 1: content-unknown" in answer.stderr


def test_rate_when_the_tariff_is_wrong_then_the_fault_is_in_the_files_own_terms(
    tmp_path: Path,
) -> None:
    """Its place is one in the file that was given, not in a catalogue that was made of it."""
    wrong = {"id": "film", "components": [{"kind": "fee"}]}
    with pytest.raises(InvalidDocument, match=r"json: components\[0\]: .* field `price`"):
        _rate(tmp_path, _lines(tmp_path, _use()), tariff=wrong)


def test_rate_when_the_csv_cannot_be_written_then_says_which_and_why(tmp_path: Path) -> None:
    """A folder that is not there is the caller's to make."""
    where = tmp_path / "none" / "charges.csv"
    with pytest.raises(InvalidDocument, match=r"--csv .*charges\.csv: No such file"):
        _rate(tmp_path, _lines(tmp_path, _use()), "--csv", str(where))
