"""Events that another route of this process makes of its requests, one at a time.

Invariant: as with ``POST /v1/events``: no tick vouches for an event that is still under way, and a
caller that hangs up changes nothing of what was begun.
"""

import asyncio
from collections.abc import Callable

from ingest.collector import Collector
from ingest.consent.gate import ConsentGate
from ingest.judging import Judging
from ingest.limits import IntakeLimits
from ingest.stamps import Stamps
from runtime.keys import ApiKey
from schemas.errors import InvalidEvent
from schemas.frames import HTTP_PATH
from schemas.usage import UsageEvent


class SingleIntake:
    """Checks and takes single events.

    Args:
        collector: Takes them.
        stamps: Gives received times.
        limits: The clock allowance, and how long tokens may take.
        now_ms: The real time.
        consents: Judges member tokens; None takes none.
    """

    def __init__(
        self,
        collector: Collector,
        stamps: Stamps,
        *,
        limits: IntakeLimits,
        now_ms: Callable[[], int],
        consents: ConsentGate | None,
    ) -> None:
        self._collector, self._stamps = collector, stamps
        self._judging, self._now_ms = Judging(limits, consents), now_ms
        self._in_work: set[asyncio.Task[None]] = set()

    async def check(self, key: ApiKey, element: bytes) -> UsageEvent:
        """The event in an element, as it would be taken now; nothing is taken.

        Args:
            key: Of whoever sends it.
            element: A structured CloudEvent.

        Raises:
            InvalidEvent: It is none, is another source's, or is surely without consent.
            RecoverableError: A token's keys cannot be had.
        """
        return await self._judged(key, element, self._now_ms())

    async def take(self, key: ApiKey, element: bytes) -> None:
        """Take it; returns once Kafka has it.

        Args:
            key: Of whoever sends it.
            element: A structured CloudEvent.

        Raises:
            InvalidEvent: See ``check``.
            RecoverableError: Kafka did not confirm; it may be there, so send it again.
        """
        task = asyncio.get_running_loop().create_task(self._take(key, element))
        self._in_work.add(task)
        task.add_done_callback(self._in_work.discard)
        await asyncio.shield(task)

    async def drain(self) -> None:
        """Wait until everything taken in is delivered or has failed."""
        while self._in_work:
            await asyncio.wait(self._in_work)

    async def _take(self, key: ApiKey, element: bytes) -> None:
        with self._stamps.taken() as received_at_ms:
            event = await self._judged(key, element, received_at_ms)
            await self._collector.accept(HTTP_PATH, [event])

    async def _judged(self, key: ApiKey, element: bytes, received_at_ms: int) -> UsageEvent:
        judged = await self._judging.judged([element], key, received_at_ms)
        for refusal in judged.refusals:
            raise InvalidEvent(refusal.reason, refusal.detail)
        return judged.events[0]
