"""What the late path's reader asks of the world around it.

Invariant: nothing here keeps a position for it: which verdict is next, the shards say.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from schemas.frames import LateVerdict
from schemas.usage import UsageEvent
from warehouse.late import AppliedName, LateItem, SealedLife


class Waiting(NamedTuple):
    """What one shard waits for.

    Args:
        next: Number of the late event whose verdict comes next.
        end: Number that its next late event will have.
        offset: Of the log record that it stood on by then; -1 where none is known.
    """

    next: int
    end: int
    offset: int = -1


class LateShards(Protocol):
    """Tells what the shards wait for."""

    async def waiting(self) -> Mapping[int, Waiting]:
        """Shards that have late events without a verdict. Cheap; does not retry; idempotent.

        Raises:
            RecoverableError: The shards' state cannot be reached.
        """
        ...


class LateBooks(Protocol):
    """The warehouse, as far as the late path asks it. Blocks; called from a thread.

    Every method raises ``WarehouseUnavailable`` when there is no answer; none retries.
    """

    def reached(self) -> Mapping[int, int]:
        """By shard, the first sequence of the applied stream that is not in without a hole."""
        ...

    def late_items(self, wanted: Mapping[int, tuple[int, int]], limit: int) -> Sequence[LateItem]:
        """Late events from a number on and below a sequence, by shard and number.

        ``limit`` is of each shard.
        """
        ...

    def applied_names(self, events: Sequence[UsageEvent]) -> Sequence[AppliedName]:
        """Applied events of the same names."""
        ...

    def sealed_lives(self, events: Sequence[UsageEvent]) -> Sequence[SealedLife]:
        """Closed lives of these events' sessions."""
        ...


class VerdictLog(Protocol):
    """Where verdicts go."""

    async def append(self, verdicts: Sequence[tuple[int, LateVerdict]]) -> Sequence[int]:
        """Puts verdicts into their shards' logs, in order; returns when they are safe.

        Returns:
            The offset of each in its shard's log.

        Raises:
            RecoverableError: Not confirmed; each may or may not be there.
        """
        ...
