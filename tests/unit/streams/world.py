"""A world for one shard owner: a log, output topics and a store in memory, which can fail.

Everything that decides is the product's own code; only the ports' far ends are here.
"""

from collections.abc import Mapping, Sequence

import msgspec

from rating.catalogue import Catalogue, compile_catalogue
from schemas.catalogue import digest_of, document_from_json
from schemas.errors import RecoverableError
from schemas.frames import CatalogueVersion, Record, encode_record
from schemas.ids import ShardId
from schemas.outputs import STREAMS, Stream
from shard.cursor import Cursor, Head
from shard.emission import LogRecord, Output
from shard.memory_store import MemoryStore
from shard.port import Changes, Field
from streams.owner import ShardOwner
from streams.patience import JitteredPatience
from streams.ports import Done, Parts
from streams.published import Span, end_of
from tests.support.bench_shard import CATALOGUE

SHARD = ShardId(3)
LOG = "cluster/log"


class World:
    """One shard's surroundings.

    Args:
        records: The log, after the catalogue's version record.
    """

    def __init__(self, *records: Record) -> None:
        body = msgspec.json.encode(CATALOGUE)
        self.bodies = {digest_of(body): compile_catalogue(document_from_json(body))}
        version = CatalogueVersion(1, digest_of(body))
        self.log = [
            LogRecord(offset, 1_000 + offset, encode_record(record))
            for offset, record in enumerate([version, *records])
        ]
        self.first = 0
        self.store: MemoryStore = MemoryStore()
        self.said: list[Output] = []
        self.fail_publish_after: int | None = None
        self.fail_apply: list[str] = []
        self.position = 0
        self.seeks = 0
        self.faults: list[Exception] = []
        self.stops: list[Exception] = []
        self.done: list[Done] = []

    def owner(self) -> ShardOwner:
        """A new owner, as another process would have it."""
        parts = Parts(LOG, self, _Store(self), self._body, self, self, self, JitteredPatience())
        return ShardOwner(SHARD, parts)

    async def run(self, owner: ShardOwner, *, size: int = 3, to: int | None = None) -> None:
        """Reads the log to its end in groups, from wherever the owner seeks."""
        end = len(self.log) if to is None else to
        while self.position < end and not owner.is_stopped:
            group = self.log[self.position : min(self.position + size, end)]
            self.position += len(group)
            await owner.take(group)

    def chains(self) -> list[tuple[Stream, int, int, bytes, bytes]]:
        """What readers make of the outputs: each sequence once, in order, per stream."""
        read: list[tuple[Stream, int, int, bytes, bytes]] = []
        for stream in STREAMS:
            following = 0
            for out in self.said:
                if out.stream is stream and out.next > following:
                    assert out.first == following, f"{stream} has a hole at {following}"
                    read.append((stream, out.first, out.next, out.chain_after, out.value))
                    following = out.next
        return read

    def stored(self) -> dict[str, dict[bytes, bytes]]:
        """All that the store holds."""
        hashes: dict[str, dict[bytes, bytes]] = self.store._hashes
        return {name: fields for name, fields in hashes.items() if fields}

    async def _body(self, digest: str) -> Catalogue:
        return self.bodies[digest]

    # -- LogSeat
    async def bounds(self) -> tuple[int, int]:
        """See ``streams.ports``."""
        return self.first, self.first + len(self.log)

    async def seek(self, offset: int) -> None:
        """See ``streams.ports``."""
        self.seeks += 1
        self.position = offset - self.first

    # -- Ends
    async def published(self, shard: ShardId, cursor: Cursor) -> Mapping[Stream, Head]:
        """See ``streams.ports``."""
        ends: dict[Stream, Head] = {}
        for stream in STREAMS:
            spans = [Span(o.first, o.next, o.chain_after) for o in self.said if o.stream is stream]
            ends[stream] = end_of(spans, cursor.head(stream).next) if spans else Head()
        return ends

    # -- Outlet
    async def publish(self, shard: ShardId, outputs: Sequence[Output]) -> None:
        """See ``streams.ports``; may fail with some of the messages there."""
        if self.fail_publish_after is not None:
            self.said.extend(outputs[: self.fail_publish_after])
            self.fail_publish_after = None
            raise RecoverableError("not confirmed")
        self.said.extend(outputs)

    # -- Watch
    def applied(self, shard: ShardId, done: Done) -> None:
        """See ``streams.ports``."""
        self.done.append(done)

    def reloading(self, shard: ShardId, fault: Exception) -> None:
        """See ``streams.ports``."""
        self.faults.append(fault)

    def stopped(self, shard: ShardId, fault: Exception) -> None:
        """See ``streams.ports``."""
        self.stops.append(fault)


class _Store:
    """The world's store, whichever it is now, failing when told."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def cursor(self) -> Cursor | None:
        return await self._world.store.cursor()

    async def load(self, wanted: Mapping[str, list[Field]]) -> dict[str, list[bytes | None]]:
        return await self._world.store.load(wanted)

    async def load_at(
        self, wanted: Mapping[str, list[Field]], at: Cursor | None
    ) -> dict[str, list[bytes | None]]:
        return await self._world.store.load_at(wanted, at)

    async def load_all(self, name: str) -> dict[bytes, bytes]:
        return await self._world.store.load_all(name)

    async def load_all_at(self, name: str, at: Cursor) -> dict[bytes, bytes]:
        return await self._world.store.load_all_at(name, at)

    async def some_fields(self, name: str, count: int) -> list[bytes]:
        return await self._world.store.some_fields(name, count)

    async def close(self) -> None:
        await self._world.store.close()

    async def apply(self, expected: Cursor | None, new: Cursor, changes: Changes) -> None:
        fault = self._world.fail_apply.pop(0) if self._world.fail_apply else ""
        if fault == "before":
            raise RecoverableError("connection refused")
        await self._world.store.apply(expected, new, changes)
        if fault == "after":
            raise RecoverableError("the answer was lost")
