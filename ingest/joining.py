"""How the partitions of the raw topic become members of a clock domain's Kafka path.

Invariant: in every shard each partition that is known has joined at 0 before the first tick that
could move the path's watermark, so none speaks for another that still holds older records. A
member that is there already stays where it is: joining again changes nothing and leaves no gap.
It does not own when that is said: whoever ticks asks first, and delivers the answer first.
"""

from collections.abc import Iterable

from ingest.framing import tick_messages
from runtime.publisher import OutMessage
from schemas.frames import KAFKA_PATH, Tick

BEGINNING_MS = 0


def member_of(topic: str, partition: int) -> str:
    """The Kafka path's name of a raw partition."""
    return f"{topic}/{partition}"


class Joining:
    """What this process has let join; another process lets the same join, without harm."""

    def __init__(self, topic: str, shards: int) -> None:
        """Begin with nobody.

        Args:
            topic: The raw topic.
            shards: Stored number of shards.
        """
        self._topic = topic
        self._shards = shards
        self._joined: dict[str, set[int]] = {}

    def due(self, domain: str, partitions: Iterable[int]) -> list[OutMessage]:
        """The ticks by which partitions join that this process has not seen join.

        Args:
            domain: Clock domain.
            partitions: All that the topic has now.

        Returns:
            Messages that are delivered before any other tick of the domain; who cannot deliver
            them must not go on, since they are not given out again.
        """
        joined = self._joined.setdefault(domain, set())
        new = sorted(set(partitions) - joined)
        joined.update(new)
        return [
            message
            for partition in new
            for message in tick_messages(
                Tick(domain, KAFKA_PATH, member_of(self._topic, partition), None, BEGINNING_MS),
                self._shards,
            )
        ]
