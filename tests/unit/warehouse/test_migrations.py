"""Migration files: names, order, statements."""

from pathlib import Path

import pytest

from schemas.errors import InvalidDocument
from warehouse.migrate import FOLDER, migrations_in


def test_migrations_when_read_then_are_ours_in_order() -> None:
    """The project's own files are well named, and comments are no statements."""
    found = migrations_in(FOLDER)
    assert [migration.version for migration in found] == list(range(1, len(found) + 1))
    statements = [statement for migration in found for statement in migration.statements]
    assert all(statement.startswith(("CREATE", "ALTER")) for statement in statements)


@pytest.mark.parametrize(
    "files",
    [
        {"1_a.sql": "SELECT 1"},
        {"0001_a.sql": "SELECT 1", "0001_b.sql": "SELECT 1"},
        {"0001_a.modern.sql": "SELECT 1"},
        {"0001_a.sql": "-- engine: modern\nSELECT 1"},
    ],
)
def test_migrations_when_misnamed_then_are_refused(tmp_path: Path, files: dict[str, str]) -> None:
    """A number, a name, and an engine on which name and first line agree."""
    for name, text in files.items():
        Path(tmp_path, name).write_text(text, encoding="utf-8")
    with pytest.raises(InvalidDocument):
        migrations_in(tmp_path)
