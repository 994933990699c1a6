"""What the edges need of Kafka's producing side; ``runtime.publisher`` is the real one.

Invariant: who holds this port never sees a client library. It does not own retries.
"""

from collections.abc import Sequence
from typing import Protocol

from runtime.publisher import OutMessage


class Publisher(Protocol):
    """Puts messages into Kafka."""

    async def publish(self, messages: Sequence[OutMessage]) -> list[int]:
        """Hand over messages and wait until all are safe (acks=all).

        Messages of one partition keep their order, within a call and, when calls are begun one
        after the other, between calls: all of a call are queued before it first waits. Transport
        faults are retried inside, within a bound. Calling again after a failure may double
        messages: readers recognise events by their id.

        Args:
            messages: Any number; each is at most a frame.

        Returns:
            The offset of each.

        Raises:
            RecoverableError: Not all are known to be safe within the bound.
        """
        ...
