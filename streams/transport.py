"""Faust's aiokafka driver, made to start each partition where its shard's cursor stands.

Invariant: Kafka's committed offsets never decide where a shard goes on; they serve lag graphs.
Nothing is left out here: what comes twice or too early is the owner's to sort (``streams.owner``).
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from faust.transport.drivers.aiokafka import Consumer, Transport
from faust.types import TP

# What a fetch waits for at most while a partition is held back, which may be released meanwhile.
HELD_BACK_WAIT_S = 0.05

Positions = Callable[[set[TP]], Awaitable[Mapping[TP, int]]]


class _NothingRead(defaultdict[TP, int | None]):
    """Read offsets that Faust writes and never finds.

    Faust leaves out a record below the last one it passed on. After a seek back that can be a
    record from before the seek, and everything sought would be left out.
    """

    def __getitem__(self, key: TP) -> int | None:
        return None


class LogConsumer(Consumer):
    """Consumes the shards' logs from their cursors."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 -- Faust's own signature
        super().__init__(*args, **kwargs)
        self._read_offset = _NothingRead(lambda: None)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Called by Faust after each assignment."""
        transport = self.transport
        assert isinstance(transport, LogTransport)
        positions = await transport.positions(self.assignment())
        await self.seek_wait(positions)
        return positions

    async def on_stop(self) -> None:
        """Leaves the group for good, so that others take the shards over at once."""
        await super().on_stop()
        kafka: Any = self._thread._consumer  # noqa: SLF001 -- neither Faust nor aiokafka offers it
        coordinator = None if kafka is None else kafka._coordinator  # noqa: SLF001 -- likewise
        if coordinator is not None:
            # aiokafka lets a static member's place be held until its session times out.
            coordinator._group_instance_id = None  # noqa: SLF001 -- likewise

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ANN401, ASYNC109 -- Faust's own signature
        # Faust looks at which partitions are held back only before it waits.
        wait_s = HELD_BACK_WAIT_S if self._buffered_partitions else timeout
        return await super()._getmany(active_partitions, wait_s)


class LogTransport(Transport):
    """Makes ``LogConsumer`` the consumer of an app.

    Args:
        positions: Tells from which offset each assigned partition is to be read.
    """

    Consumer: ClassVar[Any] = LogConsumer

    def __init__(self, *args: Any, positions: Positions, **kwargs: Any) -> None:  # noqa: ANN401 -- likewise
        super().__init__(*args, **kwargs)
        self.positions = positions
