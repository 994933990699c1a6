"""Usage events to the messages of ``shard.log.v1``: framed per shard, bounded, in order.

Invariant: the events of one shard keep their order, none is lost or doubled, and no frame is over
``EVENTS_PER_FRAME_MAX`` events or ``FRAME_BYTES_MAX`` bytes. Pure; it sends nothing.
"""

from collections.abc import Iterable, Sequence

import msgspec

from runtime.publisher import OutMessage
from schemas.frames import EVENTS_PER_FRAME_MAX, FRAME_BYTES_MAX, Tick, UsageFrame, encode_record
from schemas.ids import shard_of
from schemas.outputs import VERSION
from schemas.refusals import DeadLetter
from schemas.topics import INGEST_DEAD_TOPIC, LOG_TOPIC
from schemas.usage import UsageEvent

_encoder = msgspec.msgpack.Encoder()


def log_messages(path: str, events: Iterable[UsageEvent], shards: int) -> list[OutMessage]:
    """The frames that carry the events.

    Args:
        path: Ingest path of all of them.
        events: In arrival order.
        shards: Stored number of shards.
    """
    by_shard: dict[int, list[UsageEvent]] = {}
    for event in events:
        shard = shard_of(event.tenant, event.subject, shards)
        if event.payee is not None:
            payee_shard = shard_of(event.tenant, event.payee, shards)
            event = msgspec.structs.replace(event, payee_shard=payee_shard)  # noqa: PLW2901 -- its twin
        theirs = by_shard.get(shard)
        if theirs is None:
            by_shard[shard] = [event]
        else:
            theirs.append(event)
    messages: list[OutMessage] = []
    for owner, all_theirs in by_shard.items():
        for start in range(0, len(all_theirs), EVENTS_PER_FRAME_MAX):
            part = all_theirs[start : start + EVENTS_PER_FRAME_MAX]
            messages.extend(_log_message(owner, value) for value in _encoded(path, part))
    return messages


def tick_messages(tick: Tick, shards: int) -> list[OutMessage]:
    """The same tick for every shard."""
    value = encode_record(tick)
    return [_log_message(shard, value) for shard in range(shards)]


def dead_messages(letters: Iterable[DeadLetter]) -> list[OutMessage]:
    """One message per refused event: version byte, then MessagePack."""
    return [
        OutMessage(
            topic=INGEST_DEAD_TOPIC,
            partition=None,
            key=None,
            value=bytes((VERSION,)) + _encoder.encode(letter),
            headers=None,
            timestamp_ms=None,
        )
        for letter in letters
    ]


def _encoded(path: str, events: Sequence[UsageEvent]) -> list[bytes]:
    """One frame, or several where one would be too large; a single event always fits."""
    value = encode_record(UsageFrame(path, list(events)))
    if len(value) <= FRAME_BYTES_MAX:
        return [value]
    half = len(events) // 2
    assert half, "an event is far smaller than a frame"
    return _encoded(path, events[:half]) + _encoded(path, events[half:])


def _log_message(shard: int, value: bytes) -> OutMessage:
    return OutMessage(
        topic=LOG_TOPIC, partition=shard, key=None, value=value, headers=None, timestamp_ms=None
    )
