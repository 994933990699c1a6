"""Watermark ticks of the live Kafka path: what one collector says of its raw partitions.

Invariant: after an outage of ours a partition's next tick begins anew, so the stretch between is
nobody's silence. Pure: times come in as arguments. It does not own what a partition may vouch for.
"""

from collections.abc import Mapping

from ingest.framing import tick_messages
from ingest.joining import member_of
from ingest.limits import IntakeLimits
from ingest.raw_partition import RawPartition
from runtime.publisher import OutMessage
from schemas.frames import KAFKA_PATH, Tick
from schemas.ids import LIVE


class RawTicks:
    """One collector's ticks.

    Args:
        topic: The raw topic.
        shards: Stored number of shards.
        limits: Tick interval, and what counts as a stall.
    """

    def __init__(self, *, topic: str, shards: int, limits: IntakeLimits) -> None:
        self._topic = topic
        self._shards = shards
        self._limits = limits
        self._asked_at_ms: int | None = None

    def is_due(self, now_ms: int) -> bool:
        """Whether it is time to ask for the partitions' ends and to tick."""
        last_ms = self._asked_at_ms
        return last_ms is None or not 0 <= now_ms - last_ms < self._limits.raw_tick_interval_ms

    def messages(self, now_ms: int, partitions: Mapping[int, RawPartition]) -> list[OutMessage]:
        """What the shards are to be told now that the ends are known.

        Args:
            now_ms: When the ends were asked for.
            partitions: Those of this collector; what they told is noted in them.
        """
        last_ms, self._asked_at_ms = self._asked_at_ms, now_ms
        # Kafka was out of reach for senders too, perhaps: that stretch is nobody's silence.
        was_out = last_ms is not None and not 0 <= now_ms - last_ms <= self._limits.stall_ms
        messages: list[OutMessage] = []
        for partition, mine in sorted(partitions.items()):
            to_ms = mine.vouched()
            if to_ms is not None:
                mine.told_ms = to_ms
                member = member_of(self._topic, partition)
                tick = Tick(LIVE, KAFKA_PATH, member, to_ms if was_out else None, to_ms)
                messages += tick_messages(tick, self._shards)
        return messages
