"""What owners tell: metrics, log lines, and the hints that wake whoever waits for a result.

Invariant: nothing here can hold a shard up or fail it.
"""

import asyncio
from collections.abc import Callable

import structlog
from redis.asyncio import Redis, RedisCluster

from runtime.clock import Clock
from runtime.metrics import Metrics
from schemas.errors import RecoverableError
from schemas.ids import ShardId
from shard.redis_store import RedisStore
from streams.ports import Done

NS_PER_MS = 1_000_000
HINT_FIELDS_MAX = 100
HINTS_UNDER_WAY_MAX = 100

_log = structlog.get_logger()


class OwnerWatch:
    """See ``streams.ports.Watch``.

    Args:
        metrics: Of this process.
        clock: For the time from received to applied.
        client: Of Redis, for hints.
    """

    def __init__(self, metrics: Metrics, clock: Clock, client: Redis | RedisCluster) -> None:
        self._metrics = metrics
        self._clock = clock
        self._client = client
        self._hints: set[asyncio.Task[None]] = set()
        self._stopped: set[ShardId] = set()
        self._offsets: dict[ShardId, int] = {}

    def applied(self, shard: ShardId, done: Done) -> None:
        """See ``streams.ports.Watch``."""
        self._offsets[shard] = done.offset
        metrics = self._metrics
        metrics.count("ncash_records_applied_total", done.records)
        metrics.count("ncash_events_applied_total", done.events)
        metrics.observe_ms("ncash_step_seconds", done.step_ns // NS_PER_MS)
        metrics.observe_ms("ncash_publish_seconds", done.publish_ns // NS_PER_MS)
        metrics.observe_ms("ncash_apply_seconds", done.apply_ns // NS_PER_MS)
        if done.received_ms >= 0:
            waited_ms = max(0, self._clock.wall_ms() - done.received_ms)
            metrics.observe_ms("ncash_debit_latency_seconds", waited_ms)
        if done.results and len(self._hints) < HINTS_UNDER_WAY_MAX:
            task = asyncio.create_task(self._hint(shard, done.results[:HINT_FIELDS_MAX]))
            self._hints.add(task)
            task.add_done_callback(self._hints.discard)

    def reloading(self, shard: ShardId, fault: Exception) -> None:
        """See ``streams.ports.Watch``."""
        self._metrics.count("ncash_shard_reloads_total")
        _log.warning("shard state is read again", shard=shard, fault=str(fault))

    def stopped(self, shard: ShardId, fault: Exception) -> None:
        """See ``streams.ports.Watch``."""
        self._stopped.add(shard)
        self._metrics.set("ncash_shards_stopped", len(self._stopped))
        _log.error("shard stopped; it waits for an operator", shard=shard, fault=str(fault))

    def lag(self, end_of: Callable[[ShardId], int | None]) -> None:
        """Tells how many records each shard is behind.

        Args:
            end_of: Offset after the last record of a shard's log, None while it is not known.
        """
        for shard, offset in self._offsets.items():
            end = end_of(shard)
            if end is not None:
                behind = max(0, end - 1 - offset)
                self._metrics.set("ncash_shard_lag_records", behind, shard=str(shard))

    def left(self, shard: ShardId) -> None:
        """The shard is no longer this process's."""
        self._stopped.discard(shard)
        self._offsets.pop(shard, None)
        self._metrics.set("ncash_shards_stopped", len(self._stopped))

    async def _hint(self, shard: ShardId, fields: list[str]) -> None:
        try:
            await RedisStore(self._client, shard).hint(fields)
        except RecoverableError as fault:
            _log.debug("hint was lost", shard=shard, fault=str(fault))
