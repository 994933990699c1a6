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
from streams.sinks.sink import Sink
from warehouse.migrate import migrate
from warehouse.port import Warehouse


def run_sinks(settings: Settings, warehouse: Warehouse, metrics: Metrics, stop: Event) -> None:
    """Migrate, then sink every stream until asked to stop. Blocks its thread.

    Args:
        settings: Where Kafka is; ``sink_flush_ms`` and ``sink_rows_max``.
        warehouse: Open; it stays open.
        metrics: Of the process.
        stop: Set to end; what was taken is written first.

    Raises:
        InvalidDocument: A migration was changed after it had been applied.
        WarehouseRefused: The warehouse will never take a row.
        RecoverableError: Kafka or the warehouse gave up; start again.
    """
    clock = SystemClock()
    migrate(warehouse, now_ms=clock.wall_ms)
    with closing(KafkaFeed(settings.kafka)) as feed:
        Sink(
            feed=feed,
            warehouse=warehouse,
            metrics=metrics,
            clock=clock,
            flush_ms=settings.sink_flush_ms,
            rows_max=settings.sink_rows_max,
        ).run(stop)
