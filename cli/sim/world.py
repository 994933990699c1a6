"""The world between processes: every touch goes through here, and here is where faults strike.

Owns: time, chance, processes' lives, effects and what becomes of them, the trace.
Invariant: nothing happens outside an effect, and which effect comes next only the seed decides.
It does not own the parts (logs, stores, topics); they say what a fault of theirs does.
"""

import asyncio
from collections.abc import Callable, Coroutine
from hashlib import blake2b
from random import Random
from typing import Any, TypeVar

from cli.sim.faults import KAFKA, LOG, WAREHOUSE, Chaos, Fault, Point
from cli.sim.loop import SimLoop
from runtime.faults import TransportFault
from schemas.errors import RecoverableError
from schemas.moment import MINUTE_MS, SECOND_MS
from warehouse.port import WarehouseUnavailable

# 2026-11-01T04:58:00Z: two minutes to a full hour, to midnight and a new month in Chicago, and to
# where the clocks of Halifax go back.
START_MS = 1_793_509_080_000
LATENCIES_MS = (0, 0, 0, 1, 2, 5, 20)
DELAY_MS_MAX = 4 * SECOND_MS
STALL_MS_MAX = 6 * SECOND_MS
LATE_MS_MAX = 8 * SECOND_MS
DOWN_MS_MAX = 25 * SECOND_MS
NIGHT_MS_MAX = 90 * MINUTE_MS
# Words in the trace.
VIOLATION = "VIOLATION"
CALM = "calm"

T = TypeVar("T")
Strike = Callable[["Process"], bool]


class Killed(BaseException):
    """The process is gone; nothing of ours may catch it."""


def chance_of(seed: int, name: str) -> Random:
    """A stream of chance of its own, so that one part's rolls do not move another's."""
    return Random(f"{seed}/{name}")  # noqa: S311 -- a simulation is to be repeated


class Process:
    """One process: it can be killed, can stand still, and has a clock that can be set.

    Args:
        world: Where it lives.
        name: For the trace.
        clock_ms_max: How far its clock may be from the true time.
        on_death: Is called once when it is killed.
    """

    def __init__(
        self, world: "World", name: str, *, clock_ms_max: int, on_death: Callable[[], None]
    ) -> None:
        self.name = name
        self.is_alive = True
        self._world = world
        self._on_death = on_death
        self._clock_ms_max = clock_ms_max
        self._clock_ms = 0
        self._still_until_ms = 0
        world.processes.append(self)

    def wall_ms(self) -> int:
        """Its wall clock."""
        return self._world.true_ms() + self._clock_ms

    def monotonic_ms(self) -> int:
        """Its clock for durations."""
        return self._world.loop.now_ms()

    def step_clock(self, chance: Random) -> bool:
        """Its clock is set; whether it changed."""
        before = self._clock_ms
        self._clock_ms = chance.randint(-self._clock_ms_max, self._clock_ms_max)
        return self._clock_ms != before

    def stall(self, length_ms: int) -> None:
        """It stands still for so long."""
        self._still_until_ms = self._world.loop.now_ms() + length_ms

    def kill(self) -> None:
        """It ends, wherever it is."""
        if self.is_alive:
            self.is_alive = False
            self._world.processes.remove(self)
            self._world.trace(f"{self.name} dies")
            self._on_death()

    async def gate(self) -> None:
        """Returns when it may go on; never, once it is dead."""
        while self.is_alive and self._still_until_ms > self._world.loop.now_ms():
            await self._world.sleep(self._still_until_ms - self._world.loop.now_ms())
        if not self.is_alive:
            await self._world.for_ever()


