"""An event loop without a clock, sockets or threads: a seed decides who goes next.

Invariant: of all that could run now, chance picks one; time moves only when nothing can run, and
then to the next moment that anybody waits for. So a run depends on its seed and on nothing else.
It does not own what runs on it.
"""

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextvars import Context
from random import Random
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
US_PER_S = 1_000_000
US_PER_MS = 1_000


class NothingToDoError(Exception):
    """Everybody waits for somebody who never comes."""


class SimLoop(asyncio.BaseEventLoop):
    """See the module.

    Args:
        chance: Picks who goes next.
    """

    def __init__(self, chance: Random) -> None:
        super().__init__()
        self._chance = chance
        self._now_us = 0
        self._count = 0
        self._able: list[asyncio.Handle] = []
        self._timers: list[tuple[int, int, asyncio.TimerHandle]] = []
        self.faults: list[str] = []
        self.set_exception_handler(lambda _, context: self.faults.append(str(context)))

    def time(self) -> float:
        """Seconds since the run began, as asyncio wants them."""
        return self._now_us / US_PER_S

    def now_ms(self) -> int:
        """Whole milliseconds since the run began."""
        return self._now_us // US_PER_MS

    def leap(self, length_ms: int) -> None:
        """Time goes by and nothing happens: the whole machine stood still."""
        self._now_us += length_ms * US_PER_MS

    def call_soon(
        self,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """See ``asyncio``; but who comes first need not go first."""
        handle = asyncio.Handle(callback, args, self, context)
        self._able.append(handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """See ``asyncio``."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """See ``asyncio``."""
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._count += 1
        heapq.heappush(self._timers, (round(when * US_PER_S), self._count, handle))
        return handle

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """See ``asyncio``; done at once, as nothing blocks here."""
        del executor
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as fault:  # noqa: BLE001 -- it is handed on to whoever waits
            future.set_exception(fault)
        return future

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Runs until ``main`` has ended; what else runs then stays where it is.

        Raises:
            NothingToDoError: It waits for somebody who never comes.
        """
        task = self.create_task(main)
        asyncio._set_running_loop(self)  # noqa: SLF001 -- how every loop says that it runs
        try:
            while not task.done():
                self._turn()
        finally:
            asyncio._set_running_loop(None)  # noqa: SLF001 -- likewise
        return task.result()

    def _turn(self) -> None:
        able, timers = self._able, self._timers
        while timers and timers[0][0] <= self._now_us:
            able.append(heapq.heappop(timers)[2])
        if not able:
            if not timers:
                raise NothingToDoError
            self._now_us = timers[0][0]
            return
        place = self._chance.randrange(len(able)) if len(able) > 1 else 0
        able[place], able[-1] = able[-1], able[place]
        handle = able.pop()
        if not handle.cancelled():
            handle._run()  # noqa: SLF001 -- how every loop runs what is due
