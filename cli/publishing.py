"""Putting a catalogue file into force on a running stack."""

import asyncio
from pathlib import Path

from runtime.catalogue import CatalogueBodies, publish_catalogue
from runtime.publisher import Publisher
from runtime.settings import Settings


def publish_file(settings: Settings, file: Path) -> int:
    """The number of the version that has this file's body.

    Args:
        settings: Where Kafka is.
        file: Catalogue as JSON.

    Raises:
        InvalidDocument: The file is no catalogue; nothing was published.
        RecoverableError: Kafka cannot be reached.
    """
    return publish_body(settings, file.read_bytes())


def publish_body(settings: Settings, body: bytes) -> int:
    """The same from the catalogue's bytes."""
    return asyncio.run(_publish(settings, body))


async def _publish(settings: Settings, body: bytes) -> int:
    publisher, bodies = Publisher(settings), CatalogueBodies(settings)
    bodies.start()
    try:
        return await publish_catalogue(publisher, bodies, body, settings.shards)
    finally:
        await publisher.close()
        await bodies.close()
