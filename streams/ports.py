"""What a shard's owner asks of the world around it; Kafka, Redis and tests stand behind.

Invariant: nothing here knows Faust; an owner can be driven by a list of records.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from schemas.ids import ShardId
from schemas.outputs import Stream
from shard.cursor import Cursor, Head
from shard.emission import Output
from shard.loading import Bodies
from shard.port import Store
from streams.snapshots.restoring import Snapshots


class LogSeat(Protocol):
    """The place from which one shard's log is read."""

    async def bounds(self) -> tuple[int, int]:
        """First offset that the log has, and the offset after its last. Does not block the loop.

        Raises:
            RecoverableError: The log cannot be reached.
        """
        ...

    async def seek(self, offset: int) -> None:
        """From now on records come from this offset, after what is already on its way.

        Idempotent.

        Raises:
            RecoverableError: The log cannot be reached.
        """
        ...


class Ends(Protocol):
    """Tells how far a shard's outputs have been published."""

    async def published(self, shard: ShardId, cursor: Cursor) -> Mapping[Stream, Head]:
        """The end of each output stream; a stream without messages ends at its start.

        Idempotent; does not retry.

        Raises:
            RecoverableError: Kafka cannot be reached.
            ShardStopped: What was published cannot be read.
        """
        ...


class Outlet(Protocol):
    """Where outputs go."""

    async def publish(self, shard: ShardId, outputs: Sequence[Output]) -> None:
        """Returns when all of them are safe. After an error each may or may not be there.

        Raises:
            RecoverableError: Not confirmed in time.
        """
        ...


class Watch(Protocol):
    """Is told what an owner did; never blocks, never fails."""

    def applied(self, shard: ShardId, done: "Done") -> None:
        """A batch is in the store."""
        ...

    def reloading(self, shard: ShardId, fault: Exception) -> None:
        """The state was dropped and will be read again."""
        ...

    def stopped(self, shard: ShardId, fault: Exception) -> None:
        """The shard waits for an operator."""
        ...


class Patience(Protocol):
    """Waits before an owner tries again."""

    async def wait(self, failures: int) -> None:
        """Returns when it is time.

        Args:
            failures: How many times in a row it went wrong before this one, from 0.
        """
        ...


class Done(NamedTuple):
    """What a batch came to.

    Args:
        records: How many log records.
        events: How many usage events were in them.
        outputs: How many messages were published.
        offset: Of the last record.
        received_ms: When the newest live usage event was taken in, or -1.
        step_ns: Spent deciding.
        publish_ns: Spent until Kafka had it.
        apply_ns: Spent until Redis had it.
        overdraft_micros: The furthest that a wallet was found beyond its credit limit so far.
    """

    records: int
    events: int
    outputs: int
    offset: int
    received_ms: int
    step_ns: int
    publish_ns: int
    apply_ns: int
    overdraft_micros: int = 0


class Parts(NamedTuple):
    """What one owner works with.

    Args:
        log_id: Identity of the log.
        seat: Where its log is read.
        store: Of the shard's state.
        bodies: Compiled catalogues.
        ends: How far its outputs are published.
        outlet: Where they go.
        watch: Who is told.
        patience: How long it waits after a fault.
        snapshots: Of the shard; None neither takes nor restores any.
    """

    log_id: str
    seat: LogSeat
    store: Store
    bodies: Bodies
    ends: Ends
    outlet: Outlet
    watch: Watch
    patience: Patience
    snapshots: Snapshots | None = None
