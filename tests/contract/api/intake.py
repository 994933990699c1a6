"""The collector of the real edge, in front of the shards of this suite: only Kafka is a list."""

from collections.abc import Sequence

from ingest.collector import Collector
from ingest.limits import IntakeLimits
from ingest.single import SingleIntake
from ingest.stamps import Stamps
from runtime.metrics import Metrics
from runtime.publisher import OutMessage
from schemas.frames import decode_record
from schemas.topics import LOG_TOPIC
from tests.contract.api.shards import SHARDS, LiveShards, SteppedClock


class _ShardLogs:
    """Puts what is published straight into the shards."""

    def __init__(self, shards: LiveShards) -> None:
        self._shards = shards

    async def publish(self, messages: Sequence[OutMessage]) -> list[int]:
        """See ``ingest.port.Publisher``."""
        await self._shards.ping()
        for message in messages:
            assert message.topic == LOG_TOPIC
            assert message.partition is not None
            await self._shards.feed(message.partition, decode_record(message.value))
        return [0] * len(messages)


def single_intake(shards: LiveShards, clock: SteppedClock) -> SingleIntake:
    """Single events into the shards."""
    limits = IntakeLimits()
    collector = Collector(_ShardLogs(shards), shards=SHARDS, limits=limits, metrics=Metrics())
    stamps = Stamps(clock.wall_ms)
    return SingleIntake(collector, stamps, limits=limits, now_ms=clock.wall_ms, consents=None)
