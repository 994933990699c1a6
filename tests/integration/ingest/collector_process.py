"""A Kafka collector as a process of its own, to be killed by a test.

Owns: nothing but the wiring that a test needs. Reads the settings from the environment.
"""

import asyncio

from ingest.app import run_kafka_collector
from runtime.clock import SystemClock
from runtime.keys import KeyRing
from runtime.metrics import Metrics
from runtime.publisher import Publisher
from runtime.settings import Settings
from runtime.stop import install_stop


async def main() -> None:
    """Collect until SIGTERM."""
    settings = Settings()
    assert settings.keys_file is not None
    publisher = Publisher(settings)
    await run_kafka_collector(
        settings,
        keys=KeyRing.from_file(settings.keys_file),
        publisher=publisher,
        clock=SystemClock(),
        metrics=Metrics(),
        stopping=install_stop(),
    )
    await publisher.close()


if __name__ == "__main__":
    asyncio.run(main())
