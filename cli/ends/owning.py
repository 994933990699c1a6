"""The owners of a scene's shards: the product's own, over memory stores, as the corpus plans them.

Owns: when which process reads a shard's log, when it is killed, and what it put out when.
Invariant: a record is given to an owner only once it is appended, and to nobody while owners lag.
It does not own what owners do (``streams.owner``).
"""

import asyncio
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from cli.ends.corpus.plan import HANDED, KILLED_AFTER, KILLED_BEFORE, OVERLAP, Handover, Scene
from cli.ends.logs import Logs
from rating.catalogue import Catalogue, compile_catalogue
from schemas.catalogue import digest_of, document_from_json
from schemas.errors import ShardStopped
from schemas.ids import ShardId
from schemas.outputs import STREAMS, Stream
from shard.cursor import Cursor, Head
from shard.emission import LogRecord, Output
from shard.memory_store import MemoryStore
from shard.port import Changes
from streams.batches import RECORDS_MAX
from streams.owner import ShardOwner
from streams.owners import Owners
from streams.ports import Done, Parts
from streams.published import TAIL_MESSAGES, Span, end_of

LOG_ID = "ends/log"
ROUND_MS = 2_000
OVERLAP_ROUNDS = 3
KILLS = (KILLED_BEFORE, KILLED_AFTER)


class Heard(NamedTuple):
    """A message of the applied stream, and when it was published by the owner's clock."""

    output: Output
    published_ms: int


class Owned(NamedTuple):
    """What became of a shard.

    Args:
        records: Its log.
        heard: Messages of the applied stream, in order; some perhaps twice.
        store: Its state.
        handovers: How often it got another owner.
    """

    records: list[LogRecord]
    heard: list[Heard]
    store: MemoryStore
    handovers: int


class Killed(BaseException):
    """The process that owned a shard is gone, in the middle of what it did."""


class _Store(MemoryStore):
    """The store, whose user may be killed at a write."""

    def __init__(self) -> None:
        super().__init__()
        self.kills = ""

    async def apply(self, expected: Cursor | None, new: Cursor, changes: Changes) -> None:
        """See ``shard.port.Store``."""
        kills, self.kills = self.kills, ""
        if kills == KILLED_BEFORE:
            raise Killed
        await super().apply(expected, new, changes)
        if kills == KILLED_AFTER:
            raise Killed


class _Shard:
    """What the owners of one shard share; see ``streams.ports`` for Ends, Outlet and Watch."""

    def __init__(self, shard: int, logs: Logs, catalogue: Catalogue) -> None:
        self.shard = ShardId(shard)
        self.log = logs.records[shard]
        self.store = _Store()
        self.now_ms = self.log[0].stamp_ms
        self.heard: list[Heard] = []
        self.digest = digest_of(logs.catalogue)
        self._catalogue = catalogue
        self._spans: dict[Stream, list[Span]] = {stream: [] for stream in STREAMS}

    async def body(self, digest: str) -> Catalogue:
        """See ``shard.loading.Bodies``."""
        assert digest == self.digest
        return self._catalogue

    async def published(self, shard: ShardId, cursor: Cursor) -> Mapping[Stream, Head]:
        """See ``streams.ports.Ends``."""
        assert shard == self.shard
        return {
            stream: end_of(spans[-TAIL_MESSAGES:], cursor.head(stream).next) if spans else Head()
            for stream, spans in self._spans.items()
        }

    async def publish(self, shard: ShardId, outputs: Sequence[Output]) -> None:
        """See ``streams.ports.Outlet``."""
        assert shard == self.shard
        for output in outputs:
            self._spans[output.stream].append(Span(output.first, output.next, output.chain_after))
            if output.stream is Stream.APPLIED:
                self.heard.append(Heard(output, self.now_ms))

    def applied(self, shard: ShardId, done: Done) -> None:
        """See ``streams.ports.Watch``."""

    def reloading(self, shard: ShardId, fault: Exception) -> None:
        """See ``streams.ports.Watch``."""

    def stopped(self, shard: ShardId, fault: Exception) -> None:
        """See ``streams.ports.Watch``: what the corpus does must never stop a shard."""
        raise ShardStopped(f"shard {shard} stopped: {fault}") from fault

    async def wait(self, failures: int) -> None:
        """See ``streams.ports.Patience``: time is the scene's."""


