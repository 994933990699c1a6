"""A Kafka at the publisher's port, a clock, keys and events for the tests of this room.

Owns: fakes at ports. Does not own: behaviour of a real broker; that is tested against one.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

import msgspec
from fastapi import FastAPI

from ingest.collector import Collector
from ingest.consent.gate import ConsentGate
from ingest.http import HttpIntake, router
from ingest.limits import IntakeLimits
from ingest.port import Standings
from ingest.stamps import Stamps
from runtime.faults import TransportFault
from runtime.keys import ApiKey, KeyRing, Scope
from runtime.metrics import Metrics
from runtime.problems import install_problem_handlers
from runtime.publisher import OutMessage
from schemas.frames import Tick, UsageFrame, decode_record
from schemas.refusals import DeadLetter
from schemas.topics import LOG_TOPIC
from schemas.usage import EventType, UsageEvent

SHARDS = 4
NOW_MS = 1_769_851_800_000
NOW_TEXT = "2026-01-31T09:30:00Z"
LIVE_KEY = "live-key"
RECORDED_KEY = "recorded-key"
READ_KEY = "read-key"
OTHER_KEY = "other-key"
CONTROL_KEY = "control-key"


@dataclass
class FakeClock:
    """Wall time that moves only when told."""

    at_ms: int = NOW_MS

    def wall_ms(self) -> int:
        """The time that it was set to."""
        return self.at_ms


@dataclass
class FakeKafka:
    """Keeps what is published; can be told to hold or to fail."""

    messages: list[OutMessage] = field(default_factory=list[OutMessage])
    calls: list[int] = field(default_factory=list[int])
    fails: bool = False
    door: asyncio.Event | None = None
    taken: asyncio.Event = field(default_factory=asyncio.Event)

    async def publish(self, messages: Sequence[OutMessage]) -> list[int]:
        """Take the messages at once, then wait for the door, if there is one."""
        if self.fails:
            raise TransportFault("Kafka is away")
        first = len(self.messages)
        self.messages.extend(messages)
        self.calls.append(len(messages))
        self.taken.set()
        await (self.door.wait() if self.door else asyncio.sleep(0))
        return list(range(first, first + len(messages)))

    def records(self) -> list[tuple[int | None, object]]:
        """Partition and record of each message of the shards' log."""
        return [
            (each.partition, decode_record(each.value))
            for each in self.messages
            if each.topic == LOG_TOPIC
        ]

    def events(self) -> list[UsageEvent]:
        """All events, frame by frame."""
        frames = [record for _, record in self.records() if isinstance(record, UsageFrame)]
        return [event for frame in frames for event in frame.events]

    def ticks(self, shard: int = 0) -> list[Tick]:
        """The ticks of one shard."""
        return [
            record
            for partition, record in self.records()
            if isinstance(record, Tick) and partition == shard
        ]

    def letters(self) -> list[DeadLetter]:
        """The dead letters."""
        return [
            msgspec.msgpack.decode(each.value[1:], type=DeadLetter)
            for each in self.messages
            if each.topic != LOG_TOPIC
        ]


@dataclass
class Edge:
    """An HTTP edge on a fake Kafka."""

    app: FastAPI
    kafka: FakeKafka
    clock: FakeClock
    stamps: Stamps
    collector: Collector
    intake: HttpIntake


def api_key(
    key: str,
    *,
    tenant: str = "demo",
    clock: Literal["live", "recorded"] = "live",
    sources: tuple[str, ...] = ("*",),
    scopes: tuple[Scope, ...] = ("usage:write",),
) -> ApiKey:
    """A record whose id is the key with ``-id``."""
    digest = sha256(key.encode()).hexdigest()
    return ApiKey(f"{key}-id", digest, tenant, sources, scopes, clock)


def key_ring(*, sources: tuple[str, ...] = ("*",)) -> KeyRing:
    """A live, a recorded, a reader's and a whole server's key, and one of another tenant."""
    return KeyRing(
        [
            api_key(LIVE_KEY, sources=sources),
            api_key(RECORDED_KEY, clock="recorded"),
            api_key(READ_KEY, scopes=("wallet:read",)),
            api_key(OTHER_KEY, tenant="other"),
            api_key(CONTROL_KEY, scopes=("usage:write", "session:control")),
        ]
    )


def edge(
    limits: IntakeLimits | None = None,
    *,
    sources: tuple[str, ...] = ("*",),
    consents: ConsentGate | None = None,
    standings: Standings | None = None,
) -> Edge:
    """An app with the routes of usage."""
    limits = limits or IntakeLimits()
    kafka, clock = FakeKafka(), FakeClock()
    stamps = Stamps(clock.wall_ms)
    collector = Collector(kafka, shards=SHARDS, limits=limits, metrics=Metrics())
    intake = HttpIntake(
        keys=key_ring(sources=sources),
        collector=collector,
        publisher=kafka,
        stamps=stamps,
        shards=SHARDS,
        limits=limits,
        now_ms=clock.wall_ms,
        consents=consents,
        standings=standings,
        monotonic_ns=lambda: clock.at_ms * 1_000_000,
    )
    app = FastAPI()
    app.include_router(router(intake))
    install_problem_handlers(app)
    return Edge(app, kafka, clock, stamps, collector, intake)


def cloud_event(number: int = 1, **data: object) -> dict[str, object]:
    """A heartbeat as its sender writes it."""
    return {
        "specversion": "1.0",
        "id": f"e-{number}",
        "source": "video-site",
        "type": "session.heartbeat",
        "subject": f"member-{number}",
        "time": NOW_TEXT,
        "data": {"session": f"s-{number}", **data},
    }


def usage_event(number: int = 1, *, filler: int = 0) -> UsageEvent:
    """The same inside; ``filler`` meters make it large."""
    return UsageEvent(
        tenant="demo",
        source="video-site",
        id=f"e-{number}",
        type=int(EventType.HEARTBEAT),
        subject=f"member-{number}",
        event_at_ms=NOW_MS,
        received_at_ms=NOW_MS,
        recorded=False,
        digest=b"digest",
        session="s",
        meters={f"{meter:0>250}": 2**53 - 1 for meter in range(filler)} or None,
    )
