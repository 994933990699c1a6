"""The Kafka collector against a real broker: modes, stamps, commits, ticks, a kill."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from cloudevents.v1.http import CloudEvent
from cloudevents.v1.kafka import KafkaMessage, to_binary, to_structured
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions, NewTopic

from ingest.app import run_kafka_collector
from ingest.formats.line import TimedEvent, timed_event
from ingest.recordings import Recording
from ingest.sender import SETTLE_MS, send_kafka
from rating.catalogue import Catalogue, compile_catalogue
from runtime.clock import SystemClock
from runtime.keys import KeyRing
from runtime.metrics import Metrics
from runtime.publisher import OutMessage, Publisher
from schemas.catalogue import document_from_json
from schemas.errors import InvalidDocument
from schemas.frames import Record, Tick, UsageFrame
from schemas.ids import LIVE, domain_of
from schemas.moment import text_from_ms
from schemas.usage import UsageEvent
from shard.domain import advance, new_domain, watermark_of
from tests.integration.ingest.conftest import PARTITIONS, WAIT_S, Bench
from tests.integration.ingest.log_reader import letters, records
from tests.support.issuing import AUDIENCE, ISSUER, Issuer, SigningKey

START_MS = 1_431_857_100_000


@asynccontextmanager
async def _collecting(
    bench: Bench, catalogue: Catalogue | None = None
) -> AsyncGenerator[asyncio.Task[None]]:
    stopping = asyncio.Event()
    task = asyncio.create_task(
        run_kafka_collector(
            bench.settings.model_copy(update={"jwks_hosts": "127.0.0.1"}),
            keys=KeyRing(bench.keys),
            publisher=bench.publisher,
            clock=SystemClock(),
            metrics=Metrics(),
            stopping=stopping,
            catalogue=None if catalogue is None else lambda: catalogue,
        )
    )
    yield task
    stopping.set()
    await asyncio.wait_for(task, WAIT_S)


async def _until(
    bench: Bench, enough: Callable[[list[tuple[int, Record]]], bool]
) -> list[tuple[int, Record]]:
    """Read the log until it holds enough; asks, never trusts a pause."""
    read: list[tuple[int, Record]] = []
    async with asyncio.timeout(WAIT_S):
        while not enough(read):
            read += await asyncio.to_thread(records, bench.log)
    return read


def _events(read: list[tuple[int, Record]], tenant: str) -> list[UsageEvent]:
    frames = [record for _, record in read if isinstance(record, UsageFrame)]
    return [event for frame in frames for event in frame.events if event.tenant == tenant]


def _recording(count: int) -> Recording:
    events: list[TimedEvent] = [
        timed_event(
            "made",
            line,
            START_MS + line * 10,
            kind="session.heartbeat",
            subject=f"member-{line % 50}",
            data={"session": f"s-{line % 50}", "meters": {"bytes": line}},
        )
        for line in range(1, count + 1)
    ]
    return Recording(name="made", events=tuple(events), rejected=())


def _message(bench: Bench, made: KafkaMessage) -> OutMessage:
    headers: list[tuple[str, bytes | str | None]] = [("ncash-key-id", bench.key_id("live"))]
    for name, content in made.headers.items():
        assert isinstance(content, bytes)
        headers.append((name, content))
    value = made.value
    return OutMessage(
        topic=bench.settings.raw_topic,
        value=value.encode() if isinstance(value, str) else value,
        headers=headers,
    )


async def test_collector_when_the_sdk_writes_both_modes_then_takes_them_and_keeps_the_bad(
    bench: Bench,
) -> None:
    """SDK messages become frames stamped by the broker; the rest become dead letters."""
    now = text_from_ms(SystemClock().wall_ms())

    def event(name: str) -> CloudEvent:
        return CloudEvent(
            {
                "id": name,
                "type": "session.heartbeat",
                "source": "site",
                "subject": "m",
                "time": now,
                # The SDK's binary mode for Kafka asks for it.
                "datacontenttype": "application/json",
            },
            {"session": "s"},
        )

    bad = OutMessage(topic=bench.settings.raw_topic, partition=0, value=b"\xff{")
    await bench.publisher.publish(
        [
            _message(bench, to_structured(event("structured"))),
            bad,
            _message(bench, to_binary(event("binary"))),
        ]
    )
    async with _collecting(bench):
        read = await _until(bench, lambda got: len(_events(got, bench.tenant)) >= 2)
        found = await asyncio.to_thread(letters, bench.dead)
        while not found:
            found = await asyncio.to_thread(letters, bench.dead)
    taken = {each.id: each for each in _events(read, bench.tenant)}
    assert set(taken) == {"structured", "binary"}
    for each in taken.values():
        assert 0 <= each.received_at_ms - each.event_at_ms < WAIT_S * 1_000
    [letter] = [each for each in found if bench.settings.raw_topic in each.place]
    assert (letter.reason, letter.body) == ("key-unknown", b"\xff{")
    assert letter.place.startswith(f"kafka/{bench.settings.raw_topic}/0/")


async def test_collector_when_an_issuer_is_away_at_first_then_its_partition_waits_for_it(
    bench: Bench,
) -> None:
    """No event becomes a dead letter, and none behind it in its partition overtakes it."""
    key, asked = SigningKey(), 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.readuntil(b"\r\n\r\n")
        body, status = Issuer.key_set(key), "503 Away" if asked == 1 else "200 OK"
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    now_ms = SystemClock().wall_ms()
    token = Issuer(key, now_ms // 1_000 - 10).token()
    sent = [
        (0, _start(now_ms, "behind-nobody")),
        (0, _start(now_ms, "with-token", consent=token)),
        (0, _start(now_ms, "behind")),
        (1, _start(now_ms, "elsewhere")),
    ]
    key_id: tuple[str, str] = ("ncash-key-id", bench.key_id("live"))
    await bench.publisher.publish(
        [
            OutMessage(topic=bench.settings.raw_topic, partition=at, value=value, headers=[key_id])
            for at, value in sent
        ]
    )
    async with server, _collecting(bench, _issued_by(bench.tenant, port)):
        read = await _until(bench, lambda got: len(_events(got, bench.tenant)) >= 4)
    taken = [each.id for each in _events(read, bench.tenant)]
    assert sorted(taken) == ["behind", "behind-nobody", "elsewhere", "with-token"]
    assert asked >= 2
    assert set(taken[:2]) == {"behind-nobody", "elsewhere"}
    found = await asyncio.to_thread(letters, bench.dead)
    assert not [each for each in found if bench.settings.raw_topic in each.place]


def _start(now_ms: int, name: str, **data: object) -> bytes:
    words = {"session": name, "content": "film", **data}
    return msgspec.json.encode(
        {"id": name, "source": "site", "type": "session.start", "subject": "kim",
         "time": text_from_ms(now_ms), "data": words}
    )  # fmt: skip


def _issued_by(tenant: str, port: int) -> Catalogue:
    """A catalogue whose tenant takes tokens of the issuer at a port."""
    rules = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_url": f"http://127.0.0.1:{port}/jwks"}
    tariff = {"id": "t", "components": [{"kind": "time", "price": "30"}]}
    content = {"id": "film", "provider": "kbs", "tariff": "t"}
    terms = {"id": tenant, "currency": "KRW", "tariffs": [tariff], "contents": [content]}
    body = msgspec.json.encode({"tenants": [{**terms, "tokens": rules}]})
    return compile_catalogue(document_from_json(body))


async def test_collector_when_idle_then_every_partition_ticks_to_every_shard(bench: Bench) -> None:
    """Without traffic the watermark of each raw partition goes on by the broker's ends."""
    members = {f"{bench.settings.raw_topic}/{each}" for each in range(PARTITIONS)}

    def ticks(got: list[tuple[int, Record]]) -> dict[tuple[int, str], list[Tick]]:
        told: dict[tuple[int, str], list[Tick]] = {}
        for shard, record in got:
            if isinstance(record, Tick) and record.member in members:
                told.setdefault((shard, record.member), []).append(record)
        return told

    async with _collecting(bench):
        read = await _until(
            bench,
            lambda got: (
                len(ticks(got)) == PARTITIONS * bench.settings.shards
                and all(len(each) >= 2 for each in ticks(got).values())
            ),
        )
    for told in ticks(read).values():
        assert all((tick.domain, tick.path, tick.from_ms) == (LIVE, "kafka", None) for tick in told)
        assert [tick.to_ms for tick in told] == sorted({tick.to_ms for tick in told})


