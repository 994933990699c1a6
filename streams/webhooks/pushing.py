"""What becomes of an endpoint's signals: delivered, tried again, left out for newer ones, given up.

Invariant: a signal is committed only when it was delivered, superseded by a newer one of its
session while the endpoint was behind, or given up, which is counted and logged. Nothing of one
endpoint waits for another. An endpoint that fails holds no connection to Kafka while it waits.
"""

import asyncio
from collections.abc import Callable, Sequence
from secrets import randbelow
from typing import Literal

import structlog

from runtime.clock import Clock
from runtime.faults import TransportFault
from runtime.metrics import Metrics
from runtime.webhooks import Endpoint
from schemas.moment import SECOND_MS
from streams.webhooks.channels import SIGNALS, Channel
from streams.webhooks.ports import Failed, Pushed, PushLimits, SignalFeed
from streams.webhooks.rounds import Place, Rounds, newest_only

DOUBLINGS_MAX = 16
Counted = Literal["ncash_webhooks_given_up_total", "ncash_webhooks_superseded_total"]

_log = structlog.get_logger()


class Pusher:
    """Pushes to one endpoint until it is cancelled.

    Args:
        endpoint: Where to.
        feed: Makes a new reader of its group.
        rounds: Tries a batch.
        clock: Tells the age of a signal.
        metrics: Counts.
        limits: See there.
        channel: What is pushed.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        feed: Callable[[], SignalFeed],
        rounds: Rounds,
        clock: Clock,
        metrics: Metrics,
        limits: PushLimits,
        channel: Channel = SIGNALS,
    ) -> None:
        self.has_begun = False
        self._endpoint = endpoint
        self._channel = channel
        self._name = f"{endpoint.id}{channel.label}"
        self._feed = feed
        self._rounds = rounds
        self._clock = clock
        self._metrics = metrics
        self._limits = limits
        self._failures = 0
        # Delivered, and read again because others of their batch were not.
        self._delivered: set[Place] = set()

    async def run(self) -> None:
        """Push for ever; a fault of Kafka or of the endpoint is waited out."""
        self._show_down(is_down=False)
        while True:
            feed = self._feed()
            try:
                await self._follow(feed)
            except TransportFault as fault:
                _log.warning("webhook signals not read", endpoint=self._name, fault=str(fault))
            finally:
                await feed.close()
            await asyncio.sleep(self._pause_s())

    async def _follow(self, feed: SignalFeed) -> None:
        """Read and push until a round fails."""
        await feed.open()
        self.has_begun = True
        while True:
            batch = await feed.poll()
            if batch:
                if not await self._push(batch):
                    return
                await feed.commit(batch)
                self._delivered.difference_update(signal.place for signal in batch)

    async def _push(self, batch: Sequence[Pushed]) -> bool:
        """Whether nothing of the batch has to be read again."""
        own = [
            signal
            for signal in batch
            if self._channel.hears(self._endpoint, signal) and signal.place not in self._delivered
        ]
        is_thinned = self._channel.is_superseded and self._is_behind(batch)
        wanted = newest_only(own) if is_thinned else own
        if len(wanted) < len(own):
            self._count("ncash_webhooks_superseded_total", len(own) - len(wanted))
        failed = await self._rounds.deliver(wanted) if wanted else {}
        left = self._not_given_up(wanted, failed)
        if left:
            self._delivered.update(each.place for each in wanted if each.place not in failed)
            self._fail(left)
            return False
        if wanted and len(failed) < len(wanted):
            self._succeed()
        return True

    def _is_behind(self, batch: Sequence[Pushed]) -> bool:
        return self._failures > 0 or len(batch) >= self._limits.batch_max

    def _not_given_up(
        self, wanted: Sequence[Pushed], failed: dict[Place, Failed]
    ) -> dict[Place, Failed]:
        """The failures for which the signals are tried again."""
        is_alive = len(failed) < len(wanted)
        left: dict[Place, Failed] = {}
        for signal in wanted:
            fault = failed.get(signal.place)
            if fault is None:
                continue
            age_ms = self._clock.wall_ms() - signal.posted_at_ms
            # What is rejected while others are taken will be rejected for ever.
            if age_ms > self._limits.give_up_ms or (is_alive and fault.why == "rejected"):
                self._count("ncash_webhooks_given_up_total", 1)
                _log.error(
                    "webhook given up", endpoint=self._name, webhook_id=signal.name,
                    age_ms=age_ms, why=fault.why, detail=fault.detail,
                )  # fmt: skip
            else:
                left[signal.place] = fault
        return left

    def _fail(self, left: dict[Place, Failed]) -> None:
        faults = list(left.values())
        is_gone = any(each.why == "gone" for each in faults)
        was_down = self._failures >= self._limits.failures_max
        self._failures = max(self._failures + 1, self._limits.failures_max if is_gone else 0)
        is_down = self._failures >= self._limits.failures_max
        if is_down and not was_down:
            self._show_down(is_down=True)
        _log.warning(
            "webhook endpoint disabled for a while" if is_down else "webhooks not delivered",
            endpoint=self._name, signals=len(left), failures=self._failures,
            why=faults[0].why, detail=faults[0].detail,
        )  # fmt: skip

    def _succeed(self) -> None:
        if self._failures >= self._limits.failures_max:
            _log.info("webhook endpoint is back", endpoint=self._name)
        self._failures = 0
        self._show_down(is_down=False)

    def _pause_s(self) -> float:
        """Half fixed, half chance, twice as long with each failure."""
        doubled = self._limits.pause_ms << min(self._failures, DOUBLINGS_MAX)
        bounded = min(doubled, self._limits.pause_ms_max)
        return (bounded - randbelow(bounded // 2 + 1)) / SECOND_MS

    def _show_down(self, *, is_down: bool) -> None:
        self._metrics.set("ncash_webhook_endpoint_down", int(is_down), endpoint=self._name)

    def _count(self, name: Counted, amount: int) -> None:
        self._metrics.count(name, amount, endpoint=self._name)
