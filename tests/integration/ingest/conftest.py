"""A raw topic of a test's own, with a publisher, readers and keys around it."""

from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from runtime.keys import ApiKey, digest_of_key
from runtime.publisher import Publisher
from runtime.settings import Settings
from tests.integration.ingest.log_reader import DEAD, LOG, LogReader

PARTITIONS = 2
WAIT_S = 60


@dataclass(frozen=True)
class Bench:
    """A raw topic and a tenant of the test's own."""

    settings: Settings
    publisher: Publisher
    tenant: str
    log: LogReader
    dead: LogReader
    keys: tuple[ApiKey, ...]

    def key_id(self, clock: str) -> str:
        """The id of this tenant's live or recorded key."""
        return f"{self.tenant}-{clock}"


@pytest.fixture
def raw_settings(settings: Settings) -> Generator[Settings]:
    """Settings that name a fresh raw topic."""
    topic = f"usage.raw.{uuid4().hex}"
    admin = AdminClient({"bootstrap.servers": settings.kafka})
    made = NewTopic(topic, PARTITIONS, 1, config={"message.timestamp.type": "LogAppendTime"})
    for future in admin.create_topics([made]).values():
        future.result(WAIT_S)
    yield settings.model_copy(update={"raw_topic": topic})
    for future in admin.delete_topics([topic]).values():
        future.result(WAIT_S)


@pytest.fixture
async def bench(raw_settings: Settings) -> AsyncGenerator[Bench]:
    """Publisher, readers and keys around the fresh topic."""
    tenant = f"tenant-{uuid4().hex}"
    publisher = Publisher(raw_settings)
    made = Bench(
        raw_settings,
        publisher,
        tenant,
        LogReader(raw_settings, LOG),
        LogReader(raw_settings, DEAD),
        (
            ApiKey(f"{tenant}-live", digest_of_key("l"), tenant, ("*",), ("usage:write",)),
            ApiKey(
                f"{tenant}-recorded", digest_of_key("r"), tenant, ("*",), ("usage:write",),
                "recorded",
            ),
        ),
    )  # fmt: skip
    yield made
    made.log.close()
    made.dead.close()
    await publisher.close()
