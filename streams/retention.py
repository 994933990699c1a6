"""Refuses a log that Kafka would cut before the snapshots can do without what is cut.

Invariant: a shard whose state is lost can be made again: from the log's beginning where it is kept
for ever, else from any kept snapshot. It does not own making topics (``runtime.topics``).
"""

import asyncio

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType

from runtime.settings import Settings
from schemas.errors import RecoverableError, ShardStopped
from schemas.topics import LOG_TOPIC

ANSWER_S = 5
FOR_EVER = -1


async def check_retention(settings: Settings) -> None:
    """Holds the log's retention against the snapshots.

    Raises:
        RecoverableError: Kafka did not tell.
        ShardStopped: The log would lose what making a shard again needs; the mend is named.
    """
    retention_ms, retention_bytes = await asyncio.to_thread(_retention, settings)
    fault = retention_fault(
        retention_ms=retention_ms,
        retention_bytes=retention_bytes,
        every_ms=settings.snapshot_every_ms,
        kept=settings.snapshots_kept,
    )
    if fault:
        raise ShardStopped(fault)


def retention_fault(*, retention_ms: int, retention_bytes: int, every_ms: int, kept: int) -> str:
    """What is wrong with the log's retention, and the mend; empty when nothing is.

    Args:
        retention_ms: Of the log's topic; -1: for ever.
        retention_bytes: Likewise, a partition.
        every_ms: From one snapshot to the next; 0: none are taken.
        kept: How many of a shard stay.
    """
    if retention_bytes != FOR_EVER:
        return (
            f"{LOG_TOPIC} has retention.bytes {retention_bytes}: how long that lasts nobody knows, "
            "so snapshots may come to need what is cut; set retention.bytes to -1 and retention.ms"
        )
    if retention_ms == FOR_EVER:
        return ""
    if not every_ms:
        return (
            f"{LOG_TOPIC} has retention.ms {retention_ms} and no snapshots are taken: a wiped "
            "Redis could not be made again; set retention.ms to -1, or NCASH_SNAPSHOT_EVERY_MS"
        )
    # The oldest kept one, while the next is being taken.
    oldest_ms = every_ms * (kept + 1)
    if retention_ms < oldest_ms:
        return (
            f"{LOG_TOPIC} has retention.ms {retention_ms}, the oldest snapshot may be {oldest_ms} "
            "ms old: what it needs would be cut; set retention.ms to more than that, or "
            "NCASH_SNAPSHOT_EVERY_MS or NCASH_SNAPSHOTS_KEPT to less"
        )
    return ""


def _retention(settings: Settings) -> tuple[int, int]:
    admin = AdminClient({"bootstrap.servers": settings.kafka, "log_level": 2})
    topic = ConfigResource(ResourceType.TOPIC, LOG_TOPIC)
    try:
        asked = admin.describe_configs([topic], request_timeout=ANSWER_S)
        config = asked[topic].result(ANSWER_S)
    except (KafkaException, TimeoutError) as fault:
        raise RecoverableError(f"Kafka did not tell about {LOG_TOPIC}: {fault}") from fault
    return int(config["retention.ms"].value), int(config["retention.bytes"].value)
