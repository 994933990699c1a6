"""What owners tell: metrics and log lines.

Invariant: nothing here can hold a shard up or fail it.
"""

from collections.abc import Callable

import structlog

from runtime.clock import Clock
from runtime.metrics import Metrics
from schemas.ids import ShardId
from streams.ports import Done

NS_PER_MS = 1_000_000

_log = structlog.get_logger()


class OwnerWatch:
    """See ``streams.ports.Watch``.

    Args:
        metrics: Of this process.
        clock: For the time from received to applied.
    """

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._stopped: set[ShardId] = set()
        self._offsets: dict[ShardId, int] = {}
        self._overdraft_micros = 0

    def applied(self, shard: ShardId, done: Done) -> None:
        """See ``streams.ports.Watch``."""
        self._offsets[shard] = done.offset
        metrics = self._metrics
        metrics.count("ncash_records_applied_total", done.records)
        metrics.count("ncash_events_applied_total", done.events)
        if done.overdraft_micros > self._overdraft_micros:
            self._overdraft_micros = done.overdraft_micros
            metrics.set("ncash_overdraft_micros_max", done.overdraft_micros)
        metrics.observe_ms("ncash_step_seconds", done.step_ns // NS_PER_MS)
        metrics.observe_ms("ncash_publish_seconds", done.publish_ns // NS_PER_MS)
        metrics.observe_ms("ncash_apply_seconds", done.apply_ns // NS_PER_MS)
        if done.received_ms >= 0:
            waited_ms = max(0, self._clock.wall_ms() - done.received_ms)
            metrics.observe_ms("ncash_debit_latency_seconds", waited_ms)

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
