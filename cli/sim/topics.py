"""Kafka's topics as lists: offsets with holes, append stamps that never fall.

Invariant: what was appended stays, in order. It does not own who may append or what fails.
"""

from bisect import bisect_left
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

HOLE_PER_THOUSAND = 4
HOLE_MAX = 3
_THOUSAND = 1_000

Headers = Sequence[tuple[str, bytes | str | None]]


class Stored(NamedTuple):
    """One message.

    Args:
        offset: Its place.
        stamp_ms: The broker's append time.
        value: Bytes.
        headers: In order.
    """

    offset: int
    stamp_ms: int
    value: bytes
    headers: Headers


class Partition:
    """One partition.

    Args:
        chance: Decides where offsets have holes, as after a transaction's marker.
    """

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self.messages: list[Stored] = []
        self.end = 0
        self._last_ms = 0

    def append(self, value: bytes, now_ms: int, headers: Headers = ()) -> int:
        """Appends; returns the offset."""
        if self.end and self._chance.randrange(_THOUSAND) < HOLE_PER_THOUSAND:
            self.end += self._chance.randint(1, HOLE_MAX)
        offset = self.end
        self._last_ms = max(self._last_ms, now_ms)
        self.messages.append(Stored(offset, self._last_ms, value, headers))
        self.end = offset + 1
        return offset

    def read(self, offset: int, count: int) -> list[Stored]:
        """At most ``count`` messages from an offset on."""
        start = bisect_left(self.messages, offset, key=lambda message: message.offset)
        return self.messages[start : start + count]


class Topics:
    """All topics, each with as many partitions as it was made with.

    Args:
        chance: Of holes.
        partitions: By topic.
    """

    def __init__(self, chance: Random, partitions: dict[str, int]) -> None:
        self._partitions = {
            topic: [Partition(chance) for _ in range(count)] for topic, count in partitions.items()
        }

    def partition(self, topic: str, partition: int) -> Partition:
        """One partition."""
        return self._partitions[topic][partition]

    def count(self, topic: str) -> int:
        """How many partitions a topic has."""
        return len(self._partitions[topic])
