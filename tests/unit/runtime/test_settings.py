"""Settings: read from the environment, refused when wrong, handed to children, documented."""

import ast
from pathlib import Path

import pytest
from pydantic import ValidationError

from runtime.settings import PREFIX, Settings, settings_page
from tests.unit.house.tree import PYTHON_ROOMS, ROOT, files_in


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin each test without any variable of ours."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"{PREFIX}{name.upper()}", raising=False)


def test_settings_when_nothing_is_set_then_have_defaults() -> None:
    """A fresh machine needs no variable, and none counts as set."""
    settings = Settings()
    assert (settings.shards, settings.raw_partitions, settings.tick_interval_ms) == (16, 4, 250)
    assert settings.model_fields_set == set()


def test_settings_when_a_variable_is_set_then_it_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable replaces the default, and an empty one does not."""
    monkeypatch.setenv("NCASH_SHARDS", "64")
    monkeypatch.setenv("NCASH_KEYS_FILE", "/etc/keys.json")
    monkeypatch.setenv("NCASH_KAFKA", "")
    settings = Settings()
    assert (settings.shards, settings.keys_file) == (64, Path("/etc/keys.json"))
    assert settings.model_fields_set == {"shards", "keys_file"}


@pytest.mark.parametrize(
    "url",
    [
        "chdb:///var/lib/ncash/chdb",
        "clickhouse://user:pw@host:9000/db",
        "http://127.0.0.1:8123",
    ],
)
def test_clickhouse_when_of_a_known_form_then_is_taken(url: str) -> None:
    """The three forms of the warehouse's URL are taken as they are."""
    assert Settings(clickhouse=url).clickhouse == url


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("clickhouse", "chdb://relative/folder"),
        ("clickhouse", "localhost:9000"),
        ("clickhouse", "clickhouse:///db"),
        ("redis", "127.0.0.1:6379"),
        ("shards", "0"),
        ("body_bytes_max", "12"),
        ("log_level", "loud"),
        ("api_port", "65536"),
    ],
)
def test_setting_when_wrong_then_is_refused(
    field: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value outside its form or range stops the start and names the field."""
    monkeypatch.setenv(f"{PREFIX}{field.upper()}", value)
    with pytest.raises(ValidationError, match=field):
        Settings()


def test_copies_when_more_must_have_than_exist_then_is_refused() -> None:
    """A minimum of copies over their number would refuse every record."""
    with pytest.raises(ValidationError, match="min_insync"):
        Settings(replication_factor=1, min_insync=2)


def test_environment_when_given_to_a_child_then_it_has_the_same_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A child process that gets the variables loads equal settings."""
    ours = Settings(shards=8, keys_file=Path("/etc/keys.json"), redis="redis://h:1/0")
    for name, value in ours.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == ours


def test_page_when_rendered_then_names_and_explains_every_setting() -> None:
    """Every field has a row with a meaning, and the documentation's page is that page."""
    rows = [row for row in settings_page().splitlines() if row.startswith(f"| `{PREFIX}")]
    assert len(rows) == len(Settings.model_fields)
    for row, name in zip(rows, Settings.model_fields, strict=True):
        assert row.startswith(f"| `{PREFIX}{name.upper()}` |")
        assert len(row.rstrip(" |").rpartition("| ")[2]) > 10
    assert (ROOT / "docs" / "settings.md").read_text("utf-8") == settings_page(), "run `make docs`"


def test_setting_when_declared_then_something_reads_it() -> None:
    """A variable that nobody reads is a promise that nobody keeps."""
    read = {
        node.attr
        for path in files_in(*PYTHON_ROOMS, suffix=".py")
        for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8")))
        if isinstance(node, ast.Attribute)
    }
    assert not set(Settings.model_fields) - read
