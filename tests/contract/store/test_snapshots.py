"""Snapshots taken from a store that goes on, and put back: in memory and on a real Redis."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from schemas.errors import ShardHeld
from schemas.ids import ShardId
from shard.cursor import HELD, Cursor
from shard.port import Changes, Field, Kind, WholeStore
from streams.snapshots.folder import SnapshotFolder
from streams.snapshots.restoring import Snapshots, heal, restore
from streams.snapshots.taking import SnapshotTaker
from tests.contract.store.test_whole import whole

Make = Callable[[int], WholeStore]
SHARD = ShardId(1)
LOG = "c/t"
EVERY_MS = 1_000


class _Clock:
    """Time as the test says."""

    def __init__(self) -> None:
        self.now_ms = 0

    def wall_ms(self) -> int:
        return 1_700_000_000_000 + self.now_ms

    def monotonic_ms(self) -> int:
        return self.now_ms


class _Owner:
    """Writes as an owner does, and tells the taker."""

    def __init__(self, store: WholeStore, root: Path) -> None:
        self.store = store
        self.clock = _Clock()
        self.folder = SnapshotFolder(root, 3)
        self.taker = SnapshotTaker(SHARD, store, self.folder, self.clock, EVERY_MS)
        self.at: Cursor | None = None

    async def write(self, changes: Changes) -> Cursor:
        offset = 0 if self.at is None else self.at.offset + 1
        new = Cursor(LOG, offset, digest=b"%08d" % offset)
        await self.taker.before(changes, self.at)
        await self.store.apply(self.at, new, changes)
        self.at = new
        return new

    async def turn(self) -> None:
        assert self.at is not None
        await self.taker.between(self.at)

    def kept(self) -> list[Cursor]:
        return [found.cursor for found in self.folder.usable(SHARD, LOG)]

    def files(self) -> list[Path]:
        return [path for path in self.folder.root.rglob("*") if path.is_file()]


class _Seat:
    """A log from 0 to 10,000."""

    async def bounds(self) -> tuple[int, int]:
        return 0, 10_000


def _random_changes(chance: Random) -> Changes:
    put: dict[str, dict[Field, bytes]] = {}
    removed: dict[str, list[Field]] = {}
    for _ in range(40):
        name = chance.choice([Kind.WALLETS, Kind.SESSIONS, "ids:live:1", "ids:live:2"])
        field = f"f{chance.randrange(9_000)}"
        if chance.randrange(3):
            put.setdefault(name, {})[field] = chance.randbytes(9)
        elif field not in put.get(name, {}):
            removed.setdefault(name, []).append(field)
    for name, fields in removed.items():
        removed[name] = [each for each in fields if each not in put.get(name, {})]
    return Changes(put, removed)


async def test_snapshot_when_batches_go_on_then_is_the_state_at_its_cut(
    stores: Make, tmp_path: Path
) -> None:
    """Puts, removals and new fields of later leave it alone; restored it is that state again."""
    owner, chance = _Owner(stores(1), tmp_path), Random(7)
    many: dict[Field, bytes] = {f"f{n}": b"old" for n in range(9_000)}
    await owner.write(Changes({Kind.WALLETS: many, "ids:live:1": dict(many)}))
    expected: list[tuple[Cursor, dict[str, dict[bytes, bytes]]]] = []
    for _ in range(3):
        owner.clock.now_ms += EVERY_MS
        cut = await owner.write(_random_changes(chance))
        expected.insert(0, (cut, await whole(owner.store, cut)))
        await owner.turn()
        for _ in range(12):
            await owner.write(_random_changes(chance))
            await owner.turn()
        await owner.taker.finished()

    assert owner.kept() == [cut for cut, _ in expected]
    for found, (cut, state) in zip(owner.folder.usable(SHARD, LOG), expected, strict=True):
        await restore(owner.store, SHARD, found)
        assert await owner.store.cursor() == cut
        assert await whole(owner.store, cut) == state


async def test_snapshot_when_a_hash_not_copied_yet_expires_then_begins_anew(
    stores: Make, tmp_path: Path
) -> None:
    """No half of it is kept; the next one is whole."""
    owner = _Owner(stores(1), tmp_path)
    await owner.write(Changes({"ids:live:1": {"a": b"1"}, Kind.WALLETS: {"a": b"1"}}))
    owner.clock.now_ms += EVERY_MS
    await owner.turn()
    await owner.write(Changes(dropped=["ids:live:1"]))
    await owner.turn()
    assert owner.files() == []
    owner.clock.now_ms += EVERY_MS
    for _ in range(2):
        await owner.turn()
    await owner.taker.finished()
    assert owner.at is not None
    assert owner.kept() == [owner.at]


async def test_snapshot_when_somebody_else_writes_then_is_given_up(
    stores: Make, tmp_path: Path
) -> None:
    """The owner is told by its own next write, not by the taker."""
    owner = _Owner(stores(1), tmp_path)
    first = await owner.write(Changes({Kind.WALLETS: {"a": b"1"}}))
    owner.clock.now_ms += EVERY_MS
    await owner.turn()
    await owner.store.apply(first, Cursor(LOG, 9), Changes({Kind.WALLETS: {"a": b"2"}}))
    await owner.turn()
    await owner.taker.finished()
    assert owner.kept() == []
    assert owner.files() == []


async def test_heal_when_nothing_is_stored_then_restores_and_else_leaves_it(
    stores: Make, tmp_path: Path
) -> None:
    """A store that has a cursor is not touched; an empty one gets the newest snapshot."""
    owner = _Owner(stores(1), tmp_path)
    cut = await owner.write(Changes({Kind.WALLETS: {"a": b"1"}}))
    owner.clock.now_ms += EVERY_MS
    for _ in range(2):
        await owner.turn()
    await owner.taker.finished()
    later = await owner.write(Changes({Kind.WALLETS: {"a": b"2"}}))
    snapshots = Snapshots(owner.store, owner.folder, None)
    await heal(snapshots, SHARD, LOG, _Seat())
    assert await owner.store.cursor() == later

    token = HELD + b"x"
    await owner.store.hold(token)
    with pytest.raises(ShardHeld):
        await heal(snapshots, SHARD, LOG, _Seat())
    await owner.store.clear(token)
    await owner.store.release(token, None)
    await asyncio.gather(heal(snapshots, SHARD, LOG, _Seat()))
    assert await owner.store.cursor() == cut
    assert await whole(owner.store, cut) == {Kind.WALLETS: {b"a": b"1"}}


async def test_heal_when_the_log_lacks_the_newest_record_then_an_older_is_taken(
    stores: Make, tmp_path: Path
) -> None:
    """A snapshot ahead of the log's end, or before its beginning, cannot be read on from."""
    folder = SnapshotFolder(tmp_path, 3)
    for at_ms, offset in ((1, 3), (2, 5_000), (3, 20_000)):
        writer = folder.begin(SHARD, Cursor(LOG, offset), at_ms)
        writer.part(Kind.WALLETS, {b"a": b"%d" % offset})
        writer.finish()
    store = stores(1)
    await heal(Snapshots(store, folder, None), SHARD, LOG, _Seat())
    assert await store.cursor() == Cursor(LOG, 5_000)
