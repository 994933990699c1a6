"""The commands as a shell sees them: help, exit statuses, what stands on which stream."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from cli.main import app
from tests.unit.house.tree import ROOT

# Nothing listens on port 1 of the loopback.
NOWHERE = {
    "NCASH_KAFKA": "127.0.0.1:1",
    "NCASH_REDIS": "redis://127.0.0.1:1/0",
    "NCASH_CLICKHOUSE": "http://127.0.0.1:1",
}
PROMISED = {
    "demo", "up", "replay", "reconcile", "sql", "migrate", "openapi", "catalogue publish",
    "catalogue check", "bench pipeline", "bench baseline",
    "bench latency", "bench query", "bench recover", "bench scale",
    "serve edge", "serve collect-kafka", "serve worker",
    "serve warehouse", "serve webhooks", "rate", "tariff check", "tariff replay",
    "tariff correct", "cards make", "cards activate", "cards block", "cards unblock", "cards close",
    "cards report",
}  # fmt: skip
# An end that is not behind its beginning.
SPAN_BACKWARDS = ["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T00:00:00Z"]
SPAN = ["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-02T00:00:00Z"]
CORRECT = ["tariff", "correct", "--tenant", "t", "--tariff", "x"]


def _commands(group: typer.Typer, *names: str) -> Iterator[tuple[str, ...]]:
    yield names
    for each in group.registered_commands:
        assert each.callback is not None
        yield (*names, each.name or each.callback.__name__)
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from _commands(inner.typer_instance, *names, str(inner.name))


def _ncash(*words: str, folder: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    """The program itself, in an empty folder, where no service is to be had."""
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *words],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(folder)}
        | NOWHERE
        | more,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_commands_when_listed_then_are_those_that_were_promised() -> None:
    """A command that is renamed or lost is seen here."""
    found = {" ".join(words) for words in _commands(app)}
    assert found >= PROMISED


@pytest.mark.parametrize("words", list(_commands(app)), ids=" ".join)
def test_help_when_asked_then_explains_the_command(words: tuple[str, ...]) -> None:
    """Every command and group says in words what it does, and so does each of its options."""
    answer = CliRunner().invoke(app, [*words, "--help"], terminal_width=200)
    assert answer.exit_code == 0
    said = [line.strip() for line in answer.stdout.splitlines() if line.strip()]
    assert said[0].startswith("Usage: ")
    assert len(said[1].split()) >= 4
    assert not [
        line for line in said if line.strip("│ ").startswith("--") and len(line.split()) < 4
    ]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["no-such-command"],
        ["replay"],
        ["replay", "no-such-file", "--format", "combined", "--key", "k"],
        ["replay", __file__, "--format", "combined"],
        ["replay", __file__, "--format", "apache", "--key", "k"],
        ["replay", __file__, "--format", "combined", "--key", "k", "--speed", "0"],
        ["replay", __file__, "--format", "combined", "--key", "k", "--speed", "fast"],
        ["demo", "--input", "no-such-file"],
        ["demo", "--input", __file__, "--format", "apache"],
        ["up", "--workers", "0"],
        ["bench", "pipeline", "--external"],
        ["bench", "pipeline", "--members", "1000", "--sessions", "2001"],
        ["bench", "latency", "--members", "1000", "--sessions", "2001"],
        ["bench", "recover", "--workers", "1"],
        ["bench", "scale", "--base", "100,1000"],
        ["bench", "scale", "--sessions", "100,many"],
        ["bench", "scale", "--workers", "0"],
        ["catalogue", "check", "no-such-file"],
        ["rate", "--tariff", __file__],
        ["rate", "--tariff", __file__, "--usage", __file__, "--format", "apache"],
        ["tariff", "check", "no-such-file"],
        ["tariff", "replay", "--tenant", "t", "--from", "now", "--to", "2026-01-01T00:00:00Z"],
        ["tariff", "replay", "--tenant", "t", *SPAN_BACKWARDS],
        [*CORRECT, "--name", "n", "--reason", "r", *SPAN_BACKWARDS],
        [*CORRECT, "--name", "n" * 65, "--reason", "r", *SPAN],
        [*CORRECT, "--name", "n", "--reason", "", *SPAN],
    ],
    ids=" ".join,
)
def test_command_when_used_wrongly_then_says_so_at_once(words: list[str]) -> None:
    """Exit status 2, before anything is started or sent."""
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 2
    assert "Usage" in answer.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["reconcile", "--json"], "Redis at redis://127.0.0.1:1/0 does not answer"),
        # Ten seconds until Kafka's client gives up.
        pytest.param(["migrate"], "Kafka does not list its topics", marks=pytest.mark.slow),
        (["sql", "SELECT 1"], "the SQL endpoint"),
        (["catalogue", "check", "bad.json"], "catalogue"),
        (["up", "--data", "bad.json/x"], "cannot be made"),
        (["rate", "--tariff", "bad.json", "--usage", "bad.json"], "no JSON object"),
        (["tariff", "check", "bad.json"], "no JSON object"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_command_when_something_is_missing_then_one_line_says_what(
    words: list[str], said: str, tmp_path: Path
) -> None:
    """Exit status 1, nothing on standard output, and no trace of the program's insides."""
    Path(tmp_path, "bad.json").write_text("[]", encoding="utf-8")
    answer = _ncash(*words, folder=tmp_path)
    assert answer.returncode == 1, answer.stderr
    assert answer.stdout == ""
    assert said in answer.stderr.replace("\n", " ")
    assert "Traceback" not in answer.stderr


