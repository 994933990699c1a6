"""Snapshot files: what is written is read, and nothing is read out of what is not whole."""

from pathlib import Path

import pytest

from schemas.ids import ShardId
from shard.cursor import Cursor
from streams.snapshots.file import MAGIC, SnapshotUnreadable, read_header, read_parts
from streams.snapshots.folder import SnapshotFolder

SHARD, OTHER = ShardId(7), ShardId(8)
LOG = "cluster/topic"
PARTS = [("wallets", {b"a\xff": bytes(range(256)), b"b": b""}), ("wallets", {b"c": b"x" * 70_000})]


def _written(folder: SnapshotFolder, *, at_ms: int, offset: int = 5, log: str = LOG) -> Path:
    """A whole file."""
    writer = folder.begin(SHARD, Cursor(log, offset), at_ms)
    for name, values in PARTS:
        writer.part(name, values)
    writer.part("sessions", {})
    writer.finish()
    (path,) = folder.root.glob(f"*/*{at_ms}.snapshot")
    return path


def test_snapshot_when_written_then_the_same_is_read(tmp_path: Path) -> None:
    """Every byte of fields and values; empty parts are none."""
    path = _written(SnapshotFolder(tmp_path, 3), at_ms=1_000)
    header = read_header(path, SHARD)
    assert (header.place(), header.taken_at_ms) == (Cursor(LOG, 5), 1_000)
    assert list(read_parts(path)) == PARTS


@pytest.mark.parametrize("where", ["magic", "header", "middle", "digest"])
def test_snapshot_when_a_bit_is_another_then_is_refused(tmp_path: Path, where: str) -> None:
    """Wherever the disk or a person changed it."""
    path = _written(SnapshotFolder(tmp_path, 3), at_ms=1_000)
    data = bytearray(path.read_bytes())
    places = {"magic": 7, "header": 13, "middle": len(data) // 2, "digest": len(data) - 1}
    data[places[where]] ^= 1
    path.write_bytes(data)
    with pytest.raises(SnapshotUnreadable, match=path.name):
        read_header(path, SHARD)


def test_snapshot_when_torn_anywhere_then_is_refused(tmp_path: Path) -> None:
    """Every length short of the whole, and anything behind it."""
    path = _written(SnapshotFolder(tmp_path, 3), at_ms=1_000)
    data = path.read_bytes()
    for torn in [*(data[:length] for length in range(len(data))), data + b"\x00", MAGIC]:
        path.write_bytes(torn)
        with pytest.raises(SnapshotUnreadable):
            read_header(path, SHARD)


def test_snapshot_when_of_another_shard_then_is_refused(tmp_path: Path) -> None:
    """A file that somebody put into the wrong folder."""
    path = _written(SnapshotFolder(tmp_path, 3), at_ms=1_000)
    with pytest.raises(SnapshotUnreadable, match="of shard 7, not of 8"):
        read_header(path, OTHER)


def test_snapshot_when_dropped_then_nothing_is_left(tmp_path: Path) -> None:
    """Neither under its name nor under the passing one; a killed writer's leavings go too."""
    folder = SnapshotFolder(tmp_path, 3)
    killed = folder.begin(SHARD, Cursor(LOG, 1), 1)
    killed.part(*PARTS[0])
    assert len(list(tmp_path.rglob("*.unfinished"))) == 1
    writer = folder.begin(SHARD, Cursor(LOG, 1), 2)
    assert [path.name[:15] for path in tmp_path.rglob("*.unfinished")] == [f"{2:015}"]
    writer.drop()
    writer.drop()
    killed.drop()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_folder_when_files_are_bad_then_the_next_older_is_given(tmp_path: Path) -> None:
    """Newest first; torn ones and those of another log are left out."""
    folder = SnapshotFolder(tmp_path, 3)
    _written(folder, at_ms=1_000, offset=1)
    _written(folder, at_ms=2_000, offset=2)
    _written(folder, at_ms=3_000, offset=3, log="other/log")
    torn = _written(folder, at_ms=4_000, offset=4)
    torn.write_bytes(torn.read_bytes()[:-1])

    assert [found.cursor.offset for found in folder.usable(SHARD, LOG)] == [2, 1]
    assert list(folder.usable(OTHER, LOG)) == []


def test_folder_when_pruned_then_the_newest_stay(tmp_path: Path) -> None:
    """As many as are to be kept."""
    folder = SnapshotFolder(tmp_path, 2)
    for at_ms in (3_000, 1_000, 2_000):
        _written(folder, at_ms=at_ms)
    folder.prune(SHARD)
    assert [found.taken_at_ms for found in folder.usable(SHARD, LOG)] == [3_000, 2_000]
