"""``ncash tariff check``: every fault of a file in one go, each with path and mend."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.tariffs.faults import MORE, faults_of
from tests.unit.house.tree import ROOT

GOOD: dict[str, Any] = {"id": "tv", "components": [{"kind": "time", "price": "30"}]}
BAD: dict[str, Any] = {
    "id": "tv",
    "prise": 1,
    "low_balance": "-3",
    "provider_ppm": 2_000_000,
    "time_zone": "Mars/One",
    "silence": {"timeout_s": 0, "means": "sleep"},
    "components": [
        {"kind": "time", "price": "-1", "per_s": 0, "minimum": "1.2345678"},
        {"kind": "tme", "price": "1"},
        {"kind": "volume", "meter": "bytes", "price": "abc"},
        {"kind": "volume", "meter": "bytes", "price": "1"},
        {"kind": "page"},
        {"kind": "item", "prices": {"quiz": "-1"}},
    ],
}
TENANT: dict[str, Any] = {
    "id": "a",
    "currency": "krw",
    "horizon_h": 0,
    "tariffs": [GOOD, GOOD, {"id": "u", "components": [{"kind": "time", "price": 5}]}],
    "contents": [
        {"id": "c", "provider": "p", "tariff": "zz"},
        {"id": "d", "provider": "", "tariff": "tv", "time_zone": "Nowhere"},
    ],
}


def test_faults_when_a_tariff_has_many_then_all_are_told_by_path() -> None:
    """One fault hides no other, and places are those of the file, whatever was found before."""
    found = faults_of(BAD, currency="KRW")
    assert sorted(each.partition(": ")[0] for each in found) == sorted([
        "Object contains unknown field `prise`", "silence.means", "components[1].kind",
        "components[4].price", "provider_ppm", "components[0].per_s", "components[0].price",
        "components[0].minimum", "components[2].price", "components[5].prices[quiz]",
        "components[3]", "low_balance", "silence.timeout_s", "time_zone",
    ])  # fmt: skip
    assert "components[0].price: '-1' is negative; write 0 or more" in found
    assert any(each.endswith("volume bytes as components[2]; make them one") for each in found)


def test_faults_when_a_catalogue_has_many_then_all_are_told_by_path() -> None:
    """References, doubled ids and what is missing stand beside the faults of tariffs."""
    found = faults_of({"tenants": [TENANT, {"id": "b"}]}, currency="KRW")
    assert sorted(each.partition(": ")[0] for each in found) == sorted([
        "tenants[0].tariffs[2].components[0].price", "tenants[1]", "tenants[a].tariffs",
        "tenants[a].contents[c].tariff", "tenants[a].contents[d].time_zone",
        "tenants[a].contents[d].provider", "tenants[a].horizon_h", "tenants[a].currency",
    ])  # fmt: skip


@pytest.mark.parametrize(
    "raw",
    [{}, {"id": "x"}, {"components": 3, "id": 4}, {"tenants": 5}, {"tenants": [[]]}],
    ids=str,
)
def test_faults_when_nothing_is_as_it_should_be_then_at_least_one_is_told(
    raw: dict[str, Any],
) -> None:
    """Whatever the object is, the check ends, and names a fault beside the hint at more."""
    assert [each for each in faults_of(raw, currency="KRW") if each != MORE]


def test_faults_when_there_are_more_than_are_told_then_says_so() -> None:
    """A file of nothing but faults is told up to the limit."""
    tariffs = [{"id": f"t{n}", "components": [], "low_balance": "-1"} for n in range(60)]
    found = faults_of(
        {"tenants": [{"id": "a", "currency": "KRW", "tariffs": tariffs}]}, currency=""
    )
    assert (len(found), found[-1]) == (51, MORE)


@pytest.mark.parametrize(
    ("document", "status", "said"),
    [
        (GOOD, 0, "the tariff is good"),
        ({**GOOD, "time_zone": "Asia/Seoul"}, 0, "the tariff is good"),
        (BAD, 1, "low_balance: '-3' is negative; write 0 or more"),
        ({"tenants": [TENANT]}, 1, "tenants[a].horizon_h: 0 is not between 1 and"),
        (
            {"tenants": [{"id": "a", "currency": "KRW", "horizon_h": 1}]},
            1,
            "tenants[a].horizon_h: 1 hours, but edges accept",
        ),
    ],
)
def test_check_when_run_then_says_what_there_is(
    tmp_path: Path, document: dict[str, Any], status: int, said: str
) -> None:
    """Exit status 1 for any fault, and the faults for people."""
    file = tmp_path / "tariff.json"
    file.write_bytes(msgspec.json.encode(document))
    answer = CliRunner().invoke(app, ["tariff", "check", str(file)], catch_exceptions=False)
    assert answer.exit_code == status
    assert said in answer.stderr


def test_check_when_the_sample_is_read_then_it_is_good() -> None:
    """What we ship is valid."""
    answer = CliRunner().invoke(app, ["tariff", "check", str(ROOT / "cli/sample/catalogue.json")])
    assert answer.exit_code == 0
