"""Commands as users type them, against a running stack, and the demo on its own."""

import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import msgspec
import pytest

from tests.e2e.conftest import Whole
from tests.e2e.sending import SAMPLE
from tests.unit.house.tree import ROOT

LINES = 400
DEMO_KEYS = {
    "events_in", "events_rejected", "events_duplicate", "sessions", "sessions_abnormal",
    "charged_micros", "entries", "entries_double", "drift_micros", "elapsed_s", "events_per_s",
    "debit_p50_ms", "debit_p99_ms",
}  # fmt: skip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def _ncash(
    *words: str, stack: Whole | None = None, said: str = "", **more: str
) -> "subprocess.CompletedProcess[str]":
    """Runs a command; the stack is told by variables, as its ``stack.env`` has them."""
    told = {} if stack is None else stack.settings.environment()
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), **told, **more},
        input=said,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_reconcile_when_a_stack_runs_then_its_last_line_is_one_object(whole: Whole) -> None:
    """Status 0, all copies agree, and nothing else is on standard output."""
    done = _ncash("reconcile", "--json", stack=whole)
    assert done.returncode == 0, done.stderr
    [line] = done.stdout.splitlines()
    report = msgspec.json.decode(line)
    assert report.keys() == {
        "wallets", "drift_micros", "missing_entries", "double_entries", "transit_micros",
    }  # fmt: skip
    assert not any(report[name] for name in report.keys() - {"wallets"})
    assert "Redis = ledger = ClickHouse" in done.stderr


def test_sql_when_asked_then_answers_reads_and_refuses_writes(whole: Whole) -> None:
    """One query, or one a line; what would write is refused with status 1."""
    done = _ncash("sql", "SELECT 6 * 7 AS answer", stack=whole)
    assert (done.returncode, "42" in done.stdout, "answer" in done.stdout) == (0, True, True)
    done = _ncash("sql", stack=whole, said="SELECT 1 + 1\nSELECT 2 + 1\n")
    assert done.returncode == 0
    assert all(figure in done.stdout for figure in ("2", "3"))
    done = _ncash("sql", "DROP TABLE cdrs", stack=whole)
    assert (done.returncode, done.stdout) == (1, "")
    assert _ncash("sql", "SELECT count() FROM cdrs", stack=whole).returncode == 0


def test_migrate_when_all_is_there_then_changes_nothing(whole: Whole) -> None:
    """Topics that exist are left as they are; the embedded engine's owner applies migrations."""
    done = _ncash("migrate", stack=whole)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "the warehouse's own process keeps its tables up to date\n"


def test_demo_when_given_a_recording_then_its_last_line_is_one_object(tmp_path: Path) -> None:
    """A stack of its own from start to stop: every line is an event, nothing drifts."""
    file = tmp_path / "short.log"
    with (SAMPLE / "web-access.log").open(encoding="utf-8") as log:
        file.write_text("".join(islice(log, LINES)), encoding="utf-8")
    done = _ncash("demo", "--input", str(file), "--format", "combined", "--json")
    assert done.returncode == 0, done.stderr
    figures = msgspec.json.decode(done.stdout.splitlines()[-1])
    assert figures.keys() >= DEMO_KEYS
    assert (figures["events_in"], figures["events_rejected"]) == (LINES, 0)
    assert (figures["entries_double"], figures["drift_micros"]) == (0, 0)
    assert figures["sessions"] > 0
    assert figures["charged_micros"] > 0
    assert figures["debit_p99_ms"] >= figures["debit_p50_ms"] >= 0
    assert "Redis = ledger = ClickHouse, drift 0" in done.stderr.replace("\n", " ")


def test_demo_when_it_fails_then_its_folder_stays_and_is_named(tmp_path: Path) -> None:
    """What went wrong is in the logs, which nobody has to make happen again."""
    (tmp_path / "wrong.json").write_text('{"tenants": 1}', encoding="utf-8")
    done = _ncash("demo", TMPDIR=str(tmp_path), NCASH_CATALOGUE_FILE=str(tmp_path / "wrong.json"))
    assert done.returncode == 1
    [folder] = tmp_path.glob("ncash-demo-*")
    said = done.stderr.replace("\n", "")
    assert f"kept, for what went wrong: {folder}" in said
    assert "catalogue: Expected `array`" in said
    assert (folder / "logs" / "kafka.log").stat().st_size > 0
