"""The published schema of tariffs is the structs', and says what every field means."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rating.compiling import compile_tariff
from schemas.tariff import Tariff
from schemas.tariff_schema import schema_text, tariff_page, tariff_schema
from tests.support.rich_tariffs import RICH

ROOT = Path(__file__).resolve().parents[3]


def test_schema_when_published_then_files_are_as_made() -> None:
    """Nobody edits them by hand, and nobody forgets to make them."""
    published = ROOT / "schemas" / "tariff.v1.schema.json"
    assert published.read_text("utf-8") == schema_text(), "run `make docs`"
    assert (ROOT / "docs" / "tariff-fields.md").read_text("utf-8") == tariff_page(), "`make docs`"


def test_schema_when_read_then_every_field_has_a_meaning() -> None:
    """A field without a sentence is a field that somebody guesses at."""
    for name, definition in tariff_schema()["$defs"].items():
        assert definition["description"], name
        for field, says in definition["properties"].items():
            assert field == "kind" or says.get("description"), (name, field)


def example_in_docs() -> dict[str, Any]:
    """The tariff that the page of meanings shows."""
    text = (ROOT / "docs" / "tariffs.md").read_text("utf-8")
    shown: dict[str, Any] = json.loads(text.split("```json")[1].split("```")[0])
    return shown


@pytest.mark.parametrize("tariff", [example_in_docs(), *RICH], ids=lambda tariff: str(tariff["id"]))
def test_tariff_when_shown_in_docs_then_it_compiles(tariff: dict[str, Any]) -> None:
    """What the page shows can be put into force as it stands."""
    assert compile_tariff("t", msgspec.convert(tariff, Tariff)).id == tariff["id"]
