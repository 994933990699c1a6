"""Planted violations for names and words."""

from pathlib import Path, PurePath

import pytest

from tests.unit.house import topics, words


@pytest.mark.parametrize(
    "path",
    ["api/utils.py", "wallet/common/money.py", "rating/v2.py", "runtime/task_v3.py", "cli/base.py"],
)
def test_names_when_empty_then_are_found(path: str) -> None:
    """A name that hides its contents is found in the file's and in the folder's place."""
    assert words.empty_name(PurePath(path))


@pytest.mark.parametrize(
    "path", ["wallet/buckets.py", "schemas/examples/usage.raw/v1/check.py", "rating/baseline.py"]
)
def test_names_when_they_speak_then_are_let_through(path: str) -> None:
    """Wire versions and longer words are no empty names."""
    assert not words.empty_name(PurePath(path))


@pytest.mark.parametrize("tail", ["root/x", "work/main", "home/ann/n-cash", "Users/ann", "tmp/w/x"])
def test_machine_paths_when_planted_then_are_found(tail: str) -> None:
    """A path of somebody's machine is found in any text."""
    assert len(list(words.machine_paths(f"see '/{tail}' there"))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "/v1/wallets",
        "/var/lib/kafka",
        "a/work/b",
        "https://host/root/x",
        "$HOME/x",
        "/tmp",
        "/app/x",
    ],
)
def test_machine_paths_when_general_then_are_let_through(text: str) -> None:
    """Paths of containers, addresses and variables belong to nobody's machine."""
    assert list(words.machine_paths(text)) == []


def test_unfinished_when_without_an_issue_then_is_found() -> None:
    """The mark alone is found; the mark with an issue number is not."""
    mark = "TO" + "DO"
    assert list(words.unfinished(f"# {mark}: later")) == [f"line 1: {mark}"]
    assert list(words.unfinished(f"# {mark} #12: later")) == []


@pytest.mark.parametrize(
    "line", ["--index-url there", "x @ https://host/x.whl", "--find-links wheels"]
)
def test_addresses_when_planted_then_are_found(line: str) -> None:
    """Each way a lock can name a place is found."""
    assert list(words.addresses(line))


def test_topics_when_parts_are_missing_then_each_is_named(tmp_path: Path) -> None:
    """Every missing part and every dangling pointer is its own finding."""
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "one.json").write_text("{}")
    good = {"name": "a", "owner": "o", "schema": "pathlib.Path", "example": "examples"}
    bad = {"name": "b", "schema": "pathlib.Nothing", "example": "nowhere"}
    assert list(topics.topic_faults({"topics": [good]}, tmp_path)) == []
    assert list(topics.topic_faults([good, bad], tmp_path)) == [
        "b: no owner",
        "b: schema pathlib.Nothing does not exist",
        "b: example nowhere does not exist",
    ]
    assert list(topics.topic_faults({}, tmp_path)) == ["no topics"]
