"""The topics as data (``infra/topics.yaml``), and making those that are missing.

Invariant: a topic that exists is never changed; one with another shard count stops the start, since
a member's shard is a function of that count.
It does not own what is in a topic: that is ``schemas``.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Literal, cast

import msgspec
import yaml
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._metadata import ClusterMetadata
from confluent_kafka.cimpl import NewTopic

from runtime.faults import TransportFault
from runtime.settings import Settings
from schemas.errors import UNREADABLE, InvalidDocument
from schemas.topics import RAW_TOPIC

TOPICS_FILE = Path(__file__).resolve().parents[1] / "infra" / "topics.yaml"
REQUEST_S = 10
READY_S = 20
_POLL_S = 0.05


class TopicSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One topic.

    Args:
        name: `<noun>.<fact>.v<version>`.
        owner: Room that writes it.
        schema: Python name of what a message holds.
        example: Folder of example files.
        about: In a sentence.
        partitions: A number, or the setting that it follows.
        config: Kafka's configuration of the topic.
    """

    name: str
    owner: str
    schema: str
    example: str
    about: str
    partitions: Literal["shards", "raw"] | int
    config: dict[str, str]


class TopicPlan(msgspec.Struct, frozen=True):
    """A topic as these settings want it.

    Args:
        name: Of the topic.
        partitions: How many.
        is_sharded: Whether a partition is a shard.
        config: Kafka's configuration of the topic.
    """

    name: str
    partitions: int
    is_sharded: bool
    config: dict[str, str]


def load_topics(path: Path = TOPICS_FILE) -> tuple[TopicSpec, ...]:
    """Read the list of topics.

    Args:
        path: The YAML file.

    Raises:
        InvalidDocument: The file cannot be read, or an entry is wrong.
    """
    try:
        document: object = yaml.safe_load(path.read_text(encoding="utf-8"))
        return tuple(msgspec.convert(document, dict[str, list[TopicSpec]])["topics"])
    except (OSError, yaml.YAMLError, KeyError, ValueError, *UNREADABLE) as error:
        raise InvalidDocument(f"{path.name}: {error}") from error


def planned_topics(settings: Settings, specs: Sequence[TopicSpec]) -> tuple[TopicPlan, ...]:
    """Fill the settings into the list: names, partitions and how many copies must have a record."""
    by_setting = {"shards": settings.shards, "raw": settings.raw_partitions}
    return tuple(
        TopicPlan(
            name=settings.raw_topic if spec.name == RAW_TOPIC else spec.name,
            partitions=(
                spec.partitions if isinstance(spec.partitions, int) else by_setting[spec.partitions]
            ),
            is_sharded=spec.partitions == "shards",
            config={**spec.config, "min.insync.replicas": str(settings.min_insync)},
        )
        for spec in specs
    )


def check_shards(plans: Sequence[TopicPlan], existing: Mapping[str, int]) -> None:
    """Compare the stored shard count with the settings'.

    Args:
        plans: What the settings want.
        existing: Partitions of each topic that exists.

    Raises:
        InvalidDocument: A topic of shards has another number of partitions.
    """
    for plan in plans:
        stored = existing.get(plan.name)
        if plan.is_sharded and stored is not None and stored != plan.partitions:
            raise InvalidDocument(
                f"topic {plan.name} has {stored} partitions, NCASH_SHARDS is {plan.partitions}. "
                f"The shard count is chosen once: set NCASH_SHARDS={stored}, or start on an empty "
                "Kafka (another data folder)"
            )


def ensure_topics(settings: Settings) -> list[str]:
    """Make the topics that are missing and wait until they can be written. Idempotent; blocks.

    Args:
        settings: Where Kafka is, the shard count and the number of copies.

    Returns:
        Names of the topics that were made.

    Raises:
        InvalidDocument: The stored shard count is another.
        TransportFault: Kafka cannot be reached or refuses.
    """
    admin = AdminClient({"bootstrap.servers": settings.kafka, "log_level": 0})
    plans = planned_topics(settings, load_topics())
    existing = {name: len(topic.partitions) for name, topic in _metadata(admin).topics.items()}
    check_shards(plans, existing)
    missing = [plan for plan in plans if plan.name not in existing]
    _create(admin, missing, settings.replication_factor)
    _wait_until_led(admin, [plan.name for plan in plans])
    return [plan.name for plan in missing]


def _metadata(admin: AdminClient) -> ClusterMetadata:
    try:
        return admin.list_topics(timeout=REQUEST_S)
    except KafkaException as error:
        raise TransportFault(f"Kafka does not list its topics: {error}") from error


def _create(admin: AdminClient, plans: Sequence[TopicPlan], copies: int) -> None:
    if not plans:
        return
    create = cast("Callable[..., dict[str, Future[None]]]", admin.create_topics)
    made = create(
        [
            NewTopic(
                plan.name,
                num_partitions=plan.partitions,
                replication_factor=copies,
                config=plan.config,
            )
            for plan in plans
        ],
        request_timeout=REQUEST_S,
    )
    for name, answer in made.items():
        try:
            answer.result(timeout=REQUEST_S)
        except KafkaException as error:
            # Another process of ours was quicker, with the same list.
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise TransportFault(f"Kafka does not make topic {name}: {error}") from error


def _wait_until_led(admin: AdminClient, names: Sequence[str]) -> None:
    deadline = time.monotonic() + READY_S
    while True:
        topics = _metadata(admin).topics
        waiting = [
            name
            for name in names
            if name not in topics
            or not topics[name].partitions
            or any(partition.leader < 0 for partition in topics[name].partitions.values())
        ]
        if not waiting:
            return
        if time.monotonic() > deadline:
            raise TransportFault(f"no broker leads {', '.join(waiting)} after {READY_S} s")
        time.sleep(_POLL_S)