def test_command_when_a_variable_is_wrong_then_is_wrong_use(tmp_path: Path) -> None:
    """Exit status 2, and the variable is named with its value."""
    answer = _ncash("reconcile", folder=tmp_path, NCASH_SHARDS="many")
    assert answer.returncode == 2
    assert "NCASH_SHARDS=many" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_folder_when_the_environment_names_it_then_its_stack_is_meant(tmp_path: Path) -> None:
    """As every setting does, NCASH_DATA_DIR comes before what is usual."""
    (tmp_path / "stack.env").write_text("NCASH_REDIS=redis://127.0.0.1:9/0\n", encoding="utf-8")
    answer = CliRunner().invoke(app, ["reconcile"], env={"NCASH_DATA_DIR": str(tmp_path)})
    assert "Redis at redis://127.0.0.1:9/0 does not answer" in str(answer.exception)


def test_catalogue_check_when_the_sample_is_read_then_it_is_good() -> None:
    """What we ship is valid."""
    answer = CliRunner().invoke(
        app, ["catalogue", "check", str(ROOT / "cli/sample/catalogue.json")]
    )
    assert answer.exit_code == 0


def test_catalogue_check_when_a_content_has_no_tariff_then_names_it(tmp_path: Path) -> None:
    """It may be so, but whoever publishes it is told what it means."""
    contents = b'"contents": [{"id": "n", "provider": "p"}]'
    body = b'{"tenants": [{"id": "tv", "currency": "KRW", %s}]}' % contents
    Path(tmp_path, "new.json").write_bytes(body)
    answer = CliRunner().invoke(app, ["catalogue", "check", str(tmp_path / "new.json")])
    assert answer.exit_code == 0
    assert "tenants[tv].contents[n]: has no tariff; its use will be logged" in answer.output


def test_openapi_when_printed_then_is_one_document_with_every_path(tmp_path: Path) -> None:
    """No service is needed; the contract's paths are there."""
    answer = _ncash("openapi", folder=tmp_path)
    assert answer.returncode == 0, answer.stderr
    paths = msgspec.json.decode(answer.stdout)["paths"]
    assert {"/v1/events", "/v1/clock", "/v1/wallets/{member}/top-ups", "/healthz"} <= paths.keys()
