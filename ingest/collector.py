"""Gathers what concurrent requests bring into few, large publishes (Nagle, per process).

Invariant: ``accept`` returns only after Kafka has all of its events, in the order of the calls.
It does not own checks, stamps or ticks, and keeps nothing once a publish has ended.
"""

import asyncio
from collections.abc import Sequence

from ingest.framing import dead_messages, log_messages
from ingest.limits import IntakeLimits
from ingest.port import Publisher
from runtime.metrics import Metrics
from schemas.errors import RecoverableError
from schemas.frames import HTTP_PATH
from schemas.refusals import DeadLetter
from schemas.usage import UsageEvent


class Overloaded(RecoverableError):
    """More is waiting for Kafka than we hold: the sender is asked to come again."""


class _Gathering:
    """Events that will leave together, and the task that takes them."""

    def __init__(self) -> None:
        self.events: dict[str, list[UsageEvent]] = {}
        self.letters: list[DeadLetter] = []
        self.size = 0
        self.go = asyncio.Event()
        self.landing: asyncio.Task[None] | None = None


class Collector:
    """Frames and publishes accepted events."""

    def __init__(
        self, publisher: Publisher, *, shards: int, limits: IntakeLimits, metrics: Metrics
    ) -> None:
        """Wire it; nothing is sent yet.

        Args:
            publisher: Where messages go.
            shards: Stored number of shards.
            limits: How much may wait, gather and fly.
            metrics: Counts what was delivered.
        """
        self._publisher = publisher
        self._shards = shards
        self._limits = limits
        self._metrics = metrics
        self._gathering: _Gathering | None = None
        self._pending = 0
        self._flights = 0
        self.failures = 0

    async def accept(
        self,
        path: str,
        events: Sequence[UsageEvent],
        letters: Sequence[DeadLetter] = (),
    ) -> None:
        """Publish events and dead letters, together with those of concurrent calls.

        Args:
            path: Ingest path.
            events: Of one request, in its order; their order per shard is kept.
            letters: Its refused events.

        Raises:
            Overloaded: Too much is waiting; nothing was taken.
            RecoverableError: Kafka did not confirm; some may be there, so send all again.
        """
        size = len(events) + len(letters)
        if not size:
            return
        if self._pending + size > self._limits.pending_events_max:
            raise Overloaded(f"{self._pending} events wait for Kafka; send again later")
        self._pending += size
        try:
            gathering = self._gathering or self._open_gathering()
            gathering.events.setdefault(path, []).extend(events)
            gathering.letters.extend(letters)
            gathering.size += size
            if self._may_fly(gathering):
                gathering.go.set()
            assert gathering.landing is not None
            # One caller that goes away must not call back what others wait for.
            await asyncio.shield(gathering.landing)
        finally:
            self._pending -= size

    def _open_gathering(self) -> _Gathering:
        loop = asyncio.get_running_loop()
        gathering = self._gathering = _Gathering()
        gathering.landing = loop.create_task(self._fly(gathering))
        if self._flights:
            loop.call_later(self._limits.linger_ms / 1000, self._linger_over, gathering)
        return gathering

    def _may_fly(self, gathering: _Gathering) -> bool:
        if not self._flights:
            return True
        full = gathering.size >= self._limits.gather_events
        return full and self._flights < self._limits.flights_max

    def _linger_over(self, gathering: _Gathering) -> None:
        if self._flights < self._limits.flights_max:
            gathering.go.set()

    async def _fly(self, gathering: _Gathering) -> None:
        await gathering.go.wait()
        self._gathering = None
        self._flights += 1
        messages = dead_messages(gathering.letters)
        for path, events in gathering.events.items():
            messages.extend(log_messages(path, events, self._shards))
        try:
            await self._publisher.publish(messages)
        except RecoverableError:
            self.failures += 1
            self._metrics.count("ncash_publish_faults_total")
            raise
        finally:
            self._flights -= 1
            self._release()
        for path, events in gathering.events.items():
            count_taken(self._metrics, path, accepted=len(events), letters=())
        count_taken(self._metrics, HTTP_PATH, accepted=0, letters=gathering.letters)

    def _release(self) -> None:
        """A flight has landed: what gathered meanwhile may leave."""
        if self._gathering is not None:
            self._gathering.go.set()


def count_taken(
    metrics: Metrics, path: str, *, accepted: int, letters: Sequence[DeadLetter]
) -> None:
    """Count what was delivered, by path, and what was refused, by reason too."""
    if accepted:
        metrics.count("ncash_events_accepted_total", accepted, path=path)
    for letter in letters:
        metrics.count("ncash_events_refused_total", path=path, reason=letter.reason)
