"""Where a shard's outputs go: one message each, into the stream's partition of that shard."""

from collections.abc import Sequence
from typing import Protocol

from runtime.publisher import OutMessage
from schemas.ids import ShardId
from shard.emission import Output


class Publisher(Protocol):
    """What this file needs of ``runtime.publisher.Publisher``."""

    async def publish(self, messages: Sequence[OutMessage]) -> list[int]:
        """See ``runtime.publisher.Publisher.publish``."""
        ...


class KafkaOutlet:
    """See ``streams.ports.Outlet``.

    Args:
        publisher: Of this process.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    async def publish(self, shard: ShardId, outputs: Sequence[Output]) -> None:
        """See ``streams.ports.Outlet``."""
        await self._publisher.publish(
            [
                OutMessage(
                    topic=output.stream.value, partition=shard, key=output.key, value=output.value
                )
                for output in outputs
            ]
        )
