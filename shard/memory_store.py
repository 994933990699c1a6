"""A store in memory: dry runs and the simulator use it; the contract is the Redis store's.

Invariant: holds bytes only, so whatever passes through it could have been stored elsewhere.
"""

from collections.abc import Mapping

from schemas.errors import CursorMoved, ShardHeld
from shard.cursor import HELD, Cursor, decode_cursor, encode_cursor
from shard.port import Changes, Field


class MemoryStore:
    """State of one shard in this process."""

    def __init__(self) -> None:
        self._cursor: bytes | None = None
        self._hashes: dict[str, dict[bytes, bytes]] = {}

    async def cursor(self) -> Cursor | None:
        """See ``shard.port.Store``."""
        return None if self._cursor is None else decode_cursor(self._cursor)

    async def load(self, wanted: Mapping[str, list[Field]]) -> dict[str, list[bytes | None]]:
        """See ``shard.port.Store``."""
        return {
            name: [self._hashes.get(name, {}).get(_raw(field)) for field in fields]
            for name, fields in wanted.items()
        }

    async def load_at(
        self, wanted: Mapping[str, list[Field]], at: Cursor | None
    ) -> dict[str, list[bytes | None]]:
        """See ``shard.port.Store``."""
        self._compare(at)
        return await self.load(wanted)

    async def load_all(self, name: str) -> dict[bytes, bytes]:
        """See ``shard.port.Store``."""
        return dict(self._hashes.get(name, {}))

    async def load_all_at(self, name: str, at: Cursor) -> dict[bytes, bytes]:
        """See ``shard.port.Store``."""
        self._compare(at)
        return await self.load_all(name)

    async def some_fields(self, name: str, count: int) -> list[bytes]:
        """See ``shard.port.Store``."""
        return list(self._hashes.get(name, {}))[:count]

    async def apply(self, expected: Cursor | None, new: Cursor, changes: Changes) -> None:
        """See ``shard.port.Store``."""
        self._compare(expected)
        for name in changes.dropped:
            self._hashes.pop(name, None)
        for name, fields in changes.removed.items():
            for field in fields:
                self._hashes.get(name, {}).pop(_raw(field), None)
        for name, values in changes.put.items():
            hash_ = self._hashes.setdefault(name, {})
            for field, value in values.items():
                hash_[_raw(field)] = value
        self._cursor = encode_cursor(new)

    async def names(self) -> list[str]:
        """See ``shard.port.WholeStore``."""
        return sorted(name for name, hash_ in self._hashes.items() if hash_)

    async def slice_at(
        self, name: str, position: int, at: Cursor
    ) -> tuple[int, dict[bytes, bytes]]:
        """See ``shard.port.WholeStore``; one slice is all."""
        assert position == 0
        self._compare(at)
        return 0, await self.load_all(name)

    async def hold(self, token: bytes) -> None:
        """See ``shard.port.WholeStore``; there is no clock here: no token lapses."""
        if self._cursor != token and (self._cursor or b"").startswith(HELD):
            raise ShardHeld("the shard is being made again by somebody else")
        self._cursor = token

    async def clear(self, token: bytes) -> None:
        """See ``shard.port.WholeStore``."""
        self._must_hold(token)
        self._hashes.clear()

    async def fill(self, token: bytes, name: str, values: Mapping[bytes, bytes]) -> None:
        """See ``shard.port.WholeStore``."""
        self._must_hold(token)
        self._hashes.setdefault(name, {}).update(values)

    async def release(self, token: bytes, cursor: Cursor | None) -> None:
        """See ``shard.port.WholeStore``."""
        self._must_hold(token)
        self._cursor = None if cursor is None else encode_cursor(cursor)

    def copied(self) -> "MemoryStore":
        """A store of its own with the same content, such as an older copy to fail over to."""
        twin = MemoryStore()
        twin._cursor = self._cursor
        twin._hashes = {name: dict(hash_) for name, hash_ in self._hashes.items()}
        return twin

    def contents(self) -> dict[str, dict[bytes, bytes]]:
        """All that is stored but the cursor, by hash; empty hashes are left out."""
        return {name: dict(hash_) for name, hash_ in self._hashes.items() if hash_}

    async def close(self) -> None:
        """See ``shard.port.Store``."""

    def _must_hold(self, token: bytes) -> None:
        if self._cursor != token:
            raise CursorMoved("somebody else makes the shard again now")

    def _compare(self, expected: Cursor | None) -> None:
        if self._cursor != (None if expected is None else encode_cursor(expected)):
            raise CursorMoved("the stored cursor is not the expected one")


def _raw(field: Field) -> bytes:
    return field if isinstance(field, bytes) else field.encode()
