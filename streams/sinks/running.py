"""The sinks as a process runs them.

Owns: joining Kafka, the warehouse and the settings.
Invariant: tables are migrated before anything is read.
Does not own: opening and closing the warehouse, which its SQL endpoint shares.
"""

from contextlib import closing
from threading import Event

from runtime.clock import SystemClock
from runtime.metrics import Metrics
from runtime.settings import Settings
from streams.sinks.feed import KafkaFeed
from streams.sinks.lease import Fence, NoFence, leased
from streams.sinks.sink import Sink
from warehouse.migrate import migrate
from warehouse.port import Warehouse

# A chDB folder belongs to the one process that has opened it.
OWN_FOLDER = "chdb:"


def run_sinks(settings: Settings, warehouse: Warehouse, metrics: Metrics, stop: Event) -> None:
    """Migrate, then sink every stream until asked to stop. Blocks its thread.

    Args:
        settings: Where Kafka and Redis are; ``sink_flush_ms`` and ``sink_rows_max``.
        warehouse: Open; it stays open.
        metrics: Of the process.
        stop: Set to end; what was taken is written first.

    Raises:
        InvalidDocument: A migration was changed after it had been applied.
        WarehouseRefused: The warehouse will never take a row.
        RecoverableError: Kafka or the warehouse gave up; start again.
        LeaseLost: Another process may be sinking; start again.
    """
    clock = SystemClock()
    migrate(warehouse, now_ms=clock.wall_ms)
    if settings.clickhouse.startswith(OWN_FOLDER):
        _sink(settings, warehouse, metrics, stop, NoFence())
        return
    with leased(settings.redis, clock, stop) as lease:
        if lease is not None:
            _sink(settings, warehouse, metrics, stop, lease)


def _sink(
    settings: Settings, warehouse: Warehouse, metrics: Metrics, stop: Event, fence: Fence
) -> None:
    with closing(KafkaFeed(settings.kafka)) as feed:
        Sink(
            feed=feed,
            warehouse=warehouse,
            metrics=metrics,
            clock=SystemClock(),
            flush_ms=settings.sink_flush_ms,
            rows_max=settings.sink_rows_max,
            fence=fence,
        ).run(stop)
