"""What carrying legs asks of the world around it.

Invariant: nothing here decides anything; what is carried twice counts once, by its number.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from schemas.legs import Leg


class Read(NamedTuple):
    """A message of the legs topic.

    Args:
        partition: Its shard.
        offset: Its place.
        legs: In it.
    """

    partition: int
    offset: int
    legs: Sequence[Leg]


class LegFeed(Protocol):
    """The legs topic, from where it was carried to; all of it raises ``RecoverableError``."""

    async def poll(self) -> Sequence[Read]:
        """The next messages, of each partition in order; nothing where none came for a while.

        Raises:
            ShardStopped: A message cannot be read.
        """
        ...

    async def commit(self, read: Sequence[Read]) -> None:
        """Notes that these have been carried. Idempotent."""
        ...


class LegLog(Protocol):
    """Where legs go."""

    async def append(self, legs: Sequence[Leg]) -> None:
        """Puts legs into their targets' logs, in order; returns when they are safe.

        Raises:
            RecoverableError: Not confirmed; of each target a first part of them may be there.
        """
        ...