class World:
    """See the module.

    Args:
        seed: Decides everything.
        loop: Runs it.
        chaos: What strikes.
    """

    def __init__(self, seed: int, loop: SimLoop, chaos: Chaos) -> None:
        self.seed = seed
        self.loop = loop
        self.chaos = chaos
        self.processes: list[Process] = []
        self.violations: list[str] = []
        self.lines: list[str] = []
        self.strikes: dict[Fault, Strike] = {
            Fault.LOG_DOWN: self._log_down,
            Fault.WAREHOUSE_DOWN: self._warehouse_down,
            Fault.CLOCK_STEP: self._clock_step,
            Fault.NIGHT: self._night,
        }
        self.is_over = False
        self.is_landing = False
        self._net = chance_of(seed, "net")
        self._down_until_ms: dict[Fault, int] = {Fault.LOG_DOWN: 0, Fault.WAREHOUSE_DOWN: 0}
        self._tasks: dict[int, asyncio.Task[Any]] = {}
        self._graves: list[asyncio.Future[None]] = []
        self._spawned = 0
        self._digest = blake2b(digest_size=16)

    def true_ms(self) -> int:
        """The true time, as brokers have it."""
        return START_MS + self.loop.now_ms()

    def trace(self, line: str) -> None:
        """Notes what happened; the digest over all lines tells two runs apart."""
        self.lines.append(f"{self.loop.now_ms():>8} {line}")
        self._digest.update(self.lines[-1].encode())

    def digest(self) -> str:
        """Of the whole trace so far."""
        return self._digest.hexdigest()

    def complain(self, violation: str) -> None:
        """Notes that something is not as it must be."""
        self.violations.append(violation)
        self.trace(f"{VIOLATION} {violation}")

    async def sleep(self, length_ms: int) -> None:
        """Lets time go by."""
        await asyncio.sleep(length_ms / SECOND_MS)

    async def for_ever(self) -> None:
        """Never returns."""
        grave: asyncio.Future[None] = self.loop.create_future()
        self._graves.append(grave)
        await grave

    def spawn(self, what: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        """Lets something run beside; a fault that it ends with is a violation."""
        number = self._spawned = self._spawned + 1
        task = self.loop.create_task(self._guarded(what, name, number))
        self._tasks[number] = task
        return task

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """A task that somebody waits for; it too is ended with the world."""
        number = self._spawned = self._spawned + 1
        self._tasks[number] = task

        def ended(_: asyncio.Task[Any]) -> None:
            self._tasks.pop(number, None)
            # Looked at, so that a fault that nobody waits for any more is no surprise to asyncio.
            if not task.cancelled():
                task.exception()

        task.add_done_callback(ended)

    async def _guarded(self, what: Coroutine[object, object, None], name: str, number: int) -> None:
        try:
            await what
        except Exception as fault:  # noqa: BLE001 -- whatever it is, it is a finding
            self.complain(f"{name} ended with {fault!r}")
        finally:
            self._tasks.pop(number, None)

    async def end(self) -> None:
        """Ends all that still runs."""
        self.is_over = True
        for _ in range(100):
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            if not tasks:
                return
            await asyncio.sleep(0)
            await asyncio.sleep(1)

    async def effect(
        self,
        actor: Process,
        point: Point,
        act: Callable[[], T],
        *,
        part: Callable[[], object] | None = None,
    ) -> T:
        """One touch: on its way there, done or not, on its way back; faults strike in between.

        Args:
            actor: Who does it.
            point: Where.
            act: Does it, at once.
            part: Does some of it.

        Raises:
            RecoverableError: The answer is no, or there is none; it may have been done.
        """
        await actor.gate()
        await self._latency()
        fault = self._struck(actor, point)
        if not actor.is_alive and self._net.randrange(2):
            await self.for_ever()
        if fault is Fault.STALL or fault is Fault.OVERTAKE:
            await self._held(actor, fault)
        self._check_up(point)
        match fault:
            case Fault.REFUSE:
                raise _no(point, "refused")
            case Fault.LAND_LATE:
                self.loop.call_later(
                    self._net.randint(1, LATE_MS_MAX) / SECOND_MS, self._land, point, act
                )
                raise _no(point, "no answer in time")
            case Fault.PART if part is not None:
                part()
                raise _no(point, "some of it was not confirmed")
            case _:
                answer = act()
        if fault is Fault.REPEAT:
            act()
        if fault is Fault.CRASH_AFTER:
            actor.kill()
        if fault is Fault.DELAY:
            await self.sleep(self._net.randint(SECOND_MS // 2, DELAY_MS_MAX))
        await self._latency()
        await actor.gate()
        if fault is Fault.LOSE_ANSWER:
            raise _no(point, "the answer was lost")
        return answer

    def effect_now(
        self,
        actor: Process,
        point: Point,
        act: Callable[[], T],
        *,
        later: Callable[[Callable[[], object]], None] | None = None,
    ) -> T:
        """The same for one who does not wait: a sink's thread.

        Args:
            actor: Who does it.
            point: Where.
            act: Does it.
            later: Takes what lands only after its sender has given up.

        Raises:
            Killed: The process died of it.
            RecoverableError: The answer is no, or there is none; it may have been done.
        """
        fault = self._struck(actor, point)
        if fault is Fault.STALL:
            actor.stall(self._net.randint(SECOND_MS, STALL_MS_MAX))
        if not actor.is_alive:
            raise Killed
        self._check_up(point)
        if fault is Fault.REFUSE:
            raise _no(point, "refused")
        if fault is Fault.LAND_LATE and later is not None:
            later(act)
            raise _no(point, "no answer in time")
        answer = act()
        if fault is Fault.CRASH_AFTER:
            actor.kill()
            raise Killed
        if fault is Fault.LOSE_ANSWER:
            raise _no(point, "the answer was lost")
        return answer

    def calm(self) -> None:
        """From now on nothing strikes, and everything is up."""
        self.trace(CALM)
        self.chaos.is_on = False
        self._down_until_ms = dict.fromkeys(self._down_until_ms, 0)

    def _struck(self, actor: Process, point: Point) -> Fault | None:
        fault = self.chaos.roll(point)
        self.trace(f"{actor.name}: {point}{'' if fault is None else f' !{fault}'}")
        if fault is None:
            return None
        strike = self.strikes.get(fault)
        if fault is Fault.CRASH_BEFORE:
            actor.kill()
        if strike is None or strike(actor):
            self.chaos.note(fault, point)
        return fault

    def _check_up(self, point: Point) -> None:
        now_ms = self.loop.now_ms()
        if point in KAFKA and self._down_until_ms[Fault.LOG_DOWN] > now_ms:
            raise _no(point, "Kafka is down")
        if point in WAREHOUSE and self._down_until_ms[Fault.WAREHOUSE_DOWN] > now_ms:
            raise _no(point, "the warehouse is down")

    async def _held(self, actor: Process, fault: Fault) -> None:
        length_ms = self._net.randint(SECOND_MS // 5, STALL_MS_MAX)
        if fault is Fault.STALL:
            actor.stall(length_ms)
            await actor.gate()
        else:
            await self.sleep(length_ms // 2)

    def _land(self, point: Point, act: Callable[[], object]) -> None:
        self.trace(f"{point} lands after all")
        self.is_landing = True
        try:
            act()
        except RecoverableError as refusal:
            self.trace(f"and is refused: {refusal}")
        finally:
            self.is_landing = False

    async def _latency(self) -> None:
        length_ms = self._net.choice(LATENCIES_MS)
        if length_ms:
            await self.sleep(length_ms)

    def _log_down(self, _: Process) -> bool:
        return self._down(Fault.LOG_DOWN, DOWN_MS_MAX)

    def _warehouse_down(self, _: Process) -> bool:
        return self._down(Fault.WAREHOUSE_DOWN, 10 * DOWN_MS_MAX)

    def _down(self, what: Fault, length_ms_max: int) -> bool:
        until_ms = self.loop.now_ms() + self._net.randint(SECOND_MS, length_ms_max)
        self._down_until_ms[what] = max(self._down_until_ms[what], until_ms)
        return True

    def _clock_step(self, _: Process) -> bool:
        return self._net.choice(self.processes).step_clock(self._net)

    def _night(self, _: Process) -> bool:
        self.loop.leap(self._net.randint(MINUTE_MS, NIGHT_MS_MAX))
        return True


def _no(point: Point, why: str) -> RecoverableError:
    if point in WAREHOUSE:
        return WarehouseUnavailable(f"{point}: {why}")
    if point in KAFKA or point in LOG:
        return TransportFault(f"{point}: {why}")
    return RecoverableError(f"{point}: {why}")
