"""What the edges need of others: Kafka's producing side, and where sessions stand.

Invariant: who holds a port never sees a client library. ``runtime.publisher`` is the real
publisher; whoever builds the process brings the rest. It does not own retries.
"""

from collections.abc import Sequence
from typing import Protocol

from runtime.publisher import OutMessage
from schemas.control import SessionRef, Standing


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


class Standings(Protocol):
    """Knows where open sessions stand."""

    async def standings(self, tenant: str, names: Sequence[SessionRef]) -> list[Standing]:
        """Those of these sessions that are open, as they are known now; bounded, no retry.

        Raises:
            RecoverableError: It cannot be known now.
        """
        ...
