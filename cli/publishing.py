"""Putting a catalogue file into force on a running stack."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

from runtime.catalogue import CatalogueBodies, publish_catalogue
from runtime.publisher import Publisher
from runtime.settings import Settings
from schemas.catalogue import document_from_json


class _Tenants(msgspec.Struct):
    tenants: list[dict[str, object]]


def publish_file(settings: Settings, file: Path) -> int:
    """The number of the version that has this file's body.

    Args:
        settings: Where Kafka is, and how old an event may be.
        file: Catalogue as JSON.

    Raises:
        InvalidDocument: The file is no catalogue, or cannot follow the one in force; nothing was
            published.
        RecoverableError: Kafka cannot be reached.
    """
    return publish_body(settings, file.read_bytes())


def publish_body(settings: Settings, body: bytes) -> int:
    """The same from the catalogue's bytes."""
    return asyncio.run(_publish(settings, lambda _: body))


def publish_first(settings: Settings, body: bytes) -> int:
    """The same where no catalogue is in force; where one is, its number, and it stays."""
    return asyncio.run(_publish(settings, lambda latest: body if latest is None else latest))


def publish_tenants(settings: Settings, body: bytes) -> int:
    """The same with the tenants of this body put into the catalogue in force, in their places."""
    document_from_json(body)
    return asyncio.run(_publish(settings, lambda latest: with_tenants(latest, body)))


def with_tenants(latest: bytes | None, body: bytes) -> bytes:
    """The catalogue in force with the tenants of another in it.

    Args:
        latest: In force, or None.
        body: Whose tenants are put in, each in the place of one of the same id.
    """
    if latest is None:
        return body
    tenants = {
        tenant["id"]: tenant
        for document in (latest, body)
        for tenant in msgspec.json.decode(document, type=_Tenants).tenants
    }
    return msgspec.json.encode({"tenants": list(tenants.values())})


async def _publish(settings: Settings, body_after: Callable[[bytes | None], bytes]) -> int:
    publisher, bodies = Publisher(settings), CatalogueBodies(settings)
    bodies.start()
    try:
        await bodies.caught_up()
        latest = bodies.latest()
        body = body_after(None if latest is None else latest[2])
        return await publish_catalogue(publisher, bodies, body, settings)
    finally:
        await publisher.close()
        await bodies.close()
