"""``ncash replay`` against the real routes on a socket, and against nobody."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.replay import format_named, speed_named
from cli.serving.http_server import served
from ingest import sender
from runtime.embedded.ports import free_port
from runtime.faults import TransportFault
from tests.unit.house.tree import ROOT
from tests.unit.ingest.fakes import RECORDED_KEY, Edge, edge

SAMPLE = ROOT / "cli" / "sample"


@pytest.fixture
def running() -> Iterator[tuple[Edge, str]]:
    """An edge on a free port, Kafka played at the publisher's port."""
    port, where = free_port(), edge()
    up, down = threading.Event(), threading.Event()

    async def serve() -> None:
        async with served(where.app, "127.0.0.1", port):
            up.set()
            await asyncio.to_thread(down.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert up.wait(20)
    yield where, f"http://127.0.0.1:{port}"
    down.set()
    thread.join()


def _replay(
    file: Path, url: str, form: str, *more: str, key: str = RECORDED_KEY
) -> tuple[int, str]:
    words = ["replay", str(file), "--format", form, "--key", key, "--url", url, *more]
    answer = CliRunner().invoke(app, words)
    return answer.exit_code, answer.stdout


def _cut(tmp_path: Path, name: str, lines: int) -> Path:
    file = tmp_path / name
    text = (SAMPLE / name).read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(text[:lines]), encoding="utf-8")
    return file


def test_replay_when_all_is_taken_then_its_last_line_is_one_object(
    running: tuple[Edge, str], tmp_path: Path
) -> None:
    """Status 0; progress is not on standard output; every line of the log is an event."""
    where, url = running
    status, out = _replay(_cut(tmp_path, "web-access.log", 50), url, "combined", "--json")
    assert status == 0
    assert msgspec.json.decode(out) == {"sent": 50, "accepted": 50, "rejected": 0}
    assert len(where.kafka.events()) == 50


def test_replay_when_not_asked_for_json_then_standard_output_is_empty(
    running: tuple[Edge, str], tmp_path: Path
) -> None:
    """Words for people are on the other stream."""
    status, out = _replay(_cut(tmp_path, "llm-conversation.csv", 11), running[1], "llm-csv")
    assert (status, out) == (0, "")


def test_replay_when_sent_again_then_the_events_are_the_same(
    running: tuple[Edge, str], tmp_path: Path
) -> None:
    """Ids come from name and line, so a repeat is a repeat; another name is another recording."""
    where, url = running
    file = _cut(tmp_path, "llm-conversation.csv", 6)
    for more in ([], [], ["--name", "other"]):
        assert _replay(file, url, "llm-csv", *more)[0] == 0
    ids = Counter(event.id for event in where.kafka.events())
    assert ids == {f"llm-conversation:{line}": 2 for line in range(2, 7)} | {
        f"other:{line}": 1 for line in range(2, 7)
    }


def test_replay_when_a_line_is_bad_then_the_rest_is_sent_and_the_status_tells(
    running: tuple[Edge, str], tmp_path: Path
) -> None:
    """Status 1: one line could not be read."""
    where, url = running
    file = _cut(tmp_path, "web-access.log", 3)
    with file.open("a", encoding="utf-8") as log:
        log.write("not a line of any log\n")
    status, out = _replay(file, url, "combined", "--json")
    assert status == 1
    assert msgspec.json.decode(out) == {"sent": 3, "accepted": 3, "rejected": 1}
    assert len(where.kafka.events()) == 3


def test_replay_when_nobody_listens_then_the_fault_names_the_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A stack that is not there is a fault that a person can mend, told without a trace."""
    monkeypatch.setattr(sender, "ATTEMPTS_MAX", 2)
    words = ["replay", str(_cut(tmp_path, "web-access.log", 3)), "--format", "combined"]
    answer = CliRunner().invoke(app, [*words, "--key", "k", "--url", "http://127.0.0.1:1"])
    assert isinstance(answer.exception, TransportFault)
    assert "http://127.0.0.1:1 cannot be reached" in str(answer.exception)


def test_words_when_known_then_mean_what_they_say() -> None:
    """Formats by their names, a speed as a number or as fast as it goes."""
    assert [format_named(name) for name in ("combined", "llm-csv", "cloudevents")] == [
        "combined", "llm-csv", "cloudevents",
    ]  # fmt: skip
    assert (speed_named("max"), speed_named("60")) == (None, 60)
