"""Carries legs from the shards that put them out to the logs of those that are to take them.

Owns: the rounds.
Invariant: a place is committed only when all legs before it are safe in their logs, and a target's
legs are appended in the order of their numbers; so none is left out, and what is carried again
changes nothing. Does not own: what a leg does (``shard.sending``).
"""

import asyncio

from runtime.metrics import Metrics
from streams.legs.ports import LegFeed, LegLog


class LegCarrier:
    """Carries legs.

    Args:
        feed: Where they come from.
        log: Where they go.
        metrics: Where they are counted.
    """

    def __init__(self, *, feed: LegFeed, log: LegLog, metrics: Metrics) -> None:
        self._feed = feed
        self._log = log
        self._metrics = metrics

    async def run(self, stop: asyncio.Event) -> None:
        """Rounds until asked to stop.

        Args:
            stop: Set by somebody else.

        Raises:
            RecoverableError: A round failed; what was read is read again by whoever opens a feed.
            ShardStopped: A message cannot be read.
        """
        while not stop.is_set():
            await self.round()

    async def round(self) -> int:
        """Carries what has come.

        Returns:
            How many legs were put into logs.

        Raises:
            RecoverableError: A part cannot be reached; nothing of the round counts as carried.
            ShardStopped: A message cannot be read.
        """
        read = await self._feed.poll()
        legs = [leg for each in read for leg in each.legs]
        if legs:
            await self._log.append(legs)
            self._metrics.count("ncash_legs_carried_total", len(legs))
        if read:
            await self._feed.commit(read)
        return len(legs)