async def test_watermark_when_partitions_hold_a_backlog_then_passes_no_event_before_it_came(
    bench: Bench,
) -> None:
    """At a first start and after partitions were added, the shard's clock waits for all of them."""
    topic = bench.settings.raw_topic
    names = [await _live_events(bench, partition=0, count=20_000)]
    async with _collecting(bench):
        read = await _until(bench, lambda got: len(_events(got, bench.tenant)) >= 20_000)
        admin = AdminClient({"bootstrap.servers": bench.settings.kafka})
        for future in admin.create_partitions([NewPartitions(topic, PARTITIONS + 1)]).values():
            future.result(WAIT_S)
        names.append(await _live_events(bench, partition=PARTITIONS, count=100))
        read += await _until(bench, lambda got: len(_events(got, bench.tenant)) >= 100)
    assert {each.id for each in _events(read, bench.tenant)} == set().union(*names)
    clocks = {shard: new_domain() for shard in range(bench.settings.shards)}
    for shard, record in read:
        if isinstance(record, Tick) and record.member.startswith(f"{topic}/"):
            advance(clocks[shard], record)
        for event in _events([(shard, record)], bench.tenant):
            assert event.received_at_ms > watermark_of(clocks[shard], ("kafka",))
    members = {f"{topic}/{each}" for each in range(PARTITIONS + 1)}
    assert all(clock.paths["kafka"].members.keys() == members for clock in clocks.values())


