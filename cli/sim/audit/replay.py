"""The log once more, from its start, into an empty store: production's owner without any fault.

Invariant: nothing is known to it but the log; how many records it takes at once is chance.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cli.sim import market
from cli.sim.loop import SimLoop
from cli.sim.owning import LOG_ID
from cli.sim.world import chance_of
from schemas.ids import ShardId
from schemas.outputs import STREAMS, Stream
from shard.cursor import Cursor, Head
from shard.emission import LogRecord, Output
from shard.memory_store import MemoryStore
from streams.owner import ShardOwner
from streams.ports import Done, Parts

GROUP_MAX = 40


class Replayed(NamedTuple):
    """What the log comes to.

    Args:
        store: The state.
        cursor: Where it stands.
        values: Messages of each stream.
        fault: Why the shard stopped, if it did.
    """

    store: MemoryStore
    cursor: Cursor | None
    values: dict[Stream, list[bytes]]
    fault: str


def replayed(seed: int, shard: ShardId, log: Sequence[LogRecord]) -> Replayed:
    """Replays a log."""
    chance = chance_of(seed, f"replay{shard}")
    loop = SimLoop(chance)
    around = _Around(log[-1].offset + 1)
    store = MemoryStore()

    async def run() -> Cursor | None:
        parts = Parts(LOG_ID, around, store, market.bodies, around, around, around, around)
        owner = ShardOwner(shard, parts)
        at = 0
        while at < len(log):
            count = chance.randint(1, GROUP_MAX)
            await owner.take(log[at : at + count])
            at += count
            if around.sought is not None:
                # A hole between two offsets is believed only after a seek.
                at = next(n for n, each in enumerate(log) if each.offset >= (around.sought or 0))
                around.sought = None
        return await store.cursor()

    try:
        cursor = loop.run(run())
    finally:
        loop.close()
    return Replayed(store, cursor, around.values, around.fault)


class _Around:
    """Every port of an owner to whom nothing happens; see ``streams.ports``."""

    def __init__(self, end: int) -> None:
        self.values: dict[Stream, list[bytes]] = {stream: [] for stream in STREAMS}
        self.sought: int | None = None
        self.fault = ""
        self._end = end

    async def bounds(self) -> tuple[int, int]:
        return 0, self._end

    async def seek(self, offset: int) -> None:
        self.sought = offset

    async def published(self, shard: ShardId, cursor: Cursor) -> Mapping[Stream, Head]:
        del shard
        return {stream: cursor.head(stream) for stream in STREAMS}

    async def publish(self, shard: ShardId, outputs: Sequence[Output]) -> None:
        del shard
        for output in outputs:
            self.values[output.stream].append(output.value)

    async def wait(self, failures: int) -> None:
        raise AssertionError(f"a replay without faults failed {failures} times")

    def applied(self, shard: ShardId, done: Done) -> None:
        pass

    def reloading(self, shard: ShardId, fault: Exception) -> None:
        self.fault = f"shard {shard}: {fault}"

    def stopped(self, shard: ShardId, fault: Exception) -> None:
        self.fault = f"shard {shard} stopped: {fault}"
