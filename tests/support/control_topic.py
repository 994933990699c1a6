"""Signals put into the control topic, as a shard words them, without a shard."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
from confluent_kafka import Producer

from schemas.control import Signal
from schemas.outputs import Stream

TOPIC = Stream.CONTROL.value
DONE_S = 20
POSTED_MS = 1_795_503_631_050


class Worded(NamedTuple):
    """A signal with its shard and its number there."""

    shard: int
    sequence: int
    signal: Signal
    posted_at_ms: int

    @property
    def name(self) -> str:
        """Its webhook id."""
        return f"{self.shard}-{self.sequence}"

    @property
    def value(self) -> bytes:
        """The message."""
        place = {
            "v": 1, "shard": self.shard, "sequence": self.sequence, "log_offset": 1,
            "posted_at_ms": self.posted_at_ms, "chain_after": "00" * 16,
        }  # fmt: skip
        return msgspec.json.encode({**place, **msgspec.structs.asdict(self.signal)})


def worded(
    tenant: str,
    numbers: Iterable[int],
    *,
    shards: int,
    signal: str = "low_balance",
    source: str = "vod",
    session: str | None = None,
    posted_at_ms: int = POSTED_MS,
) -> list[Worded]:
    """A signal a number, over all shards in turn, each of a session of its own unless it is named.

    Args:
        tenant: Whose.
        numbers: Of the signals; the amount left is the number, so that each can be told.
        shards: How many there are.
        signal: Its kind.
        source: Whom it is for.
        session: Of all of them.
        posted_at_ms: When they were posted.
    """
    return [
        Worded(
            number % shards,
            number // shards,
            Signal(
                signal=signal,
                tenant=tenant,
                source=source,
                session=session or f"s{number}",
                subject="ann",
                content="film",
                available_micros=number,
                currency="KRW",
                event_at_ms=posted_at_ms - 1_000,
            ),
            posted_at_ms,
        )
        for number in numbers
    ]


def put(kafka: str, signals: Sequence[Worded]) -> None:
    """Publishes signals, each in its shard, and waits until Kafka has them."""
    producer = Producer({"bootstrap.servers": kafka, "enable.idempotence": True, "linger.ms": 1})
    for each in signals:
        producer.produce(TOPIC, each.value, key=each.signal.source, partition=each.shard)
        producer.poll(0)
    assert producer.flush(DONE_S) == 0
