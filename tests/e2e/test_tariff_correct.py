"""A price that was wrong, put right on a whole stack: rehearsed, done, done again."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.publishing import publish_tenants
from cli.reconciling import reconciled
from cli.sample import CATALOGUE, sample_bytes
from tests.e2e.conftest import Whole, tenant_of
from tests.e2e.sending import balances, post, recording_of, settled
from tests.e2e.test_tariff_replay import BYTES_MICROS, TIME_MICROS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TENANT = tenant_of("web", "corrected")
REASON = "time was twice as dear"
SPAN = ["--from", "2000-01-01T00:00:00Z", "--to", "2030-01-01T00:00:00Z"]


def _half_price(whole: Whole) -> None:
    """Puts the tenant's tariff into force with time at half its price."""
    catalogue = msgspec.json.decode(sample_bytes(CATALOGUE))
    [web] = [each for each in catalogue["tenants"] if each["id"] == "web"]
    web["tariffs"][0]["components"][1]["price"] = "15"
    body = msgspec.json.encode({"tenants": [{**web, "id": TENANT}]})
    publish_tenants(whole.settings, body)


def _correct(whole: Whole, patch: pytest.MonkeyPatch, *more: str) -> dict[str, Any]:
    for name, value in whole.settings.environment().items():
        patch.setenv(name, value)
    words = ["--tenant", TENANT, "--tariff", "web-pages", "--name", "half", "--reason", REASON]
    answer = CliRunner().invoke(app, ["tariff", "correct", *words, *SPAN, "--json", *more])
    assert answer.exit_code == 0, answer.output
    found: dict[str, Any] = msgspec.json.decode(answer.stdout.splitlines()[-1])
    return found


def test_members_when_a_price_was_wrong_then_get_exactly_the_difference_back(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rehearsal moves nothing and tells what will be; a second run does nothing more."""
    asyncio.run(post(whole, TENANT, recording_of("web")))
    with settled(whole):
        before = balances(whole, TENANT)
    _half_price(whole)
    rehearsed = _correct(whole, monkeypatch)
    assert (rehearsed["done"], rehearsed["back_micros"]) == (False, TIME_MICROS // 2)
    assert balances(whole, TENANT) == before
    done = _correct(whole, monkeypatch, "--yes")
    assert (done["done"], done["left"]) == (True, [])
    assert (done["posted"], done["sessions"]) == (rehearsed["posted"], rehearsed["sessions"])
    with settled(whole) as warehouse:
        after = balances(whole, TENANT)
        rows = warehouse.query(
            "SELECT cause, reference, sum(amount_micros) FROM ledger_entries WHERE "
            "tenant = %(tenant)s AND account LIKE 'member/%%' GROUP BY cause, reference "
            "ORDER BY cause, reference",
            {"tenant": TENANT},
        ).rows
    assert rows == [
        ["charge", "", -BYTES_MICROS - TIME_MICROS], ["correction", REASON, TIME_MICROS // 2]
    ]  # fmt: skip
    moved = {member: after[member] - micros for member, micros in before.items()}
    assert {member: back for member, back in moved.items() if back} == done["by_member_micros"]
    again = _correct(whole, monkeypatch, "--yes")
    assert (again["posted"], again["back_micros"]) == (done["posted"], 0)
    assert balances(whole, TENANT) == after
    report = reconciled(whole.settings)
    assert (report.findings, report.drift_micros) == ((), 0)


def test_correction_when_it_names_no_tariff_then_says_what_there_is(
    whole: Whole, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing is asked of anybody before that."""
    monkeypatch.chdir(tmp_path)
    for name, value in whole.settings.environment().items():
        monkeypatch.setenv(name, value)
    words = ["--tenant", TENANT, "--tariff", "minutes", "--name", "x", "--reason", "y", *SPAN]
    answer = CliRunner().invoke(app, ["tariff", "correct", *words])
    assert answer.exit_code == 1
    assert "no content has tariff 'minutes'" in str(answer.exception)
