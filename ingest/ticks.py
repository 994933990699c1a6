"""Watermark ticks of the live HTTP path: what this collector vouches for, and when it cannot.

Invariant: a tick up to t is published after every event stamped t or earlier; a stretch in which
we could not take events in is never vouched for, so our outage is nobody's silence.
It does not own the meaning of silence: that is in the shard.
"""

import asyncio
from collections.abc import Callable

import structlog

from ingest.collector import Collector
from ingest.framing import tick_messages
from ingest.limits import IntakeLimits
from ingest.port import Publisher
from ingest.stamps import Stamps
from schemas.errors import RecoverableError
from schemas.frames import HTTP_PATH, Tick
from schemas.ids import LIVE

_log = structlog.get_logger()


class HttpTicks:
    """One collector's membership of the live HTTP path."""

    def __init__(
        self,
        publisher: Publisher,
        collector: Collector,
        stamps: Stamps,
        *,
        instance: str,
        shards: int,
        limits: IntakeLimits,
        now_ms: Callable[[], int],
    ) -> None:
        """Wire it; the first tick begins the membership.

        Args:
            publisher: Where ticks go.
            collector: Whose failures are outages.
            stamps: What is in work.
            instance: Names this collector among the path's members; new at every start.
            shards: Stored number of shards.
            limits: Interval, and what counts as a stall.
            now_ms: The wall clock that stamps use, so that its jumps are seen as stalls.
        """
        self._publisher = publisher
        self._collector = collector
        self._stamps = stamps
        self._instance = instance
        self._shards = shards
        self._limits = limits
        self._now_ms = now_ms
        self._failures_seen = 0
        self._beaten_at_ms: int | None = None
        self._told_ms = 0
        # Until a tick got through, nothing is vouched for; so it is at the start.
        self._begins_anew = True

    async def run(self) -> None:
        """Beat until cancelled; a failed beat is the next one's outage."""
        while True:
            await self.beat()
            await asyncio.sleep(self._limits.tick_interval_ms / 1000)

    async def leave(self) -> None:
        """Say the last tick; call it when nothing more is taken in and all is delivered."""
        await self.beat(leave=True)

    async def beat(self, *, leave: bool = False) -> None:
        """Publish one tick, unless there is nothing new to say."""
        now_ms = self._now_ms()
        self._begins_anew = self._begins_anew or self._was_out(now_ms)
        self._beaten_at_ms = now_ms
        to_ms = self._stamps.vouched()
        if to_ms == self._told_ms and not leave:
            return
        from_ms = to_ms if self._begins_anew else None
        tick = Tick(LIVE, HTTP_PATH, self._instance, from_ms, to_ms, leave)
        try:
            await self._publisher.publish(tick_messages(tick, self._shards))
        except RecoverableError as error:
            self._begins_anew = True
            _log.warning("tick not delivered", path=HTTP_PATH, error=str(error))
            return
        self._told_ms = to_ms
        # Delivered, but so late that senders met a closed door meanwhile.
        self._begins_anew = self._now_ms() - now_ms > self._limits.stall_ms

    def _was_out(self, now_ms: int) -> bool:
        """Whether we failed or stood still since the last beat."""
        failed = self._collector.failures != self._failures_seen
        self._failures_seen = self._collector.failures
        paused = (
            self._beaten_at_ms is not None
            and not 0 <= now_ms - self._beaten_at_ms <= self._limits.stall_ms
        )
        return failed or paused or self._stamps.oldest_age_ms() > self._limits.stall_ms
