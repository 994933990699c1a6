"""Puts a shard's newest snapshot back into its store, under a token in the cursor's place.

Invariant: the real cursor is written last, so nobody takes half a state for a whole one; whatever
ends this in the middle, it can be begun again once the token has lapsed.
What came after the snapshot is not done here: the owner replays the log's tail (``streams.owner``).
"""

import asyncio
from collections.abc import Iterator
from secrets import token_hex
from typing import NamedTuple, Protocol

import structlog

from schemas.errors import ShardHeld
from schemas.ids import ShardId
from shard.cursor import HELD
from shard.port import WholeStore
from streams.snapshots.file import read_parts
from streams.snapshots.folder import Found, SnapshotFolder
from streams.snapshots.taking import SnapshotTaker

FIELDS_PER_WRITE = 2_000
TOKEN_BYTES = 16

_log = structlog.get_logger()


class Bounded(Protocol):
    """The part of ``streams.ports.LogSeat`` that is asked here."""

    async def bounds(self) -> tuple[int, int]:
        """See there."""
        ...


async def newest(
    folder: SnapshotFolder, shard: ShardId, log_id: str, bounds: tuple[int, int]
) -> Found | None:
    """The newest whole snapshot from which the log can be read on.

    Args:
        folder: Of all shards.
        shard: Which.
        log_id: Identity of the log.
        bounds: First offset of the log, and the one after its last.
    """
    first, end = bounds
    usable = folder.usable(shard, log_id)
    while (found := await asyncio.to_thread(next, usable, None)) is not None:
        if first <= found.cursor.offset < end:
            return found
        _log.warning(
            "snapshot left out: the log does not have its record",
            path=str(found.path), offset=found.cursor.offset, first=first, end=end,
        )  # fmt: skip
    return None


async def restore(store: WholeStore, shard: ShardId, found: Found | None) -> None:
    """Wipes the shard's state and puts a snapshot in its place; None: nothing, as when new.

    Raises:
        ShardHeld: Somebody else is at it.
        CursorMoved: Somebody else took it over.
        SnapshotUnreadable: The file went away meanwhile.
        RecoverableError: The store cannot be reached.
    """
    token = HELD + token_hex(TOKEN_BYTES).encode()
    await store.hold(token)
    await store.clear(token)
    if found is None:
        await store.release(token, None)
        return
    parts = read_parts(found.path)
    while (part := await asyncio.to_thread(next, parts, None)) is not None:
        name, values = part
        for some in _slices(values):
            await store.fill(token, name, some)
    await store.release(token, found.cursor)
    _log.info("snapshot restored", shard=shard, path=str(found.path), offset=found.cursor.offset)


class Snapshots(NamedTuple):
    """What an owner has of its shard's snapshots.

    Args:
        store: The shard's, as a whole.
        folder: Of all shards.
        taker: None takes no new ones.
    """

    store: WholeStore
    folder: SnapshotFolder
    taker: SnapshotTaker | None


async def heal(snapshots: Snapshots, shard: ShardId, log_id: str, seat: Bounded) -> None:
    """Restores the shard where its store has nothing, or half of something; else does nothing.

    Raises:
        ShardHeld: Somebody else is at it.
        RecoverableError: The store or the log cannot be reached.
        ShardStopped: The stored cursor cannot be read.
    """
    is_half = False
    try:
        if await snapshots.store.cursor() is not None:
            return
    except ShardHeld:
        is_half = True
    found = await newest(snapshots.folder, shard, log_id, await seat.bounds())
    if is_half or found is not None:
        await restore(snapshots.store, shard, found)


def _slices(values: dict[bytes, bytes]) -> Iterator[dict[bytes, bytes]]:
    pairs = list(values.items())
    for start in range(0, len(pairs), FIELDS_PER_WRITE):
        yield dict(pairs[start : start + FIELDS_PER_WRITE])