async def _live_events(bench: Bench, *, partition: int, count: int) -> set[str]:
    """Live heartbeats into one raw partition; their ids."""
    now = text_from_ms(SystemClock().wall_ms())
    headers: list[tuple[str, bytes | str | None]] = [("ncash-key-id", bench.key_id("live"))]
    names = [f"{partition}-{number}" for number in range(count)]
    values = [
        msgspec.json.encode(
            {
                "id": name,
                "source": "site",
                "type": "session.heartbeat",
                "subject": f"m-{number % 50}",
                "time": now,
                "data": {"session": f"s-{number % 50}"},
            }
        )
        for number, name in enumerate(names)
    ]
    topic = bench.settings.raw_topic
    # Of its own: one that sent before does not know yet of partitions that were added.
    publisher = Publisher(bench.settings)
    await publisher.publish(
        [OutMessage(topic=topic, partition=partition, value=v, headers=headers) for v in values]
    )
    await publisher.close()
    return set(names)


async def test_collector_when_started_again_then_goes_on_behind_what_it_committed(
    bench: Bench,
) -> None:
    """A clean stop commits: nothing is forwarded twice, nothing is left out."""
    sent = Recording(name="made", events=_recording(40).events, rejected=())
    halves = [sent.events[:20], sent.events[20:]]
    read: list[tuple[int, Record]] = []
    for half in halves:
        part = Recording(name="made", events=half, rejected=())
        async for _ in send_kafka(
            part, bench.publisher, topic=bench.settings.raw_topic, partitions=PARTITIONS,
            key_id=bench.key_id("recorded"), declares_clock=False,
        ):  # fmt: skip
            pass
        async with _collecting(bench):
            read += await _until(bench, lambda got: len(_events(got, bench.tenant)) >= 20)
    read += await asyncio.to_thread(records, bench.log)
    ids = [each.id for each in _events(read, bench.tenant)]
    assert sorted(ids) == sorted(str(each.event["id"]) for each in sent.events)


