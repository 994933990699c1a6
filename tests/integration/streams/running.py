"""Worker processes against a real Kafka and Redis, and what an undisturbed run would have made.

Owns: starting and killing workers, and the reference: the same log stepped over in memory.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from confluent_kafka import Consumer, TopicPartition

from runtime.catalogue import CatalogueBodies, publish_catalogue
from runtime.publisher import OutMessage, Publisher
from runtime.settings import Settings
from schemas.errors import ShardHeld
from schemas.frames import Record, UsageFrame, decode_record, encode_record
from schemas.ids import ShardId, shard_of
from schemas.outputs import STREAMS, TOLD, Stream, decode_output
from schemas.topics import LOG_TOPIC
from shard.cursor import START_OFFSET, Cursor
from shard.emission import LogRecord
from shard.loading import load_for
from shard.memory_store import MemoryStore
from shard.redis_store import Client, RedisStore, open_redis
from shard.state import ShardState
from shard.step import step
from tests.support.bench_shard import CATALOGUE, event, frame, tick, top_up

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
from runtime.logging import configure_logging
from runtime.settings import Settings
from streams.app import run_worker
configure_logging(level="info", form="json")
run_worker(Settings())
"""
STOP_S = 20
DEADLINE_S = 90
LOOK_S = 0.05
FRAME_EVENTS = 40


class Said(NamedTuple):
    """One output as a reader counts it."""

    first: int
    next: int
    value: bytes


class WorkerProcess:
    """A worker as it is run in production: a process of its own."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self.log = log
        environment = {
            **os.environ,
            **settings.environment(),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM], env=environment, cwd=ROOT, stderr=out, stdout=out
            )

    def kill(self) -> None:
        """As the kernel does when memory is short."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(STOP_S)

    def stop(self) -> int:
        """As a supervisor does; gives the exit status."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(STOP_S)

    def end(self) -> None:
        """Whatever state it is in."""
        if self._process.poll() is None:
            self.kill()


async def publish(settings: Settings, records: Sequence[tuple[str, Record]]) -> None:
    """Puts records into the logs of their members' shards, the catalogue before them."""
    publisher, bodies = Publisher(settings), CatalogueBodies(settings)
    bodies.start()
    await publish_catalogue(publisher, bodies, msgspec.json.encode(CATALOGUE), settings)
    await publisher.publish(
        [
            OutMessage(
                topic=LOG_TOPIC,
                partition=shard_of("tv", member, settings.shards),
                value=encode_record(record),
            )
            for member, record in records
        ]
    )
    await publisher.close()
    await bodies.close()


def workload(name: str, *, members: int, frames: int) -> list[tuple[str, Record]]:
    """Top-ups, then frames of each member's session, with a tick in between; names are fresh."""
    records: list[tuple[str, Record]] = []
    for number in range(members):
        member = f"{name}-{number}"
        records.append((member, top_up(1_000 + number, f"k-{name}", member=member)))
    for at in range(frames):
        for number in range(members):
            member = f"{name}-{number}"
            events = [
                event(
                    "session.heartbeat",
                    at * FRAME_EVENTS + k,
                    subject=member,
                    session=f"s-{name}-{(at * FRAME_EVENTS + k) % 9}",
                    id=f"{name}-{number}-{at}-{k}",
                    content="web" if (at * FRAME_EVENTS + k) % 9 else "news",
                    meters={"bytes": 1_000 * (at * FRAME_EVENTS + k)},
                )
                for k in range(FRAME_EVENTS)
            ]
            records.append((member, frame(*events)))
            if at == frames // 2:
                records.append((member, tick(at, from_s=0, member=f"c-{name}")))
    return records


async def wait_until_applied(settings: Settings, *, share: float = 1) -> None:
    """Waits until the stored cursors stand on the logs' last records, or a share of the way."""
    client = open_redis(settings.redis)
    ends = [_bounds(settings, LOG_TOPIC, shard)[1] for shard in range(settings.shards)]
    try:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                applied = [await _applied(client, shard) for shard in range(len(ends))]
                if sum(applied) >= sum(ends) * share:
                    return
                await asyncio.sleep(LOOK_S)
    finally:
        await client.aclose()


