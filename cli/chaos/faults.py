"""The faults: what each one does to the stack, until it is undone.

Invariant: when a fault's function returns, nothing is broken by it any more but what has to heal.
All chance comes from the strike's own generator. It does not own waiting until healed.
"""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import psutil

from cli.chaos.healing import await_up
from cli.chaos.network import Mode, Network
from cli.stacking import RunningStack

WORKERS_MAX = 4
WORKERS = 2
PAUSE_S_MAX = 8.0
CUT_S_MAX = 2.0
SPARE = {f"worker-{number}" for number in range(WORKERS + 1, WORKERS_MAX + 1)}
ALL_WORKERS = [f"worker-{number}" for number in range(1, WORKERS_MAX + 1)]
OURS = [*ALL_WORKERS, "collect-kafka", "edge", "warehouse"]


class Scene(NamedTuple):
    """What a fault strikes.

    Args:
        running: The stack.
        network: Its wires.
        chance: Of this strike.
        away: Parts that are not to run; changed by who scales.
        between: Called while the stack is in a state that has to heal by itself.
        moments: When something was killed or undone, monotonic nanoseconds; the last one is when
            the healing began.
    """

    running: RunningStack
    network: Network
    chance: random.Random
    away: set[str]
    between: Callable[[], None]
    moments: list[int]

    def mark(self) -> None:
        """From now on nothing is broken by us, and the rest is healing."""
        self.moments.append(time.monotonic_ns())

    def pause(self, most_s: float = PAUSE_S_MAX) -> None:
        """Lets time pass while something is broken."""
        time.sleep(self.chance.uniform(0.2, most_s))

    def worker(self) -> str:
        """One of the workers that run."""
        return self.chance.choice([each for each in ALL_WORKERS if each not in self.away])

    def kill(self, part: str) -> None:
        """``kill -9``, and waits until another process is up."""
        before = {part: self.running.stack.kill(part)}
        self.mark()
        await_up(self.running, self.away, before)

    def stop_and_go(self, part: str) -> None:
        """SIGSTOP, some seconds, SIGCONT."""
        process = psutil.Process(self.running.stack.kill(part, signal.SIGSTOP))
        self.pause()
        process.resume()
        self.mark()


Fault = Callable[[Scene], None]


def _kill(part: str) -> Fault:
    return lambda scene: scene.kill(part or scene.worker())


def _stop(part: str) -> Fault:
    return lambda scene: scene.stop_and_go(part or scene.worker())


def _redis(change: Callable[[Scene, Path], None]) -> Fault:
    """Redis stopped, its folder changed, and killed, so that it comes back with that."""

    def strike(scene: Scene) -> None:
        scene.running.stack.kill("redis", signal.SIGSTOP)
        change(scene, scene.running.stack.data_dir / "redis")
        scene.kill("redis")

    return strike


def _wipe(_scene: Scene, home: Path) -> None:
    for each in home.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()


def cut_redis(scene: Scene) -> None:
    """Takes out of the append-only file what came within up to two seconds, as a power cut does."""
    home = scene.running.stack.data_dir / "redis"
    file = _newest(home)
    size = file.stat().st_size
    scene.pause(CUT_S_MAX)

    def cut(_scene: Scene, _home: Path) -> None:
        # Redis may have begun another file meanwhile; then nothing of this one is cut.
        if _newest(home) == file and file.stat().st_size > size:
            os.truncate(file, size)

    _redis(cut)(scene)


def old_redis(scene: Scene) -> None:
    """Puts a copy of some seconds ago in Redis's place."""
    stack = scene.running.stack
    home, copy = stack.data_dir / "redis", stack.data_dir / "redis-copy"
    process = psutil.Process(stack.kill("redis", signal.SIGSTOP))
    shutil.copytree(home, copy, dirs_exist_ok=True)
    process.resume()
    scene.pause()

    def swap(scene: Scene, home: Path) -> None:
        _wipe(scene, home)
        shutil.copytree(copy, home, dirs_exist_ok=True)
        shutil.rmtree(copy)

    _redis(swap)(scene)


def down_warehouse(scene: Scene) -> None:
    """The warehouse is away for some seconds."""
    scene.running.stack.halt("warehouse")
    scene.pause()
    scene.mark()
    scene.running.stack.resume("warehouse")


def slow_warehouse(scene: Scene) -> None:
    """The warehouse's process gets a fifth of the time, and its wires are slow."""
    process = psutil.Process(scene.running.stack.pid("warehouse"))
    for part in ("warehouse:kafka", "edge:clickhouse"):
        scene.network.change(part, "slow")
    until = time.monotonic() + scene.chance.uniform(2, PAUSE_S_MAX)
    while time.monotonic() < until:
        process.suspend()
        time.sleep(0.4)
        process.resume()
        time.sleep(0.1)
    scene.network.mend()
    scene.mark()


def _partition(mode: Mode) -> Fault:
    """One process of ours is parted from one store for some seconds."""

    def strike(scene: Scene) -> None:
        wires = {
            scene.worker(): ("kafka", "redis"),
            "edge": ("kafka", "redis", "clickhouse"),
            "collect-kafka": ("kafka",),
            "warehouse": ("kafka",),
        }
        part = scene.chance.choice(sorted(wires))
        scene.network.change(f"{part}:{scene.chance.choice(wires[part])}", mode)
        scene.pause()
        scene.network.mend()
        scene.mark()

    return strike


def rolling_restart(scene: Scene) -> None:
    """Each process of ours is asked to stop, one after the other."""
    for part in OURS:
        if part not in scene.away:
            before = {part: scene.running.stack.kill(part, signal.SIGTERM)}
            scene.mark()
            await_up(scene.running, scene.away, before)


def scale(scene: Scene) -> None:
    """One worker, then four, then as many as before."""
    stack = scene.running.stack
    for part in ALL_WORKERS[1:WORKERS]:
        scene.away.add(part)
        stack.halt(part)
    scene.between()
    for part in ALL_WORKERS[1:]:
        stack.resume(part)
        scene.away.discard(part)
    scene.between()
    for part in sorted(SPARE):
        scene.away.add(part)
        stack.halt(part)
    scene.mark()


FAULTS: Mapping[str, Fault] = {
    "kill-worker": _kill(""),
    "kill-collector": _kill("collect-kafka"),
    "kill-edge": _kill("edge"),
    "kill-sinks": _kill("warehouse"),
    "kill-broker": _kill("kafka"),
    "kill-redis": _kill("redis"),
    "stop-worker": _stop(""),
    "stop-collector": _stop("collect-kafka"),
    "stop-edge": _stop("edge"),
    "stop-sinks": _stop("warehouse"),
    "stop-broker": _stop("kafka"),
    "cut-redis": cut_redis,
    "wipe-redis": _redis(_wipe),
    "old-redis": old_redis,
    "down-warehouse": down_warehouse,
    "slow-warehouse": slow_warehouse,
    "cut-network": _partition("cut"),
    "hung-network": _partition("hung"),
    "slow-network": _partition("slow"),
    "rolling-restart": rolling_restart,
    "scale": scale,
}


def _newest(home: Path) -> Path:
    return max(home.rglob("*.aof"), key=lambda file: (file.stat().st_mtime_ns, file.name))