async def test_recording_when_sent_then_its_last_tick_is_behind_all_events_in_every_shard(
    bench: Bench,
) -> None:
    """No shard hears the end of a recording from all partitions before its last event."""
    recording = _recording(3_000)
    async for _ in send_kafka(
        recording, bench.publisher, topic=bench.settings.raw_topic, partitions=PARTITIONS,
        key_id=bench.key_id("recorded"), shuffle_seed=3,
    ):  # fmt: skip
        pass
    domain = domain_of(bench.tenant, recorded=True)
    end_ms = (recording.last_ms or 0) + SETTLE_MS

    def ended(got: list[tuple[int, Record]]) -> bool:
        last = [
            r for _, r in got if isinstance(r, Tick) and (r.domain, r.to_ms) == (domain, end_ms)
        ]
        return len(last) == PARTITIONS * bench.settings.shards

    async with _collecting(bench):
        read = await _until(bench, ended)
    assert len({each.id for each in _events(read, bench.tenant)}) == len(recording.events)
    for shard in range(bench.settings.shards):
        watermarks: dict[str, int] = {}
        for record in [record for where, record in read if where == shard]:
            if isinstance(record, Tick) and record.domain == domain:
                watermarks[record.member] = record.to_ms
            elif isinstance(record, UsageFrame) and _events([(shard, record)], bench.tenant):
                assert min(watermarks.values(), default=0) < end_ms
                assert not watermarks or len(watermarks) == PARTITIONS


async def test_collector_when_the_topic_has_no_append_time_then_refuses(bench: Bench) -> None:
    """A topic that takes senders' stamps would let them decide what silence is."""
    topic = f"usage.raw.{uuid4().hex}"
    admin = AdminClient({"bootstrap.servers": bench.settings.kafka})
    for future in admin.create_topics([NewTopic(topic, 1, 1)]).values():
        future.result(WAIT_S)
    await bench.publisher.publish([OutMessage(topic=topic, value=b"{}")])
    with pytest.raises(InvalidDocument, match="LogAppendTime"):
        await asyncio.wait_for(
            run_kafka_collector(
                bench.settings.model_copy(update={"raw_topic": topic}),
                keys=KeyRing(bench.keys),
                publisher=bench.publisher,
                clock=SystemClock(),
                metrics=Metrics(),
                stopping=asyncio.Event(),
            ),
            WAIT_S,
        )


async def test_collector_when_killed_in_the_middle_then_the_next_loses_nothing(
    bench: Bench, tmp_path: Path
) -> None:
    """After kill -9 all events arrive; some twice, with the same ids and digests."""
    keys_file = tmp_path / "keys.json"
    keys_file.write_bytes(msgspec.json.encode(bench.keys))
    settings = bench.settings.model_copy(update={"keys_file": keys_file})
    program = Path(__file__).with_name("collector_process.py")
    root = str(Path(__file__).parents[3])
    environment = {**os.environ, **settings.environment(), "PYTHONPATH": root}
    argv = [sys.executable, str(program)]
    recording = _recording(20_000)
    read: list[tuple[int, Record]] = []
    first = await asyncio.to_thread(subprocess.Popen, argv, env=environment)
    try:
        async for progress in send_kafka(
            recording, bench.publisher, topic=bench.settings.raw_topic, partitions=PARTITIONS,
            key_id=bench.key_id("recorded"), declares_clock=False,
        ):  # fmt: skip
            if progress.sent == 10_000:
                read = await _until(bench, lambda got: bool(_events(got, bench.tenant)))
                first.kill()
    finally:
        first.kill()
        await asyncio.to_thread(first.wait)
    async with _collecting(bench):
        read += await _until(
            bench,
            lambda got: len({e.id for e in _events([*read, *got], bench.tenant)}) == 20_000,
        )
    said = {(each.id, each.digest) for each in _events(read, bench.tenant)}
    assert len(said) == len(recording.events)
