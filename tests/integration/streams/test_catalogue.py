"""Catalogues into a real Kafka: numbered once, told to every shard, healed by saying it again."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from cli.publishing import publish_first, publish_tenants
from runtime.catalogue import CatalogueBodies, publish_catalogue
from runtime.embedded.stack import EmbeddedStack
from runtime.publisher import OutMessage, Publisher
from runtime.settings import Settings
from schemas.catalogue import digest_of, document_from_json
from schemas.errors import InvalidDocument
from schemas.frames import CatalogueVersion, decode_record
from schemas.topics import BODIES_TOPIC, LOG_TOPIC
from tests.integration.streams.running import read_partition
from tests.support.bench_shard import CATALOGUE

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(stack: EmbeddedStack) -> Settings:
    """The stack that all integration tests share."""
    return stack.settings


@pytest.fixture
async def bodies(settings: Settings) -> AsyncIterator[CatalogueBodies]:
    """Reading."""
    reading = CatalogueBodies(settings)
    reading.start()
    yield reading
    await reading.close()


@pytest.fixture
async def publisher(settings: Settings) -> AsyncIterator[Publisher]:
    """To the stack's Kafka."""
    made = Publisher(settings)
    yield made
    await made.close()


def fresh(**changes: object) -> bytes:
    """A catalogue of one tenant that nobody has published."""
    tenants: list[Any] = CATALOGUE["tenants"]
    member = {"id": f"m-{secrets.token_hex(4)}"}
    return msgspec.json.encode({"tenants": [{**tenants[0], "members": [member], **changes}]})


def versions(settings: Settings, shard: int) -> list[CatalogueVersion]:
    """What a shard's log says about catalogues."""
    records = [decode_record(log.value) for log in read_partition(settings, LOG_TOPIC, shard)]
    return [record for record in records if isinstance(record, CatalogueVersion)]


async def test_catalogue_when_published_twice_then_it_is_one_version(
    settings: Settings, bodies: CatalogueBodies, publisher: Publisher
) -> None:
    """The same body gets no second number; every shard is told, and told again."""
    body = fresh()
    number = await publish_catalogue(publisher, bodies, body, settings)

    assert await publish_catalogue(publisher, bodies, body, settings) == number

    digest = digest_of(body)
    assert bodies.latest() == (number, digest, body)
    assert bodies.body(digest) == body
    assert (await bodies.compiled(digest)).tenant("nobody") is None
    # Compiled once, for the owners and for those who show terms.
    assert await bodies.compiled(digest) is bodies.in_force()
    for shard in range(settings.shards):
        told = [version for version in versions(settings, shard) if version.digest == digest]
        assert told == [CatalogueVersion(number, digest)] * 2


async def test_catalogue_when_a_publisher_died_in_between_then_the_next_heals_it(
    settings: Settings, bodies: CatalogueBodies, publisher: Publisher
) -> None:
    """A body that no shard was told of is told before the next number is given out."""
    first, lost, then = fresh(), fresh(), fresh()
    number = await publish_catalogue(publisher, bodies, first, settings)
    await publisher.publish(
        [
            OutMessage(
                topic=BODIES_TOPIC, partition=0, value=lost, headers=[("number", str(number + 1))]
            )
        ]
    )

    # A publisher that has just started knows of it once it has read all.
    late = CatalogueBodies(settings)
    late.start()
    assert await publish_catalogue(publisher, late, then, settings) == number + 2
    await late.close()

    for shard in range(settings.shards):
        told = [version.number for version in versions(settings, shard)]
        assert told[-2:] == [number + 1, number + 2]


async def test_catalogues_when_published_at_once_then_each_number_has_one_body(
    settings: Settings, publisher: Publisher
) -> None:
    """Of two that claim a number the first in the topic has it; the other takes a later one.

    Whose body was overtaken before it looked publishes it again, so numbers need not be in a row.
    """
    readers = [CatalogueBodies(settings) for _ in range(3)]
    for reader in readers:
        reader.start()
    made = [fresh() for _ in readers]

    numbers = await asyncio.gather(
        *(
            publish_catalogue(publisher, reader, body, settings)
            for reader, body in zip(readers, made, strict=True)
        )
    )

    assert len({*numbers}) == len(made)
    for shard in range(settings.shards):
        digests: dict[int, set[str]] = {}
        for version in versions(settings, shard):
            digests.setdefault(version.number, set()).add(version.digest)
        assert all(len(each) == 1 for each in digests.values())
        own = zip(numbers, made, strict=True)
        assert all(digests[number] == {digest_of(body)} for number, body in own)
    for reader in readers:
        await reader.close()


async def test_catalogue_when_it_is_none_then_nothing_is_published(
    settings: Settings, bodies: CatalogueBodies, publisher: Publisher
) -> None:
    """A misspelt field is told before anything happens."""
    await bodies.caught_up()
    before = bodies.latest()
    with pytest.raises(InvalidDocument):
        await publish_catalogue(publisher, bodies, b'{"tenantz": []}', settings)
    assert bodies.latest() == before


async def test_catalogue_when_it_cannot_follow_the_one_in_force_then_nothing_is_published(
    settings: Settings, bodies: CatalogueBodies, publisher: Publisher
) -> None:
    """A tenant, its currency and what edges accept are kept; the mend is told."""
    number = await publish_catalogue(publisher, bodies, fresh(), settings)
    for wrong in (fresh(id="other"), fresh(currency="JPY"), fresh(horizon_h=1)):
        with pytest.raises(InvalidDocument, match=r"^tenants\[tv\]|^tenants\[other\]"):
            await publish_catalogue(publisher, bodies, wrong, settings)
    assert await publish_catalogue(publisher, bodies, fresh(), settings) == number + 1


async def test_catalogue_when_one_is_in_force_then_the_first_start_leaves_it(
    settings: Settings, bodies: CatalogueBodies, publisher: Publisher
) -> None:
    """A stack that starts again goes on with what its operator published."""
    number = await publish_catalogue(publisher, bodies, fresh(), settings)
    assert await asyncio.to_thread(publish_first, settings, b'{"tenants": []}') == number
    changed = fresh()
    assert await asyncio.to_thread(publish_tenants, settings, changed) == number + 1
    await bodies.read_past(number)
    latest = bodies.latest()
    assert latest is not None
    assert document_from_json(latest[2]) == document_from_json(changed)