class _Worker:
    """One process that owns the shard, or thinks so; see ``streams.ports.LogSeat``."""

    def __init__(self, around: _Shard) -> None:
        self._around = around
        self._position = 0
        self._owners = Owners(lambda _: around.store, self._owner_of, lambda _: None)

    async def begin(self) -> None:
        """Finds out where to read from."""
        shard = self._around.shard
        self._position = (await self._owners.positions([shard]))[shard]

    async def read(self, end: int) -> None:
        """Takes what the log has before an offset, as ``streams.rate_usage`` hands it over."""
        owner = self._owners.owner(self._around.shard)
        while self._position < end:
            taken = self._around.log[self._position : min(self._position + RECORDS_MAX, end)]
            self._position += len(taken)
            await owner.take(taken)

    async def bounds(self) -> tuple[int, int]:
        """See ``streams.ports.LogSeat``."""
        return 0, len(self._around.log)

    async def seek(self, offset: int) -> None:
        """See ``streams.ports.LogSeat``."""
        self._position = offset

    def _owner_of(self, shard: ShardId) -> ShardOwner:
        around = self._around
        parts = Parts(LOG_ID, self, around.store, around.body, around, around, around, around)
        return ShardOwner(shard, parts)


class _Owning:
    """One shard from the begin of its scene to the end."""

    def __init__(self, around: _Shard, scene: Scene) -> None:
        self._around = around
        self._scene = scene
        self._worker = _Worker(around)
        self._old: _Worker | None = None
        self._overlaps = 0
        self._changes = 0

    async def owned(self) -> Owned:
        scene, around = self._scene, self._around
        stamps = [record.stamp_ms for record in around.log]
        handovers = list(scene.handovers)
        await self._worker.begin()
        for now_ms in range(scene.begins_ms, scene.ends_ms + ROUND_MS, ROUND_MS):
            if any(lag.holds(now_ms) for lag in scene.lags):
                continue
            around.now_ms = now_ms
            end = bisect_right(stamps, now_ms)
            while handovers and handovers[0].at_ms <= now_ms:
                await self._hand_over(handovers.pop(0), end)
            await self._read(end)
        return Owned(around.log, around.heard, around.store, self._changes)

    async def _read(self, end: int) -> None:
        """One round; where two think that they own the shard, each is in the other's way."""
        if self._old is not None:
            await self._old.read(end - 1)
            self._overlaps -= 1
            self._old = self._old if self._overlaps else None
        await self._worker.read(end)

    async def _hand_over(self, change: Handover, end: int) -> None:
        self._changes += 1
        if change.how in KILLS:
            self._around.store.kills = change.how
            with suppress(Killed):
                await self._worker.read(end)
            self._around.store.kills = ""
        elif change.how == OVERLAP:
            self._old, self._overlaps = self._worker, OVERLAP_ROUNDS
        else:
            assert change.how == HANDED
        self._worker = _Worker(self._around)
        await self._worker.begin()


def own_shards(scene: Scene, logs: Logs) -> list[Owned]:
    """Lets owners take the logs of all shards.

    Args:
        scene: When they do.
        logs: Complete; what was appended later than a moment is not given out then.
    """
    catalogue = compile_catalogue(document_from_json(logs.catalogue))

    owned: list[Owned] = []

    async def all_of_them() -> None:
        shards = [_Shard(shard, logs, catalogue) for shard in range(logs.shards)]
        owned.extend([await _Owning(around, scene).owned() for around in shards])

    asyncio.run(all_of_them())
    return owned
