"""A sink in a process of its own, for tests that kill it.

Arguments: Kafka's address, the warehouse's URL, the prefix of the topics, the SQL endpoint's port.
It flushes often and in small batches, so that a kill falls between any two writes.
"""

import dataclasses
import signal
import sys
from contextlib import closing
from threading import Event, Thread
from types import FrameType

import structlog
import uvicorn

from runtime.clock import SystemClock
from runtime.metrics import Metrics
from streams.sinks.feed import KafkaFeed
from streams.sinks.lease import NoFence
from streams.sinks.sink import Sink
from streams.sinks.source import SOURCES
from warehouse.endpoint import create_endpoint
from warehouse.migrate import migrate
from warehouse.opening import open_warehouse

FLUSH_MS = 20
ROWS_MAX = 700


def main() -> None:
    """Sink until SIGTERM."""
    kafka, url, prefix, port = sys.argv[1:]
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    stop = Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask)
    clock = SystemClock()
    with closing(open_warehouse(url)) as warehouse, closing(KafkaFeed(kafka)) as feed:
        migrate(warehouse, now_ms=clock.wall_ms)
        config = uvicorn.Config(create_endpoint(warehouse), port=int(port), log_level="error")
        server = uvicorn.Server(config)
        Thread(target=server.run, daemon=True).start()
        print("ready", flush=True)  # noqa: T201 - read by the test
        Sink(
            feed=feed,
            warehouse=warehouse,
            metrics=Metrics(),
            clock=clock,
            flush_ms=FLUSH_MS,
            rows_max=ROWS_MAX,
            fence=NoFence(),
            sources=[
                dataclasses.replace(source, topic=prefix + source.topic) for source in SOURCES
            ],
        ).run(stop)
        server.should_exit = True


if __name__ == "__main__":
    main()
