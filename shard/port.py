"""What a shard asks of a store: load, and one atomic compare-and-write.

Invariant of every store: ``apply`` writes all of the changes and the new cursor, or nothing; it
writes only when the stored cursor is the expected one. No business rule lives in a store.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

import msgspec

from shard.cursor import Cursor


class Kind(StrEnum):
    """The hashes of a shard; ids have one hash per clock domain and hour beside these."""

    WALLETS = "wallets"
    SESSIONS = "sessions"
    CLOSED = "closed"
    PASSES = "passes"
    COUNTERS = "counters"
    BOUGHT = "bought"
    RENEWALS = "renewals"
    WAKES = "wakes"
    LEGS = "legs"
    RESULTS = "results"
    CONSENTS = "consents"
    CARDS = "cards"
    BATCHES = "batches"
    SERIALS = "serials"
    META = "meta"


Field = str | bytes
EVICT = "evict:"
# Longer than a slice of making again may take, so that a token of the dead frees a shard soon.
HOLD_S = 30


class Changes(msgspec.Struct):
    """After-images of a batch, by hash name.

    Args:
        put: Field values to write.
        removed: Fields to remove.
        dropped: Hashes to remove whole.
    """

    put: dict[str, dict[Field, bytes]] = {}
    removed: dict[str, list[Field]] = {}
    dropped: list[str] = []


class Store(Protocol):
    """State of one shard, kept outside the process (or in memory for dry runs)."""

    async def cursor(self) -> Cursor | None:
        """The stored cursor, or None where nothing is stored.

        Does not retry; safe to repeat.

        Raises:
            RecoverableError: The store cannot be reached.
            ShardStopped: The stored cursor cannot be read.
        """
        ...

    async def load(self, wanted: Mapping[str, list[Field]]) -> dict[str, list[bytes | None]]:
        """The values of fields, by hash name, in the order asked: for readers, who decide nothing.

        Does not retry; safe to repeat.

        Raises:
            RecoverableError: The store cannot be reached.
        """
        ...

    async def load_at(
        self, wanted: Mapping[str, list[Field]], at: Cursor | None
    ) -> dict[str, list[bytes | None]]:
        """The same as they are at a cursor: for the owner.

        Cursor and values are read at one moment, so values of before or after somebody else's
        write, or of a store that went back, are never taken for those of ``at``. Does not retry;
        safe to repeat.

        Args:
            wanted: Fields by hash name.
            at: The cursor that the caller's memory belongs to; None: nothing stored.

        Raises:
            CursorMoved: The stored cursor is another.
            RecoverableError: The store cannot be reached.
        """
        ...

    async def load_all(self, name: str) -> dict[bytes, bytes]:
        """A whole hash, read in bounded slices.

        Raises:
            RecoverableError: The store cannot be reached.
        """
        ...

    async def load_all_at(self, name: str, at: Cursor) -> dict[bytes, bytes]:
        """A whole hash as it is at a cursor: for the owner; see ``load_at``.

        Raises:
            CursorMoved: The stored cursor is another.
            RecoverableError: The store cannot be reached.
        """
        ...

    async def some_fields(self, name: str, count: int) -> list[bytes]:
        """Names of any ``count`` fields of a hash; of all where there are not so many.

        Does not retry; safe to repeat.

        Raises:
            RecoverableError: The store cannot be reached.
        """
        ...

    async def apply(self, expected: Cursor | None, new: Cursor, changes: Changes) -> None:
        """Writes changes and cursor when the stored cursor is ``expected`` (None: nothing stored).

        Does not retry. After an unknown outcome the caller drops its cache and reads the cursor.

        Raises:
            CursorMoved: The stored cursor is another; nothing was written.
            RecoverableError: The store cannot be reached, or refused for lack of memory.
        """
        ...

    async def close(self) -> None:
        """Ends the connection; safe to repeat."""
        ...


class WholeStore(Store, Protocol):
    """A store that can also be copied whole, and made again under a token in the cursor's place.

    While a token is there no ``apply`` of anybody matches, and each of the calls below that take a
    token writes only while it is the one stored; so of two who make a shard again one goes on.
    A token lapses ``HOLD_S`` after its last call; from then on another may take its place.
    """

    async def names(self) -> list[str]:
        """Names of all hashes that are not empty.

        Raises:
            RecoverableError: The store cannot be reached.
        """
        ...

    async def slice_at(
        self, name: str, position: int, at: Cursor
    ) -> tuple[int, dict[bytes, bytes]]:
        """Some fields of a hash as they are at a cursor, and where to go on; 0: begin, or done.

        What is in the hash from the first slice to the last is given at least once.

        Raises:
            CursorMoved: The stored cursor is another.
            RecoverableError: The store cannot be reached.
        """
        ...

    async def hold(self, token: bytes) -> None:
        """Puts a token in the place of whatever cursor there is. Safe to repeat.

        Raises:
            ShardHeld: Another's token is there and has not lapsed.
            RecoverableError: The store cannot be reached.
        """
        ...

    async def clear(self, token: bytes) -> None:
        """Removes every hash of the shard. Safe to repeat.

        Raises:
            CursorMoved: The token is no longer there.
            RecoverableError: The store cannot be reached.
        """
        ...

    async def fill(self, token: bytes, name: str, values: Mapping[bytes, bytes]) -> None:
        """Writes fields of a hash. Safe to repeat.

        Raises:
            CursorMoved: The token is no longer there.
            RecoverableError: The store cannot be reached, or refused for lack of memory.
        """
        ...

    async def release(self, token: bytes, cursor: Cursor | None) -> None:
        """Puts a cursor in the token's place, None for that of a shard without any state.

        Raises:
            CursorMoved: The token is no longer there.
            RecoverableError: The store cannot be reached.
        """
        ...


def evict_hash(domain: str, hour: int) -> str:
    """Name of the hash whose fields are those of ``closed`` that last changed in an hour."""
    return f"{EVICT}{domain}:{hour}"


def ids_hash(domain: str, hour: int) -> str:
    """Name of the hash that remembers the event ids of the span that begins with an hour."""
    return f"ids:{domain}:{hour}"
