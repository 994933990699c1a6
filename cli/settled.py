"""Waiting until all that was taken in is applied, and all that was applied is in the warehouse.

Invariant: looks only; every wait is bounded and says what it waited for.
"""

import time
from collections.abc import Callable
from contextlib import closing, suppress

import redis
from confluent_kafka import Consumer, KafkaException, TopicPartition

from runtime.faults import TransportFault
from runtime.settings import Settings
from schemas.errors import RecoverableError, ShardHeld
from schemas.outputs import Stream
from schemas.topics import LOG_TOPIC
from shard.cursor import Cursor, decode_cursor
from warehouse.contiguous import reached_by
from warehouse.port import Reader

WAIT_S = 180
POLL_S = 0.1
ASK_S = 10


class NotSettled(TransportFault):
    """Something did not come to rest in time; the message says what."""


def await_applied(
    settings: Settings, store: redis.Redis, *, wait_s: int = WAIT_S
) -> dict[int, Cursor]:
    """Waits until every shard has taken what its log holds now.

    Args:
        settings: Where the log is.
        store: Where the cursors are.
        wait_s: How long at most.

    Returns:
        The cursor of each shard that has one.

    Raises:
        NotSettled: Not within ``wait_s``.
    """
    ends = log_ends(settings)
    cursors: dict[int, Cursor] = {}

    def done() -> str:
        for shard, end in ends.items():
            value = store.get(f"{{{shard}}}:cursor")
            if isinstance(value, bytes):
                with suppress(ShardHeld):
                    cursors[shard] = decode_cursor(value)
            at = cursors.get(shard)
            if end and (at is None or at.offset < end - 1 or not at.is_done):
                return f"shard {shard} to take record {end - 1}"
        return ""

    _wait(done, wait_s)
    return cursors


def await_warehouse(warehouse: Reader, cursors: dict[int, Cursor], *, wait_s: int = WAIT_S) -> None:
    """Waits until the warehouse has every output that stood behind these cursors.

    Args:
        warehouse: That is asked.
        cursors: By shard.
        wait_s: How long at most.

    Raises:
        NotSettled: Not within ``wait_s``.
    """

    def done() -> str:
        for stream in (Stream.LEDGER, Stream.APPLIED, Stream.DEAD):
            reached = reached_by(warehouse, stream.value)
            for shard, cursor in cursors.items():
                wanted = cursor.head(stream).next
                there = reached.get(shard)
                if wanted and (there is None or there.next < wanted):
                    return f"the warehouse to have {stream.value}[{shard}] up to {wanted}"
        return ""

    _wait(done, wait_s)


def _wait(waiting_for: Callable[[], str], wait_s: int) -> None:
    deadline = time.monotonic() + wait_s
    while what := _missing(waiting_for):
        if time.monotonic() > deadline:
            raise NotSettled(f"waited {wait_s} s for {what}")
        time.sleep(POLL_S)


def _missing(waiting_for: Callable[[], str]) -> str:
    try:
        return waiting_for()
    except RecoverableError as fault:
        # What was asked may have died, and is started again.
        return f"an answer: {fault}"


def log_ends(settings: Settings) -> dict[int, int]:
    """By shard, the offset behind its log's last record.

    Raises:
        TransportFault: Kafka does not say.
    """
    consumer = Consumer(
        {"bootstrap.servers": settings.kafka, "group.id": "ncash-settled", "log_level": 3}
    )
    with closing(consumer):
        return {
            shard: end_of(consumer, TopicPartition(LOG_TOPIC, shard))
            for shard in range(settings.shards)
        }


def end_of(consumer: Consumer, place: TopicPartition) -> int:
    """The offset behind a partition's last record.

    Raises:
        TransportFault: Kafka does not say.
    """
    try:
        return consumer.get_watermark_offsets(place, timeout=ASK_S)[1]
    except KafkaException as fault:
        raise TransportFault(
            f"Kafka does not tell the end of {place.topic}[{place.partition}]: {fault}; "
            "is the stack up?"
        ) from fault
