"""``ncash up`` as a person uses it: curl, Ctrl-C, a kill, and the same folder again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import psutil
import pytest

from runtime.embedded.ports import free_port
from schemas.moment import text_from_ms
from tests.unit.house.tree import ROOT

EVENT: dict[str, object] = {
    "specversion": "1.0",
    "id": "report-1",
    "source": "my-server",
    "type": "usage.report",
    "subject": "ann",
    "data": {"content": "archive", "meters": {"bytes": 25_000_000}},
}
# 10 MB are free, the other 15 cost 1 won each.
BALANCE_MICROS = 985_000_000
GONE_S = 20
KNOWN_S = 60
# What may differ between two looks at one event: how often it was sent, and when one looked.
_PASSING = ("duplicates", "as_known_up_to")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.debian("curl")]


class Up(NamedTuple):
    """A running ``ncash up``.

    Args:
        process: Itself.
        url: Of the edge, as it printed.
        key: The demo key, as it printed.
        curl: Debian's.
    """

    process: "subprocess.Popen[str]"
    url: str
    key: str
    curl: Path

    def asked(self, path: str, *words: str) -> dict[str, Any]:
        """What curl prints for a path."""
        command = [str(self.curl), "-sS", *words, self.url + path]
        key = ["-H", f"Authorization: Bearer {self.key}"]
        said = subprocess.run([*command, *key], capture_output=True, check=True, timeout=60)
        answer: dict[str, Any] = msgspec.json.decode(said.stdout)
        return answer

    def sent(self, event: dict[str, object]) -> dict[str, Any]:
        """The answer to an event."""
        kind = ["-H", "Content-Type: application/cloudevents+json"]
        return self.asked("/v1/events", *kind, "-d", msgspec.json.encode(event).decode())

    def way(self, *, duplicates: int = 0) -> dict[str, Any]:
        """The event's way, once the warehouse has its entries and its repeats."""
        deadline = time.monotonic() + KNOWN_S
        while True:
            way = self.asked("/v1/events/my-server/report-1?subject=ann")
            if way.get("transfer") and way["duplicates"] >= duplicates:
                return way
            assert time.monotonic() < deadline, way
            time.sleep(0.1)

    def balance_micros(self) -> int:
        """Ann's."""
        return int(self.asked("/v1/wallets/ann")["posted_micros"])

    def family(self) -> list[psutil.Process]:
        """The process and all that it started."""
        first = psutil.Process(self.process.pid)
        return [first, *first.children(recursive=True)]


def _started(folder: Path, port: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "cli.main", "up", "--data", str(folder), "--workers", "1"],
        cwd=folder.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NCASH_API_PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # As a shell does: Ctrl-C goes to this group, not to the tests'.
        start_new_session=True,
    )


@contextmanager
def running_up(folder: Path, port: int, curl: Path) -> Generator[Up]:
    """Runs it until the block ends, and sees to it that nothing is left whatever happens."""
    process = _started(folder, port)
    family: list[psutil.Process] = []
    try:
        assert process.stderr is not None
        said: dict[str, str] = {}
        for line in process.stderr:
            name, _, rest = line.partition("  ")
            said[name] = rest.split()[0] if rest.split() else ""
            if name == "key":
                break
        assert said.keys() >= {"API", "Kafka", "Redis", "warehouse", "key"}, process.wait(GONE_S)
        running = Up(process, said["API"], said["key"], curl)
        family = running.family()
        yield running
    finally:
        process.kill()
        process.communicate()
        psutil.wait_procs(family, timeout=GONE_S)


def _reconciled(folder: Path) -> dict[str, int]:
    command = [sys.executable, "-m", "cli.main", "reconcile", "--data", str(folder), "--json"]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report: dict[str, int] = msgspec.json.decode(done.stdout.splitlines()[-1])
    return report


CLEAN = {
    "wallets": 1, "drift_micros": 0, "missing_entries": 0, "double_entries": 0, "transit_micros": 0,
}  # fmt: skip


def test_up_when_stopped_killed_and_started_again_then_goes_on(
    tmp_path: Path, debian_service: Callable[[str], Path]
) -> None:
    """Ctrl-C and kill -9 leave no process; each start has the balance, the way and the address."""
    folder, port, curl = tmp_path / "data", free_port(), debian_service("curl")
    event = EVENT | {"time": text_from_ms(time.time_ns() // 1_000_000)}
    with running_up(folder, port, curl) as first:
        assert first.url == f"http://127.0.0.1:{port}"
        topped = first.asked(
            "/v1/wallets/ann/top-ups", "-H", "Idempotency-Key: one", "-H",
            "Content-Type: application/json", "-d", '{"amount": "1000", "currency": "KRW"}',
        )  # fmt: skip
        assert topped["posted_micros"] == 1_000_000_000
        assert first.sent(event) == {"accepted": 1, "rejected": []}
        way = first.way()
        assert first.balance_micros() == BALANCE_MICROS
        _interrupt(first)
    with running_up(folder, port, curl) as second:
        assert (second.url, second.key) == (first.url, first.key)
        _assert_goes_on(second, event, way, duplicates=1)
        assert _reconciled(folder) == CLEAN
        _kill(second)
    with running_up(folder, port, curl) as third:
        _assert_goes_on(third, event, way, duplicates=2)
        assert _reconciled(folder) == CLEAN
        _interrupt(third)


def test_up_when_interrupted_while_it_starts_then_ends_at_once(tmp_path: Path) -> None:
    """Nobody has to wait until all is up to have it stopped."""
    process = _started(tmp_path / "data", free_port())
    assert process.stderr is not None
    for line in process.stderr:
        if line.split()[:1] == ["up"]:
            break
    family = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "all up" not in err
    assert err.rstrip().endswith("stopped; nothing is lost")
    assert psutil.wait_procs(family, timeout=GONE_S)[1] == []


def _assert_goes_on(
    running: Up, event: dict[str, object], way: dict[str, Any], *, duplicates: int
) -> None:
    """The balance and the way are those of before, also after the same event once more."""
    assert running.balance_micros() == BALANCE_MICROS
    assert running.sent(event) == {"accepted": 1, "rejected": []}
    found = running.way(duplicates=duplicates)
    assert found["duplicates"] == duplicates
    assert _lasting(found) == _lasting(way)
    assert running.balance_micros() == BALANCE_MICROS


def _lasting(way: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in way.items() if name not in _PASSING}


def _interrupt(running: Up) -> None:
    """Ctrl-C in a terminal: the whole group hears it; status 0 and nothing left."""
    family = running.family()
    assert len(family) >= 7
    os.killpg(running.process.pid, signal.SIGINT)
    out, err = running.process.communicate(timeout=60)
    assert running.process.returncode == 0, err
    assert out == ""
    assert err.rstrip().endswith("stopped; nothing is lost")
    assert psutil.wait_procs(family, timeout=GONE_S)[1] == []


def _kill(running: Up) -> None:
    """Kill -9 of the command itself: the kernel takes its parts with it."""
    family = running.family()
    running.process.kill()
    assert running.process.wait(GONE_S) == -signal.SIGKILL
    assert psutil.wait_procs(family[1:], timeout=GONE_S)[1] == []
