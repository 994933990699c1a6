"""Takes a shard's snapshot between its owner's batches, slice by slice, as of one cursor.

Invariant: a file is exactly the state at its cut. What a batch is about to change for the first
time since the cut is written down as it was; what slices bring of such a field is left out.
A doubt drops the file, never the shard: nothing here holds the owner up or fails it.
Owns: when, and what is left to copy. It does not own the file (``file``) nor the store.
"""

import asyncio
from collections import deque

import structlog

from runtime.clock import Clock
from schemas.errors import NcashError
from schemas.ids import ShardId
from shard.cursor import Cursor
from shard.port import Changes, Field, WholeStore
from streams.snapshots.file import SnapshotWriter
from streams.snapshots.folder import SnapshotFolder

# Between two batches; a slice is some 500 fields, a millisecond or two.
SLICES_PER_TURN = 8
# 100 bytes each at most, for as long as a snapshot is taken.
CHANGED_MAX = 1_000_000

_log = structlog.get_logger()


class SnapshotTaker:
    """Takes snapshots of one shard; is told by its owner, and raises nothing.

    Args:
        shard: Which.
        store: Its state.
        folder: Where to.
        clock: For when.
        every_ms: From one cut to the next, at least.
    """

    def __init__(
        self, shard: ShardId, store: WholeStore, folder: SnapshotFolder, clock: Clock, every_ms: int
    ) -> None:
        self._shard = shard
        self._store = store
        self._folder = folder
        self._clock = clock
        self._every_ms = every_ms
        # Not all shards of a process at once.
        self._due_ms = clock.monotonic_ms() + every_ms * (1 + int(shard) % 8) // 8
        self._copy: _Copy | None = None
        self._finishing: asyncio.Task[None] | None = None

    async def before(self, changes: Changes, at: Cursor | None) -> None:
        """These are about to be written over the state at a cursor."""
        if self._copy is None:
            return
        try:
            await self._copy.keep(changes, at)
        except (NcashError, OSError) as fault:
            self._give_up(fault)

    async def between(self, cursor: Cursor) -> None:
        """The store stands at a cursor, between two records."""
        now_ms = self._clock.monotonic_ms()
        if self._copy is None and (now_ms < self._due_ms or self._is_finishing()):
            return
        try:
            if self._copy is None:
                self._due_ms = now_ms + self._every_ms
                names = await self._store.names()
                writer = self._folder.begin(self._shard, cursor, self._clock.wall_ms())
                self._copy = _Copy(self._store, writer, names)
            elif await self._copy.go_on(cursor):
                # All is copied: no doubt of later can touch it, and the disk holds nobody up.
                self._finishing = asyncio.create_task(self._finish(self._copy.writer))
                self._copy = None
        except (NcashError, OSError) as fault:
            self._give_up(fault)

    def drop(self) -> None:
        """What the store holds is in doubt."""
        if self._copy is not None:
            self._copy.writer.drop()
            self._copy = None
            # The next one is not put off for a whole turn.
            self._due_ms = self._clock.monotonic_ms() + self._every_ms // 8

    async def finished(self) -> None:
        """Returns when the file that is being finished, if any, is on the disk or given up."""
        if self._finishing is not None:
            await self._finishing

    def _is_finishing(self) -> bool:
        return self._finishing is not None and not self._finishing.done()

    async def _finish(self, writer: SnapshotWriter) -> None:
        try:
            await asyncio.to_thread(writer.finish)
            await asyncio.to_thread(self._folder.prune, self._shard)
        except OSError as fault:
            _log.warning("snapshot given up, tried again", shard=self._shard, fault=str(fault))

    def _give_up(self, fault: Exception) -> None:
        _log.warning("snapshot given up, tried again", shard=self._shard, fault=str(fault))
        self.drop()


class _TooMuchChanges(NcashError):
    """More changes while a snapshot is taken than memory is set aside for."""


class _HashDropped(NcashError):
    """A hash that is not copied yet goes; the snapshot begins anew without it."""


class _Copy:
    """One snapshot on its way.

    Args:
        store: Copied from.
        writer: Copied to.
        names: The hashes that there were at the cut.
    """

    def __init__(self, store: WholeStore, writer: SnapshotWriter, names: list[str]) -> None:
        self.writer = writer
        self._store = store
        self._left = deque(names)
        self._position = 0
        self._changed: dict[str, set[bytes]] = {}
        self._count = 0

    async def keep(self, changes: Changes, at: Cursor | None) -> None:
        """Writes down what is about to be changed, as it was at the cut.

        Raises:
            NcashError, OSError: It is to be given up.
        """
        gone = set(self._left).intersection(changes.dropped)
        if gone:
            raise _HashDropped(f"{', '.join(sorted(gone))} expired before it was copied")
        fresh: dict[str, list[Field]] = {}
        for fields in (changes.put, changes.removed):
            for name, each in fields.items():
                # A hash that was done, or that came after the cut, is not looked at again.
                if name in self._left:
                    known = self._changed.setdefault(name, set())
                    fresh.setdefault(name, []).extend(f for f in each if _raw(f) not in known)
        wanted = {name: fields for name, fields in fresh.items() if fields}
        if not wanted:
            return
        for name, values in (await self._store.load_at(wanted, at)).items():
            pairs = list(zip(map(_raw, wanted[name]), values, strict=True))
            self.writer.part(name, {field: value for field, value in pairs if value is not None})
            self._changed[name].update(field for field, _ in pairs)
            self._count += len(pairs)
        if self._count > CHANGED_MAX:
            raise _TooMuchChanges(f"over {CHANGED_MAX} fields changed while it was taken")

    async def go_on(self, cursor: Cursor) -> bool:
        """Copies some slices; whether all is copied.

        Raises:
            NcashError, OSError: It is to be given up.
        """
        for _ in range(SLICES_PER_TURN):
            if not self._left:
                return True
            name = self._left[0]
            self._position, part = await self._store.slice_at(name, self._position, cursor)
            changed = self._changed.get(name, set())
            self.writer.part(name, {f: v for f, v in part.items() if f not in changed})
            if not self._position:
                self._left.popleft()
                self._count -= len(self._changed.pop(name, ()))
        return not self._left


def _raw(field: Field) -> bytes:
    return field if isinstance(field, bytes) else field.encode()
