"""The shards' stores: the product's own memory store, with a past that it can fall back to.

Invariant: what a store holds it got from ``apply``; a fall goes back to a whole older state, never
to a mixture. It does not own when one falls (``faults``).
"""

from collections import deque
from collections.abc import Coroutine, Mapping
from random import Random
from typing import Any, TypeVar

from cli.sim.faults import Fault, Point
from cli.sim.world import Process, World, chance_of
from schemas.errors import RecoverableError
from schemas.ids import ShardId
from schemas.moment import SECOND_MS
from shard.cursor import Cursor
from shard.memory_store import MemoryStore
from shard.port import Changes, Field

COPIES_MAX = 24
COPY_EVERY_MS = 250
OOM_MS_MAX = 8 * SECOND_MS

T = TypeVar("T")


class Shelf:
    """One shard's server: its state now, older copies, and whether its memory is full.

    Args:
        world: Tells the time.
    """

    def __init__(self, world: World) -> None:
        self.now = MemoryStore()
        self.full_until_ms = 0
        self._world = world
        self._copies: deque[tuple[int, MemoryStore]] = deque(maxlen=COPIES_MAX)

    def keep(self) -> None:
        """Called after a write: keeps a copy now and then."""
        now_ms = self._world.loop.now_ms()
        if not self._copies or now_ms - self._copies[-1][0] >= COPY_EVERY_MS:
            self._copies.append((now_ms, self.now.copied()))

    def fall_back(self, older_than_ms: int) -> bool:
        """Goes back to the newest copy that is so old; whether there was one."""
        now_ms = self._world.loop.now_ms()
        for at_ms, copy in reversed(self._copies):
            if now_ms - at_ms >= older_than_ms:
                self.now = copy.copied()
                return True
        return False

    def fail_over(self, chance: Random) -> bool:
        """Goes back to any copy; whether there was one."""
        if not self._copies:
            return False
        self.now = self._copies[chance.randrange(len(self._copies))][1].copied()
        return True

    def wipe(self) -> bool:
        """Loses everything."""
        self.now = MemoryStore()
        return True


class Shelves:
    """The stores of all shards.

    Args:
        world: Where faults come from.
        shards: How many.
    """

    def __init__(self, world: World, shards: int) -> None:
        self._world = world
        self._chance = chance_of(world.seed, "stores")
        self._shelves = [Shelf(world) for _ in range(shards)]
        world.strikes |= {
            Fault.STORE_BACK: lambda _: self._any().fall_back(SECOND_MS),
            Fault.STORE_FAILOVER: lambda _: self._any().fail_over(self._chance),
            Fault.STORE_WIPE: lambda _: self._any().wipe(),
            Fault.STORE_OOM: lambda _: self._fill(),
        }

    def shelf(self, shard: int) -> Shelf:
        """One shard's server."""
        return self._shelves[shard]

    def store(self, actor: Process, shard: ShardId) -> "SimStore":
        """A process's way to a shard's store."""
        return SimStore(self._world, actor, self._shelves[shard])

    def calm(self) -> None:
        """Memory is free again."""
        for shelf in self._shelves:
            shelf.full_until_ms = 0

    def _any(self) -> Shelf:
        return self._chance.choice(self._shelves)

    def _fill(self) -> bool:
        length_ms = self._chance.randint(SECOND_MS, OOM_MS_MAX)
        self._any().full_until_ms = self._world.loop.now_ms() + length_ms
        return True


class SimStore:
    """See ``shard.port.Store``; the memory store answers."""

    def __init__(self, world: World, actor: Process, shelf: Shelf) -> None:
        self._world = world
        self._actor = actor
        self._shelf = shelf

    async def cursor(self) -> Cursor | None:
        """See ``shard.port.Store``."""
        return await self._world.effect(
            self._actor, Point.CURSOR, lambda: finished(self._shelf.now.cursor())
        )

    async def load(self, wanted: Mapping[str, list[Field]]) -> dict[str, list[bytes | None]]:
        """See ``shard.port.Store``."""
        return await self._world.effect(
            self._actor, Point.LOAD, lambda: finished(self._shelf.now.load(wanted))
        )

    async def load_at(
        self, wanted: Mapping[str, list[Field]], at: Cursor | None
    ) -> dict[str, list[bytes | None]]:
        """See ``shard.port.Store``."""
        return await self._world.effect(
            self._actor, Point.LOAD, lambda: finished(self._shelf.now.load_at(wanted, at))
        )

    async def some_fields(self, name: str, count: int) -> list[bytes]:
        """See ``shard.port.Store``."""
        return await self._world.effect(
            self._actor, Point.LOAD, lambda: finished(self._shelf.now.some_fields(name, count))
        )

    async def load_all(self, name: str) -> dict[bytes, bytes]:
        """See ``shard.port.Store``."""
        return await self._world.effect(
            self._actor, Point.LOAD, lambda: finished(self._shelf.now.load_all(name))
        )

    async def load_all_at(self, name: str, at: Cursor) -> dict[bytes, bytes]:
        """See ``shard.port.Store``."""
        return await self._world.effect(
            self._actor, Point.LOAD, lambda: finished(self._shelf.now.load_all_at(name, at))
        )

    async def result(self, name: str, field: str) -> bytes | None:
        """One field, as the API reads it."""
        found = await self._world.effect(
            self._actor, Point.RESULT, lambda: finished(self._shelf.now.load({name: [field]}))
        )
        return found[name][0]

    async def apply(self, expected: Cursor | None, new: Cursor, changes: Changes) -> None:
        """See ``shard.port.Store``."""

        def act() -> None:
            if self._shelf.full_until_ms > self._world.loop.now_ms():
                raise RecoverableError("store apply: out of memory, nothing was written")
            finished(self._shelf.now.apply(expected, new, changes))
            self._shelf.keep()

        await self._world.effect(self._actor, Point.APPLY, act)

    async def close(self) -> None:
        """See ``shard.port.Store``."""


def finished(asked: Coroutine[Any, Any, T]) -> T:
    """The answer of a coroutine that waits for nothing, as the memory store's do.

    Raises:
        RuntimeError: It waits after all.
    """
    try:
        asked.send(None)
    except StopIteration as done:
        answer: T = done.value
        return answer
    raise RuntimeError("a store in memory waited for something")
