"""The folder of snapshots: a folder per shard in it, the newest few kept.

Invariant: a file is removed only when newer ones of its shard are whole.
Workers that may own one shard must see one folder; who sees another only knows less.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import structlog

from schemas.errors import ShardStopped
from schemas.ids import ShardId
from shard.cursor import Cursor
from streams.snapshots.file import (
    UNFINISHED,
    SnapshotUnreadable,
    SnapshotWriter,
    read_header,
)

SUFFIX = ".snapshot"
# Milliseconds since 1970 have 13 digits until the year 2286.
NAME_DIGITS = 15

_log = structlog.get_logger()


class Found(NamedTuple):
    """A whole snapshot.

    Args:
        path: Of the file.
        cursor: Where its state stands.
        taken_at_ms: When it was taken, UTC epoch milliseconds.
    """

    path: Path
    cursor: Cursor
    taken_at_ms: int


class SnapshotFolder:
    """The snapshots of all shards.

    Args:
        root: Made when the first one is written.
        kept: How many of a shard stay.
    """

    def __init__(self, root: Path, kept: int) -> None:
        self.root = root
        self._kept = kept

    def begin(self, shard: ShardId, cursor: Cursor, taken_at_ms: int) -> SnapshotWriter:
        """A new file; what a killed process left unfinished goes.

        Raises:
            OSError: The disk refused.
        """
        place = self._place(shard)
        place.mkdir(parents=True, exist_ok=True)
        for left in place.glob(f"*{UNFINISHED}"):
            left.unlink(missing_ok=True)
        path = place / f"{taken_at_ms:0{NAME_DIGITS}}{SUFFIX}"
        return SnapshotWriter(path, shard=shard, cursor=cursor, taken_at_ms=taken_at_ms)

    def prune(self, shard: ShardId) -> None:
        """Removes all but the newest ones.

        Raises:
            OSError: The disk refused.
        """
        for old in self._files(shard)[self._kept :]:
            old.unlink(missing_ok=True)

    def usable(self, shard: ShardId, log_id: str) -> Iterator[Found]:
        """Whole snapshots made from a log, newest first; what is none is told and left out.

        Reads each file whole; blocks.
        """
        for path in self._files(shard):
            try:
                header = read_header(path, shard)
                cursor = header.place()
            except (SnapshotUnreadable, ShardStopped) as fault:
                _log.warning("snapshot left out", path=str(path), fault=str(fault))
                continue
            if cursor.log != log_id:
                _log.warning("snapshot left out: made from another log", path=str(path))
                continue
            yield Found(path, cursor, header.taken_at_ms)

    def _files(self, shard: ShardId) -> list[Path]:
        """Newest first."""
        return sorted(self._place(shard).glob(f"*{SUFFIX}"), reverse=True)

    def _place(self, shard: ShardId) -> Path:
        return self.root / f"{shard:04}"
