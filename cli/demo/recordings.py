"""The recordings through the whole pipeline, each in its own clock, a worker killed half-way."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from cli.replay import format_named, recording_bar
from cli.settled import await_applied, await_warehouse
from cli.stacking import RunningStack
from cli.state_store import open_store
from ingest.recordings import Recording, read_recording
from ingest.sender import replay
from warehouse.port import Reader

KILLED = "worker-1"


class Played(NamedTuple):
    """A recording to be played.

    Args:
        tenant: Whose key sends it.
        key: The key.
        recording: What is sent.
    """

    tenant: str
    key: str
    recording: Recording


class Sent(NamedTuple):
    """What sending came to.

    Args:
        events: Read from the recordings.
        rejected: Refused by the edge, and lines that gave no event.
        elapsed_ms: From the first send until the warehouse had all of it.
    """

    events: int
    rejected: int
    elapsed_ms: int


def load(running: RunningStack, tenant: str, file: Path, form: str) -> Played:
    """Reads a recording for the tenant that plays it."""
    recording = read_recording(file, format_named(form))
    return Played(tenant, running.keys[f"{tenant}-recording"], recording)


def play(
    running: RunningStack,
    warehouse: Reader,
    played: list[Played],
    console: Console,
    rate_text: Callable[[int], str],
) -> Sent:
    """Plays recordings one after the other; half-way a worker is killed.

    Args:
        running: The stack.
        warehouse: To see that all has arrived.
        played: In this order.
        console: Shared with the parts' events.
        rate_text: What stands beside the bar, from events a second.

    Raises:
        NcashError: The stack did not take it, or did not come to rest.
    """
    began = time.monotonic_ns()
    total = sum(len(each.recording.events) for each in played)
    rejected = asyncio.run(_send_all(running, played, total, console, rate_text))
    store = open_store(running.settings.redis)
    cursors = await_applied(running.settings, store)
    await_warehouse(warehouse, cursors)
    store.close()
    return Sent(total, rejected, (time.monotonic_ns() - began) // 1_000_000)


async def _send_all(
    running: RunningStack,
    played: list[Played],
    total: int,
    console: Console,
    rate_text: Callable[[int], str],
) -> int:
    done_before = rejected = 0
    is_killed = False
    with recording_bar(console) as bar:
        task = bar.add_task("recordings", total=total, rate="")
        for each in played:
            refused = len(each.recording.rejected)
            async for sent in replay(each.recording, url=running.url, key=each.key):
                refused, done = sent.rejected, done_before + sent.sent
                rate = rate_text(int(bar.tasks[0].speed or 0))
                bar.update(task, completed=done, description=each.recording.name, rate=rate)
                if not is_killed and done * 2 >= total:
                    is_killed = True
                    pid = running.stack.kill(KILLED)
                    console.print(f"  [red]kill -9[/] {KILLED}, process {pid}, in the middle")
            done_before += len(each.recording.events)
            rejected += refused
    return rejected
