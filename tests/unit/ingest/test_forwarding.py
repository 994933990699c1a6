"""The Kafka path without Kafka: raw messages to log messages, and what a partition vouches for."""

import msgspec
import pytest

from ingest.consent.gate import ConsentGate
from ingest.consent.jwks import KeySets
from ingest.forward import Forwarded, Forwarder, RawMessage
from ingest.joining import Joining
from ingest.limits import IntakeLimits
from ingest.raw_partition import RawPartition
from runtime.publisher import OutMessage
from schemas.frames import Tick, UsageFrame
from tests.unit.ingest.fakes import (
    LIVE_KEY,
    NOW_MS,
    RECORDED_KEY,
    SHARDS,
    FakeKafka,
    cloud_event,
    key_ring,
)
from tests.unit.ingest.test_tokens import nobody

_LIVE = ("ncash-key-id", f"{LIVE_KEY}-id".encode())
_RECORDED = ("ncash-key-id", f"{RECORDED_KEY}-id".encode())


def _raw(
    offset: int, value: bytes, *headers: tuple[str, bytes | None], partition: int = 0
) -> RawMessage:
    return RawMessage(
        topic="usage.raw.v1",
        partition=partition,
        offset=offset,
        appended_at_ms=NOW_MS + offset,
        headers=headers,
        value=value,
    )


def _event(number: int) -> bytes:
    return msgspec.json.encode(cloud_event(number))


def _tick(time: str) -> bytes:
    return msgspec.json.encode({"id": "t", "type": "clock.tick", "time": time})


def _forward(
    *messages: RawMessage, consents: ConsentGate | None = None
) -> tuple[Forwarded, FakeKafka]:
    joining = Joining("usage.raw.v1", SHARDS)
    forwarder = Forwarder(
        key_ring(), joining, shards=SHARDS, limits=IntakeLimits(), consents=consents
    )
    batch = forwarder.forwarded(messages, partitions=(0, 1))
    return batch, FakeKafka(messages=list[OutMessage](batch.messages))


def test_events_when_live_then_are_received_at_the_append_time() -> None:
    """The broker's stamp is the received time, and the path is Kafka's."""
    batch, kafka = _forward(_raw(3, _event(1), _LIVE), _raw(4, _event(2), _LIVE))
    assert batch.accepted == 2
    assert {(each.id, each.received_at_ms) for each in kafka.events()} == {
        ("e-1", NOW_MS + 3),
        ("e-2", NOW_MS + 4),
    }
    assert all(isinstance(r, UsageFrame) and r.path == "kafka" for _, r in kafka.records())


@pytest.mark.parametrize(
    ("headers", "value", "reason"),
    [
        ((), _event(1), "key-unknown"),
        ((("ncash-key-id", b"nobody"),), _event(1), "key-unknown"),
        ((_LIVE,), b"", "unreadable"),
        ((_LIVE,), b"\xff", "unreadable"),
        ((_LIVE,), _tick("2015-05-17T10:05:00Z"), "attribute-missing"),
        ((_RECORDED,), _tick("noon"), "time-invalid"),
        ((_RECORDED,), _tick("9999-12-31T23:59:59Z"), "time-outside-allowance"),
        ((_RECORDED,), _tick("noon").replace(b"noon", b"\xff"), "unreadable"),
    ],
    ids=[
        "no-key",
        "wrong-key",
        "tombstone",
        "bytes",
        "live-tick",
        "bad-tick",
        "tick-ahead",
        "torn-tick",
    ],
)
def test_message_when_refused_then_is_a_dead_letter_with_its_place(
    headers: tuple[tuple[str, bytes | None], ...], value: bytes, reason: str
) -> None:
    """One bad message costs nothing but itself."""
    batch, kafka = _forward(_raw(1, _event(9), _LIVE), _raw(2, value, *headers))
    [letter] = kafka.letters()
    assert (letter.reason, letter.place) == (reason, "kafka/usage.raw.v1/0/2")
    assert letter.body == value
    assert [each.id for each in kafka.events()] == ["e-9"]
    assert [each.reason for each in batch.letters] == [reason]


def _with_token(number: int) -> bytes:
    event = cloud_event(number)
    return msgspec.json.encode({**event, "data": {"session": "s", "consent": "x.y.z"}})


def test_message_when_its_keys_cannot_be_had_then_its_partition_is_held_from_there_on() -> None:
    """Nothing is lost nor overtaken; other partitions go on."""
    unread = ConsentGate(lambda: None, KeySets(nobody, lambda: 0))
    batch, kafka = _forward(
        _raw(1, _event(1), _LIVE),
        _raw(2, _with_token(2), _LIVE),
        _raw(7, _event(3), _LIVE, partition=1),
        _raw(3, _event(4), _LIVE),
        consents=unread,
    )
    assert {each.id for each in kafka.events()} == {"e-1", "e-3"}
    assert [(each.partition, each.offset) for each in batch.held] == [(0, 2), (0, 3)]
    assert (batch.accepted, batch.letters) == (2, [])


def test_tick_when_a_recording_tells_it_then_comes_behind_what_was_before_it() -> None:
    """Every shard gets the tick after the events before it and before those behind it."""
    _, kafka = _forward(
        _raw(1, _event(1), _RECORDED),
        _raw(2, _tick("2026-01-31T09:30:00Z"), _RECORDED),
        _raw(3, _event(1), _RECORDED),
        _raw(4, _tick("2026-01-31T09:31:00Z"), _RECORDED, partition=1),
    )
    shard = next(part for part, record in kafka.records() if isinstance(record, UsageFrame))
    told = [
        (record.member, record.to_ms - NOW_MS) if isinstance(record, Tick) else "frame"
        for part, record in kafka.records()
        if part == shard
    ]
    assert told == [
        "frame",
        ("usage.raw.v1/0", -NOW_MS),
        ("usage.raw.v1/1", -NOW_MS),
        ("usage.raw.v1/0", 0),
        "frame",
        ("usage.raw.v1/1", 60_000),
    ]


def test_partition_when_it_has_reached_the_end_asked_for_then_vouches_for_the_asking() -> None:
    """Everything up to the end's question is forwarded, so all appended before it is."""
    partition = RawPartition()
    assert partition.vouched() is None
    partition.end_was(offset=2, asked_at_ms=1_000)
    assert partition.vouched() is None
    partition.reached_end(2)
    assert partition.vouched() == 1_000
    partition.told_ms = 1_000
    assert partition.vouched() is None
    partition.end_was(offset=2, asked_at_ms=2_000)
    assert partition.vouched() == 2_000


def test_partition_when_behind_then_vouches_for_less_than_its_last_record() -> None:
    """In a backlog the next record may have been appended in the same millisecond."""
    partition = RawPartition()
    partition.end_was(offset=100, asked_at_ms=9_000)
    partition.forwarded(offset=10, appended_at_ms=500)
    assert partition.vouched() == 499
    partition.told_ms = 499
    partition.end_was(offset=200, asked_at_ms=9_500)
    partition.forwarded(offset=99, appended_at_ms=8_000)
    assert partition.vouched() == 9_000


def test_partition_when_an_older_stamp_follows_then_never_takes_back() -> None:
    """After a change of leader stamps may step back; what was vouched for does not."""
    partition = RawPartition(told_ms=900)
    partition.forwarded(offset=1, appended_at_ms=800)
    assert partition.vouched() is None
