"""The owners of the shards that are assigned to this process.

Invariant: at most one owner per shard in a process; it is dropped when the shard goes elsewhere.
Two processes may own one shard for a moment: the compare-and-write lets only one of them go on.
"""

import asyncio
from collections.abc import Callable, Iterable

from schemas.errors import RecoverableError, ShardStopped
from schemas.ids import ShardId
from shard.port import Store
from streams.owner import ShardOwner

CURSOR_WAIT_S = 5


class Owners:
    """Makes owners when their first records come.

    Args:
        store_of: The store of a shard.
        owner_of: A new owner of a shard.
        on_left: Is told of shards that go elsewhere.
    """

    def __init__(
        self,
        store_of: Callable[[ShardId], Store],
        owner_of: Callable[[ShardId], ShardOwner],
        on_left: Callable[[ShardId], None],
    ) -> None:
        self._store_of = store_of
        self._owner_of = owner_of
        self._on_left = on_left
        self._owners: dict[ShardId, ShardOwner] = {}

    def owner(self, shard: ShardId) -> ShardOwner:
        """The owner of a shard."""
        owner = self._owners.get(shard)
        if owner is None:
            owner = self._owners[shard] = self._owner_of(shard)
        return owner

    def keep(self, shards: Iterable[ShardId]) -> None:
        """Drops the owners of all other shards; what they have under way ends or is in vain."""
        for shard in self._owners.keys() - set(shards):
            del self._owners[shard]
            self._on_left(shard)

    async def positions(self, shards: Iterable[ShardId]) -> dict[ShardId, int]:
        """From which offset each shard's log is to be read.

        The record that the cursor stands on is read again, to see that it is the same. Where the
        cursor cannot be had, reading begins at the start: the owner seeks once it has loaded.
        """
        asked = list(shards)
        found = await asyncio.gather(*(self._position(shard) for shard in asked))
        return dict(zip(asked, found, strict=True))

    async def _position(self, shard: ShardId) -> int:
        try:
            async with asyncio.timeout(CURSOR_WAIT_S):
                cursor = await self._store_of(shard).cursor()
        except (RecoverableError, ShardStopped, TimeoutError):
            return 0
        return 0 if cursor is None else max(cursor.offset, 0)
