"""The live act: one member, the real clock, money that runs out, and a client that dies.

Invariant: every line shown is something that happened; the act waits for it, bounded, and says so
when it does not come.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from rich.console import Console

from cli.demo.api_client import ApiClient
from cli.screen import won
from schemas.moment import text_from_ms

MEMBER = "sora"
SOURCE = "aurora-player"
CHANNEL = "channel-1"
QUIZ = "opening-quiz"
WAIT_S = 15
POLL_S = 0.05
SETTLE_S = 1.5
BEATS_BEFORE_DEATH = 3


class ActFailed(Exception):
    """Something that the act waited for did not happen."""


class LiveAct:
    """Runs the act against a running stack.

    Args:
        api: As operator.
        console: To show it on.
        player_args: Addresses of the stack for the players.
        player_key: Key of the content server that they are.
    """

    def __init__(
        self, api: ApiClient, console: Console, player_args: list[str], player_key: str
    ) -> None:
        self._api = api
        self._console = console
        self._args = player_args
        self._key = player_key
        self._balance = 0
        self._began = time.monotonic()

    def run(self) -> None:
        """All of it, about 15 seconds.

        Raises:
            ActFailed: Something did not come in time.
        """
        self._line("top-up", "she puts 1,000 won into her wallet")
        self._api.top_up(MEMBER, "1000", "demo-act-1")
        self._show_balance()
        self._until_cut_off(f"evening-{os.getpid()}")
        self._line("top-up", "she puts in 500 won and goes on")
        self._api.top_up(MEMBER, "500", "demo-act-2")
        self._show_balance()
        self._until_killed(f"night-{os.getpid()}")

    def _until_cut_off(self, session: str) -> None:
        self._line("opens", f"{CHANNEL}: 30 won a second, and a quiz for 850 won")
        with self._player(session, "--item", QUIZ) as player:
            for said in _lines(player):
                self._show(said)
        self._wait_for_cdr(session, "cut_off", 1)

    def _until_killed(self, session: str) -> None:
        beats = 0
        last_ms = 0
        with self._player(session) as player:
            for said in _lines(player):
                self._show(said)
                last_ms = int(said.get("at_ms", last_ms))
                beats += said.get("sent") == "session.heartbeat"
                if beats == BEATS_BEFORE_DEATH:
                    player.send_signal(signal.SIGKILL)
                    break
        self._line("killed", f"her player, process {player.pid}, is gone; nobody says stop", "red")
        first = self._wait_for_cdr(session, "network", 1)
        self._line(
            "abnormal end", f"silence: charged to the last heartbeat, {_charge(first)}", "red"
        )
        self._api.send_events([_late_stop(session, last_ms + 1_000)])
        self._line("late stop", "her player's log arrives: it played one second more")
        second = self._wait_for_cdr(session, "normal", 2)
        self._line("corrected", f"one entry that names the old one; now {_charge(second)}", "green")
        self._show_balance()

    def _player(self, session: str, *more: str) -> "subprocess.Popen[bytes]":
        words = ["--source", SOURCE, "--session", session, "--subject", MEMBER]
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "cli.demo.player",
                *self._args,
                *words,
                "--content",
                CHANNEL,
                *more,
            ],
            stdout=subprocess.PIPE,
            env={**os.environ, "PLAYER_KEY": self._key},
        )

    def _show(self, said: dict[str, Any]) -> None:
        if "heard" in said:
            colour = "yellow" if said["heard"] == "low_balance" else "red"
            self._line(f"◀ {said['heard']}", "the content server is told", colour)
            return
        if said["sent"] == "session.start":
            self._line("▶ session.start", "")
            return
        before = self._balance
        after = self._changed_balance()
        self._line(f"▶ {said['sent']}", f"{won(after - before):>12}   balance {won(after)}")

    def _changed_balance(self) -> int:
        """The balance once it differs from the last one shown, or after a short wait."""
        deadline = time.monotonic() + SETTLE_S
        while time.monotonic() < deadline:
            now = self._api.spendable_micros(MEMBER)
            if now != self._balance:
                self._balance = now
                break
            time.sleep(POLL_S)
        return self._balance

    def _show_balance(self) -> None:
        self._line("balance", won(self._changed_balance()))

    def _wait_for_cdr(self, session: str, cause: str, revision: int) -> dict[str, Any]:
        found = _awaited(lambda: self._closed(session, cause, revision))
        if found is None:
            raise ActFailed(f"session {session} did not end as {cause!r} within {WAIT_S} s")
        return found

    def _closed(self, session: str, cause: str, revision: int) -> dict[str, Any] | None:
        answer: dict[str, Any] | None = self._api.find(
            f"/v1/sessions/{SOURCE}/{session}", subject=MEMBER
        )
        if answer is None or answer["cause"] != cause or int(answer["revision"]) < revision:
            return None
        return answer

    def _line(self, what: str, words: str, colour: str = "cyan") -> None:
        since = time.monotonic() - self._began
        self._console.print(f"  {since:5.1f} s  [{colour}]{what:<18}[/] {words}")


def _lines(player: "subprocess.Popen[bytes]") -> Iterator[dict[str, Any]]:
    if player.stdout is None:
        raise ActFailed("the player has no standard output")
    for line in player.stdout:
        yield msgspec.json.decode(line)


def _charge(cdr: dict[str, Any]) -> str:
    return won(int(cdr["charged_micros"]))


def _late_stop(session: str, at_ms: int) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": f"{session}-late-stop",
        "source": SOURCE,
        "type": "session.stop",
        "subject": MEMBER,
        "time": text_from_ms(at_ms),
        "data": {"session": session, "content": CHANNEL, "reason": "member"},
    }


def _awaited(look: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(POLL_S)
    return None