async def assert_undisturbed(settings: Settings) -> int:
    """Outputs read once by sequence, and Redis, are what the log alone makes of an empty shard.

    Returns:
        How many outputs were compared.
    """
    client, compared = open_redis(settings.redis), 0
    for shard in range(settings.shards):
        expected, store = await _reference(settings, ShardId(shard))
        for stream in STREAMS:
            assert read_once(settings, stream, shard) == expected[stream], (shard, stream)
            compared += len(expected[stream])
        for name, fields in store._hashes.items():
            assert await RedisStore(client, ShardId(shard)).load_all(name) == fields, (shard, name)
    await client.aclose()
    return compared


def read_once(settings: Settings, stream: Stream, shard: int) -> list[Said]:
    """What a reader counts: the next sequence only; what it has already must be the same bytes."""
    said: list[Said] = []
    by_first: dict[int, Said] = {}
    for log in read_partition(settings, stream.value, shard):
        one = _said(stream, log.value)
        following = said[-1].next if said else 0
        assert one.first <= following, f"{stream} of shard {shard} has a hole at {following}"
        if one.first == following:
            said.append(one)
            by_first[one.first] = one
        else:
            assert by_first[one.first] == one
    return said


def read_partition(settings: Settings, topic: str, partition: int) -> list[LogRecord]:
    """All messages of a partition."""
    first, end = _bounds(settings, topic, partition)
    consumer = _consumer(settings)
    consumer.assign([TopicPartition(topic, partition, first)])
    found: list[LogRecord] = []
    while len(found) < end - first:
        for message in consumer.consume(min(1_000, end - first - len(found)), 10):
            offset, value = message.offset(), message.value()
            assert offset is not None
            assert value is not None
            found.append(LogRecord(offset, message.timestamp()[1], value))
    consumer.close()
    return found


async def _reference(
    settings: Settings, shard: ShardId
) -> tuple[dict[Stream, list[Said]], MemoryStore]:
    bodies = CatalogueBodies(settings)
    bodies.start()
    store, state = MemoryStore(), ShardState(shard, Cursor(await _log_id(settings)))
    said: dict[Stream, list[Said]] = {stream: [] for stream in STREAMS}
    for log in read_partition(settings, LOG_TOPIC, shard):
        record = decode_record(log.value)
        expected = None if state.cursor.offset == START_OFFSET else state.cursor
        await load_for(state, store, [record], bodies.compiled)
        outputs = step(state, log, record)
        while not state.cursor.is_done:
            outputs += step(state, log, record)
        for out in outputs:
            said[out.stream].append(Said(out.first, out.next, out.value))
        await store.apply(expected, state.cursor, state.take_changes())
        state.trim()
    await bodies.close()
    return said, store


async def _log_id(settings: Settings) -> str:
    client = open_redis(settings.redis)
    cursor = await RedisStore(client, ShardId(0)).cursor()
    await client.aclose()
    assert cursor is not None
    return cursor.log


async def _applied(client: Client, shard: int) -> int:
    try:
        cursor = await RedisStore(client, ShardId(shard)).cursor()
    except ShardHeld:
        # Its state is just being put back.
        return 0
    return 0 if cursor is None else cursor.offset + cursor.is_done


def _said(stream: Stream, value: bytes) -> Said:
    if stream in TOLD:
        sequence: int = msgspec.json.decode(value)["sequence"]
        return Said(sequence, sequence + 1, value)
    record = decode_output(value)
    return Said(record.first, record.first + record.count, value)


def _bounds(settings: Settings, topic: str, partition: int) -> tuple[int, int]:
    consumer = _consumer(settings)
    bounds: tuple[int, int] = consumer.get_watermark_offsets(TopicPartition(topic, partition), 10)
    consumer.close()
    return bounds


def _consumer(settings: Settings) -> Consumer:
    return Consumer({"bootstrap.servers": settings.kafka, "group.id": "tests", "log_level": 3})


def events_in(records: Sequence[tuple[str, Record]]) -> int:
    """How many usage events the records carry."""
    return sum(len(record.events) for _, record in records if isinstance(record, UsageFrame))
