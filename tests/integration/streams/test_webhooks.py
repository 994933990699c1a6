"""Webhooks on a real broker: receivers that fail, hang, go away and come back, and kill -9."""

import os
import subprocess
import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from runtime.clock import SystemClock
from runtime.settings import Settings
from tests.support.control_topic import Worded, put, worded
from tests.support.receiver import HANG, SECRET, Receiver, receiving
from tests.unit.house.tree import ROOT

WAIT_S = 150

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class World:
    """A tenant of the test's own, its endpoints and their process.

    Args:
        settings: Of the stack.
        folder: For files.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.tenant = f"tenant-{uuid4().hex}"
        self.shards = settings.shards
        self._settings = settings
        self._folder = folder

    def register(self, receivers: Mapping[str, Receiver]) -> None:
        """Endpoints by source; each source has one."""
        endpoints = [
            {
                "id": f"{source}-{self.tenant}"[:64], "tenant": self.tenant, "sources": [source],
                "url": receiver.url, "secrets": [SECRET],
            }
            for source, receiver in receivers.items()
        ]  # fmt: skip
        (self._folder / "webhooks.json").write_bytes(msgspec.json.encode(endpoints))

    def put(self, source: str, first: int, end: int) -> list[Worded]:
        """Signals of a source, each of a session of its own."""
        return self.say(range(first, end), source=source)

    def say(
        self,
        numbers: Iterable[int],
        *,
        source: str = "vod",
        session: str | None = None,
        signal: str = "low_balance",
    ) -> list[Worded]:
        """Signals, posted now: old ones would be given up."""
        signals = worded(
            self.tenant, numbers, shards=self.shards, source=source, session=session,
            signal=signal, posted_at_ms=SystemClock().wall_ms(),
        )  # fmt: skip
        put(self._settings.kafka, signals)
        return signals

    @contextmanager
    def process(self) -> Generator["subprocess.Popen[str]"]:
        """The webhook process, once its groups have begun."""
        settings = self._settings.model_copy(
            update={"webhooks_file": self._folder / "webhooks.json"}
        )
        with (self._folder / "webhooks.log").open("a", encoding="utf-8") as log:
            process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("webhook_process.py"))],
                cwd=self._folder,
                env={**os.environ, **settings.environment(), "PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", self.log()
            yield process
        finally:
            process.kill()
            process.communicate()

    def log(self) -> str:
        """What the processes wrote."""
        return (self._folder / "webhooks.log").read_text("utf-8")


@pytest.fixture
def world(settings: Settings, tmp_path: Path) -> World:
    """Fresh."""
    return World(settings, tmp_path)


def names(signals: list[Worded]) -> list[str]:
    """Webhook ids, sorted."""
    return sorted(each.name for each in signals)


def test_endpoints_when_one_hangs_and_one_fails_then_the_third_gets_all_at_once(
    world: World,
) -> None:
    """Each waits for itself alone; when they come to their senses they get what waited."""
    with receiving() as good, receiving() as hanging, receiving() as failing:
        hanging.manners, failing.manners = HANG, 500
        world.register({"good": good, "hanging": hanging, "failing": failing})
        with world.process():
            bad = {source: world.put(source, 0, 40) for source in ("hanging", "failing")}
            hanging.await_attempts(1, WAIT_S)
            failing.await_attempts(1, WAIT_S)
            signals = world.put("good", 0, 300)
            good.await_taken(300, WAIT_S)
            assert (hanging.taken, failing.taken) == ([], [])
            hanging.manners = failing.manners = 204
            hanging.released.set()
            hanging.await_taken(40, WAIT_S)
            failing.await_taken(40, WAIT_S)
    assert sorted(set(good.taken)) == names(signals)
    assert sorted(set(hanging.taken)) == names(bad["hanging"])
    assert sorted(set(failing.taken)) == names(bad["failing"])
    assert good.faults + hanging.faults + failing.faults == []
    assert "whsec" not in world.log()


def test_process_when_killed_in_the_middle_then_nothing_is_lost(world: World) -> None:
    """Kill -9 between requests, while the receiver is away and while nobody runs."""
    signals: list[Worded] = []
    with receiving() as receiver:
        world.register({"vod": receiver})
        port = receiver.port
        with world.process() as first:
            signals += world.put("vod", 0, 200)
            receiver.await_attempts(30, WAIT_S)
            first.kill()
            first.wait()
        signals += world.put("vod", 200, 260)
        taken = list(receiver.taken)
    with world.process() as second:
        signals += world.put("vod", 260, 300)
        second.kill()
    with receiving(port) as again:
        again.taken += taken
        with world.process() as third:
            signals += world.put("vod", 300, 320)
            again.await_taken(len(signals), WAIT_S)
            third.terminate()
            assert third.wait(WAIT_S) == 0
    assert sorted(set(again.taken)) == names(signals)


def test_session_when_its_receiver_was_away_then_gets_the_newest_word(world: World) -> None:
    """Cut off, gone on and cut off again while nobody listened comes to one cut-off."""
    with receiving() as receiver:
        receiver.manners = 503
        world.register({"vod": receiver})
        with world.process():
            for number, kind in enumerate(("cut_off", "go_on", "limit_reached")):
                world.say([number * world.shards], session="s", signal=kind)
            receiver.await_attempts(5, WAIT_S)
            receiver.manners = 200
            receiver.await_taken(1, WAIT_S)
            world.say([3 * world.shards])
            receiver.await_taken(2, WAIT_S)
    assert [each["signal"] for each in receiver.bodies][-2:] == ["limit_reached", "low_balance"]
    assert receiver.faults == []
