"""The house rules that no off-the-shelf linter holds, applied to every file of the project.

Owns: which rule applies where, and the table of exemptions with a reason each.
Invariant: an exemption that is no longer needed fails, so the table cannot rot.
Does not own: the rules; they are in ``tests/unit/house``, with planted violations.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import yaml

from tests.unit.house import purity, sizes, topics, words
from tests.unit.house.tree import (
    PURE_ROOMS,
    PYTHON_ROOMS,
    ROOMS,
    ROOT,
    TOOL_FOLDERS,
    files_in,
    project_files,
    text_of,
)

# file, or file::function -> why it may be longer. A migration is exempt by its place.
LONG: dict[str, str] = {}
# The one file of a pure room that meets a service: the script's text is read from beside it.
MEETS_A_SERVICE = {Path("shard/redis_store.py")}
SIZED = (".py", ".sh", ".lua")


def _findings(paths: Iterable[Path], check: Callable[[str], Iterable[str]]) -> list[str]:
    """Run a checker over files, giving ``path: finding`` for each finding."""
    return [
        f"{path}: {found}"
        for path in paths
        if (text := text_of(path)) is not None
        for found in check(text)
    ]


def _long() -> set[str]:
    """Name every file and function past its limit."""
    found: set[str] = set()
    for path in project_files():
        text = text_of(path) if path.suffix in SIZED and "migrations" not in path.parts else None
        if text is None:
            continue
        if len(text.splitlines()) > sizes.FILE_LINES_MAX:
            found.add(str(path))
        if path.suffix == ".py":
            found.update(f"{path}::{name}" for name, _ in sizes.long_functions(text))
    return found


def test_sizes_when_past_the_limit_then_the_table_says_why() -> None:
    """A file past 400 lines or a function past 60 is in the table with a reason, or is split."""
    assert sorted(_long() - LONG.keys()) == []


def test_exemptions_when_no_longer_needed_then_fail() -> None:
    """What has become short leaves the table, and every reason is a sentence."""
    assert sorted(LONG.keys() - _long()) == []
    assert [name for name, reason in LONG.items() if len(reason.split()) < 4] == []


def test_pure_rooms_when_read_then_hold_no_float() -> None:
    """No float is written, made or divided into where money and decisions are computed."""
    assert _findings(files_in(*PURE_ROOMS, suffix=".py"), purity.floats) == []


def test_pure_rooms_when_read_then_call_nothing_impure() -> None:
    """No clock, chance, machine or unstable order reaches a decision."""
    paths = [path for path in files_in(*PURE_ROOMS, suffix=".py") if path not in MEETS_A_SERVICE]
    assert _findings(paths, purity.banned_calls) == []


def test_rooms_when_imported_then_build_no_client() -> None:
    """Importing a module opens no connection and builds no app."""
    assert _findings(files_in(*PYTHON_ROOMS, suffix=".py"), purity.module_level_clients) == []


def test_modules_when_named_then_say_what_they_hold() -> None:
    """No module or folder is called utils, helpers, common, manager, base or v2."""
    assert [str(path) for path in files_in(suffix=".py") if words.empty_name(path)] == []


def test_folders_when_at_the_top_then_are_rooms() -> None:
    """A new top-level folder needs an ADR and a line in the list of rooms."""
    tops = {path.parts[0] for path in project_files() if len(path.parts) > 1}
    assert sorted(tops - {*ROOMS, *TOOL_FOLDERS}) == []


@pytest.mark.parametrize("room", ROOMS)
def test_room_when_it_has_files_then_has_a_short_readme(room: str) -> None:
    """Each room says in at most 120 lines what it means and what it does not own."""
    if files_in(room):
        readme = text_of(Path(room, "README.md")) if (ROOT / room / "README.md").exists() else ""
        assert readme
        assert len(readme.splitlines()) <= sizes.README_LINES_MAX


def test_files_when_read_then_name_no_machine_path() -> None:
    """No file holds a path of the machine it was written on."""
    assert _findings(project_files(), words.machine_paths) == []


def test_unfinished_work_when_marked_then_names_its_issue() -> None:
    """A mark of unfinished work carries an issue number on its line."""
    assert _findings(project_files(), words.unfinished) == []


def test_locks_when_read_then_name_no_address() -> None:
    """A lock says what to install and its hash, never where from."""
    locks = files_in("requirements", suffix=".txt")
    assert locks
    assert _findings(locks, words.addresses) == []


def test_topics_when_listed_then_have_owner_schema_and_example() -> None:
    """Every topic has an owner, a schema that can be found and an example that exists."""
    listed = ROOT / "infra" / "topics.yaml"
    document: object = yaml.safe_load(listed.read_text(encoding="utf-8"))
    assert list(topics.topic_faults(document, ROOT)) == []


def test_decisions_when_written_then_fit_and_have_every_part() -> None:
    """An ADR has its five parts in at most 60 lines, and a number of its own."""
    records = [path for path in files_in("docs", suffix=".md") if path.parent.name == "adr"]
    numbers = [path.name.partition("-")[0] for path in records]
    assert len(set(numbers)) == len(numbers)
    for path in records:
        lines = (text_of(path) or "").splitlines()
        assert len(lines) <= 60, path
        for part in ("Context", "Decision", "Evidence", "What we give up", "Status"):
            assert f"## {part}" in lines, (path, part)
