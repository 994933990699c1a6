"""What was really charged, replayed: production's terms give the ledger, another tariff differs."""

import asyncio
import re
import shlex
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.sample import CATALOGUE, sample_bytes
from tests.e2e.conftest import Whole, tenant_of
from tests.e2e.sending import post, recording_of, settled
from tests.unit.house.tree import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

VARIANT = "priced"
BYTES_MICROS, TIME_MICROS, TOKENS_MICROS = 1_868_723_399, 18_056_500_000, 128_415_585_000
DOCUMENT = (ROOT / "docs" / "tariffs-dry-run.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def charged(whole: Whole) -> Whole:
    """Both recordings, shuffled, sent and settled, by tenants of their own."""

    async def send() -> None:
        for name in ("web", "llm"):
            await post(whole, tenant_of(name, VARIANT), recording_of(name), shuffle_seed=5)

    asyncio.run(send())
    with settled(whole):
        return whole


def _cheaper(folder: Path) -> Path:
    """The sample's web tariff at half the price of time."""
    catalogue = msgspec.json.decode(sample_bytes(CATALOGUE))
    [web] = [each for each in catalogue["tenants"] if each["id"] == "web"]
    [tariff] = web["tariffs"]
    tariff["components"][1]["price"] = "15"
    file = folder / "cheaper.json"
    file.write_bytes(msgspec.json.encode(tariff))
    return file


def _replay(whole: Whole, words: list[str], patch: pytest.MonkeyPatch) -> dict[str, Any]:
    for name, value in whole.settings.environment().items():
        patch.setenv(name, value)
    answer = CliRunner().invoke(app, words, catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    found: dict[str, Any] = msgspec.json.decode(answer.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    ("recording", "micros"), [("web", BYTES_MICROS + TIME_MICROS), ("llm", TOKENS_MICROS)]
)
def test_replay_when_nothing_is_changed_then_it_is_what_was_charged(
    charged: Whole, recording: str, micros: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catalogues from Kafka, use and ledger from the warehouse: every scope to the micro-unit."""
    tenant = tenant_of(recording, VARIANT)
    span = ["--from", "2000-01-01T00:00:00Z", "--to", "2030-01-01T00:00:00Z"]
    words = ["tariff", "replay", "--tenant", tenant, *span, "--json"]
    found = _replay(charged, words, monkeypatch)
    assert (found["mismatches"], found["unpriced_old"]) == (0, 0)
    assert found["revenue"]["ledger_micros"] == found["revenue"]["old_micros"] == micros


def test_replay_when_run_as_documented_then_half_the_price_of_time_is_half_its_revenue(
    charged: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The document's own command: only time changes, by its price, and the providers' sums too."""
    [command] = re.findall(r"^ncash (tariff replay .*)$", DOCUMENT, re.MULTILINE)
    _cheaper(tmp_path)
    monkeypatch.chdir(tmp_path)
    words = [tenant_of("web", VARIANT) if each == "web" else each for each in shlex.split(command)]
    found = _replay(charged, words, monkeypatch)
    assert found["revenue"]["difference_micros"] == -TIME_MICROS // 2
    by_kind = {each["kind"]: each["difference_micros"] for each in found["by_kind"]}
    assert by_kind == {"time": -TIME_MICROS // 2, "volume": 0}
    assert [(each["kind"], each["change"]) for each in found["why"]] == [("time", "price")]
    assert [each["provider"] for each in found["by_provider"]] == ["semicomplete"]
    [change] = found["prices"]
    assert (change["field"], [each["price"] for each in change["new"]]) == ("components", ["15"])
