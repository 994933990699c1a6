"""The examples of docs/tariffs-dry-run.md, as they stand there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.unit.house.tree import ROOT

TEXT = (ROOT / "docs" / "tariffs-dry-run.md").read_text(encoding="utf-8")
_FILE = re.compile(r"^`([\w.-]+)`:\n```\w+\n(.*?)^```", re.DOTALL | re.MULTILINE)
_EXAMPLE = re.compile(r"^```console\n\$ ncash (.*?)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def _examples() -> Iterator[tuple[str, str]]:
    for found in _EXAMPLE.finditer(TEXT):
        yield found[1], found[2]


@pytest.mark.parametrize(("command", "expected"), list(_examples()))
def test_example_when_run_then_says_what_is_written(
    command: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each line that the document shows is said, in its order."""
    for name, content in _FILE.findall(TEXT):
        Path(tmp_path, name).write_text(content, encoding="utf-8")
    Path(tmp_path, "sample").symlink_to(ROOT / "cli" / "sample")
    monkeypatch.chdir(tmp_path)
    answer = CliRunner().invoke(app, shlex.split(command))
    said = answer.output
    for line in expected.splitlines():
        assert line in said, said
        said = said[said.index(line) + len(line) :]


def test_examples_when_counted_then_none_was_missed() -> None:
    """The document's form changes: this sees that its examples are still found."""
    assert len(list(_examples())) == 4
