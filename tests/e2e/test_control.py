"""Session control as a content server has it from ``ncash up``: answer, stream, webhook."""

import subprocess
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runtime.embedded.ports import free_port
from schemas.moment import text_from_ms
from tests.e2e.test_up import Up, running_up
from tests.support.receiver import SECRET, receiving

WAIT_S = 120
WON = 1_000_000
MOVES_LEFT = [
    {"kind": "page", "meter": "forward", "units": 4},
    {"kind": "page", "meter": "jump", "units": 4},
]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.debian("curl")]


def _event(number: int, kind: str, **data: str) -> dict[str, object]:
    return {
        "specversion": "1.0", "id": f"c-{number}", "source": "press", "type": kind,
        "subject": "eve", "time": text_from_ms(time.time_ns() // 1_000_000),
        "data": {"session": "reading", **data},
    }  # fmt: skip


def _sent(up: Up, event: Mapping[str, object]) -> dict[str, Any]:
    """The answer to an event that asks for the control."""
    body = msgspec.json.encode(event).decode()
    kind = ["-H", "Content-Type: application/cloudevents+json"]
    return up.asked("/v1/events?control=true", *kind, "-d", body)


@contextmanager
def _stream(up: Up, last_id: str = "") -> Generator[Callable[[], dict[str, str]]]:
    """What curl prints of the stream, event by event."""
    resume = ["-H", f"Last-Event-ID: {last_id}"] if last_id else []
    command = [str(up.curl), "-sSN", *resume, "-H", f"Authorization: Bearer {up.key}"]
    process = subprocess.Popen(
        [*command, f"{up.url}/v1/control"], stdout=subprocess.PIPE, text=True
    )
    lines = process.stdout
    assert lines is not None

    def event() -> dict[str, str]:
        words: dict[str, str] = {}
        for line in lines:
            if line == "\n":
                break
            name, _, value = line.rstrip("\n").partition(": ")
            words[name] = value
        return words

    try:
        yield event
    finally:
        process.kill()
        process.communicate()


def _next_signal(event: Callable[[], dict[str, str]]) -> tuple[dict[str, Any], str]:
    """The next signal and its id; heartbeats are passed over."""
    while True:
        words = event()
        assert words, "the stream ended"
        if "data" in words:
            return msgspec.json.decode(words["data"]), words["id"]


def test_server_when_a_balance_runs_out_then_every_way_tells_it(
    tmp_path: Path, debian_service: Callable[[str], Path]
) -> None:
    """Low balance with what it buys, then cut off: in answers, on a stream resumed, by webhook."""
    folder = tmp_path / "data"
    folder.mkdir()
    with receiving() as receiver:
        endpoint = {
            "id": "press", "tenant": "demo", "sources": ["press"], "url": receiver.url,
            "secrets": [SECRET],
        }  # fmt: skip
        (folder / "webhooks.json").write_bytes(msgspec.json.encode([endpoint]))
        with running_up(folder, free_port(), debian_service("curl")) as up:
            up.asked(
                "/v1/wallets/eve/top-ups", "-H", "Idempotency-Key: one", "-H",
                "Content-Type: application/json", "-d", '{"amount": "250", "currency": "KRW"}',
            )  # fmt: skip
            with _stream(up) as event:
                begun = event()
                assert begun[""] == "connected"
                _sent(up, _event(0, "session.start", content="daily-news"))
                first = _event(1, "page.move", direction="forward")
                _sent(up, first)
                low, low_id = _next_signal(event)
            assert (low["signal"], low["available_micros"]) == ("low_balance", 200 * WON)
            assert low["remaining"] == MOVES_LEFT
            told = _until(up, first, "low_balance")
            assert told["available"] == {"amount": "200", "currency": "KRW"}
            for number in range(2, 6):
                _sent(up, _event(number, "page.move", direction="forward"))
            assert _until(up, first, "cut_off")["available_micros"] == 0
            session = up.asked("/v1/sessions/press/reading?subject=eve")
            assert session["control"]["signal"] == "cut_off"
            with _stream(up, low_id) as event:
                cut, _ = _next_signal(event)
            assert (cut["signal"], cut["session"]) == ("cut_off", "reading")
            receiver.await_taken(2, WAIT_S)
    assert [each["signal"] for each in receiver.bodies[:2]] == ["low_balance", "cut_off"]
    assert receiver.bodies[0] == low
    assert receiver.faults == []


def _until(up: Up, known: Mapping[str, object], signal: str) -> dict[str, Any]:
    """The control of the session, once an answer tells this signal; nothing is sent anew."""
    deadline = time.monotonic() + WAIT_S
    while True:
        # The same event again changes nothing, and its answer tells where the session stands.
        answer = _sent(up, known)
        for told in answer["control"]:
            if told["signal"] == signal:
                found: dict[str, Any] = told
                return found
        assert time.monotonic() < deadline, answer
        time.sleep(0.2)
