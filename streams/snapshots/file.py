"""One snapshot as a file: header, compressed parts, checksum; written and read in bounded memory.

Invariant: a file is under its name only when it is whole and on the disk; a reader gives nothing
out of a file whose checksum over all of its bytes is not the one at its end.

Layout: ``MAGIC``; frames of a length (4 bytes, big-endian) and MessagePack in Zstandard, the first
the header, the others ``[hash, {field: value}]``; a length of 0; 16 bytes of XXH3-128.
It does not own which files are kept (``folder``) nor what is in them (``taking``).
"""

import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import cramjam
import msgspec
import xxhash

from schemas.errors import UNREADABLE, NcashError
from schemas.ids import ShardId
from shard.cursor import Cursor, decode_cursor, encode_cursor

# The last byte is the version of the layout.
MAGIC = b"ncashsn\x01"
DIGEST_BYTES = 16
LEVEL = 1
UNFINISHED = ".unfinished"
# A part holds what one slice of a hash holds; a value is at most a log record's size.
FRAME_BYTES_MAX = 256 * 1024 * 1024
READ_BYTES = 1024 * 1024
_LENGTH = struct.Struct(">I")

Part = tuple[str, dict[bytes, bytes]]


class SnapshotUnreadable(NcashError):
    """A file is no whole snapshot of this shard and log; the next older one is to be taken."""


class Header(msgspec.Struct, frozen=True):
    """What a snapshot is of.

    Args:
        shard: Which.
        cursor: Where its state stood, as it is stored.
        taken_at_ms: When, UTC epoch milliseconds.
    """

    shard: int
    cursor: bytes
    taken_at_ms: int

    def place(self) -> Cursor:
        """The cursor.

        Raises:
            ShardStopped: Of a version or of rules that this program does not know.
        """
        return decode_cursor(self.cursor)


_header = msgspec.msgpack.Decoder(Header)
_part = msgspec.msgpack.Decoder(Part)
_encoder = msgspec.msgpack.Encoder()


class SnapshotWriter:
    """Writes one file under a name for the time being, and gives it its own at the end.

    Args:
        path: The name it gets.
        shard: Which shard.
        cursor: The cut.
        taken_at_ms: Moment of the cut, UTC epoch milliseconds.

    Raises:
        OSError: The disk refused.
    """

    def __init__(self, path: Path, *, shard: ShardId, cursor: Cursor, taken_at_ms: int) -> None:
        self._path = path
        self._unfinished = path.with_name(f"{path.name}.{os.getpid()}{UNFINISHED}")
        self._digest = xxhash.xxh3_128()
        self._file: BinaryIO = self._unfinished.open("wb")
        try:
            self._put(MAGIC)
            self._frame(Header(int(shard), encode_cursor(cursor), taken_at_ms))
        except BaseException:
            self.drop()
            raise

    def part(self, name: str, values: Mapping[bytes, bytes]) -> None:
        """Adds fields of a hash.

        Raises:
            OSError: The disk refused.
        """
        if values:
            self._frame((name, values))

    def finish(self) -> None:
        """Brings it onto the disk, then gives it its name; blocks for as long as the disk takes.

        Raises:
            OSError: The disk refused; nothing is there.
        """
        try:
            self._put(_LENGTH.pack(0))
            self._file.write(self._digest.digest())
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._unfinished.replace(self._path)
            _sync_folder(self._path.parent)
        except BaseException:
            self.drop()
            raise

    def drop(self) -> None:
        """Leaves nothing behind; safe to repeat."""
        self._file.close()
        self._unfinished.unlink(missing_ok=True)

    def _frame(self, what: object) -> None:
        packed = bytes(cramjam.zstd.compress(_encoder.encode(what), LEVEL))
        self._put(_LENGTH.pack(len(packed)))
        self._put(packed)

    def _put(self, data: bytes) -> None:
        self._digest.update(data)
        self._file.write(data)


def read_header(path: Path, shard: ShardId) -> Header:
    """The header of a file that is whole: all of it is read and its checksum compared; blocks.

    Raises:
        SnapshotUnreadable: Torn, altered, of another version or of another shard.
    """
    try:
        with path.open("rb") as file:
            _compare_digest(file, path)
            file.seek(len(MAGIC))
            header = _header.decode(_unpacked(file, path))
    except OSError as error:
        raise SnapshotUnreadable(f"{path} cannot be read: {error}") from error
    except UNREADABLE as error:
        raise SnapshotUnreadable(f"{path}: its header says nothing known: {error}") from error
    if header.shard != shard:
        raise SnapshotUnreadable(f"{path} is of shard {header.shard}, not of {shard}")
    return header


def read_parts(path: Path) -> Iterator[Part]:
    """The fields of a file whose header was read, part by part; blocks.

    Raises:
        SnapshotUnreadable: It cannot be read any more.
    """
    try:
        with path.open("rb") as file:
            file.seek(len(MAGIC))
            _unpacked(file, path)
            while packed := _unpacked(file, path):
                yield _part.decode(packed)
    except OSError as error:
        raise SnapshotUnreadable(f"{path} cannot be read: {error}") from error
    except UNREADABLE as error:
        raise SnapshotUnreadable(f"{path}: a part says nothing known: {error}") from error


def _compare_digest(file: BinaryIO, path: Path) -> None:
    size = os.fstat(file.fileno()).st_size
    if file.read(len(MAGIC)) != MAGIC:
        raise SnapshotUnreadable(f"{path} is no snapshot of a version that this program knows")
    left = size - len(MAGIC) - DIGEST_BYTES
    digest = xxhash.xxh3_128(MAGIC)
    while left > 0:
        chunk = file.read(min(READ_BYTES, left))
        if not chunk:
            break
        digest.update(chunk)
        left -= len(chunk)
    if left or file.read() != digest.digest():
        raise SnapshotUnreadable(f"{path} is torn or was altered: its checksum is another")


def _unpacked(file: BinaryIO, path: Path) -> bytes:
    """The next frame; empty at the end."""
    raw = file.read(_LENGTH.size)
    length = _LENGTH.unpack(raw)[0] if len(raw) == _LENGTH.size else FRAME_BYTES_MAX + 1
    if length > FRAME_BYTES_MAX:
        raise SnapshotUnreadable(f"{path} is torn: a part has no length")
    if not length:
        return b""
    packed = file.read(length)
    if len(packed) != length:
        raise SnapshotUnreadable(f"{path} is torn: a part ends early")
    try:
        return bytes(cramjam.zstd.decompress(packed))
    except cramjam.DecompressionError as error:
        raise SnapshotUnreadable(f"{path}: a part cannot be unpacked: {error}") from error


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
