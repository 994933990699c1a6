"""Sending recordings: order, clock, retries and pacing, against the real routes in this process."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

import httpx
import pytest

from ingest.formats.line import TimedEvent
from ingest.recordings import Recording
from ingest.sender import (
    EVENTS_PER_BATCH,
    REACH_MS,
    SETTLE_MS,
    SendRefused,
    batches_of,
    due_in_ms,
    replay,
    send_kafka,
)
from schemas.frames import Tick, UsageFrame
from schemas.moment import HOUR_MS, text_from_ms
from tests.unit.ingest.fakes import (
    LIVE_KEY,
    NOW_MS,
    RECORDED_KEY,
    Edge,
    FakeKafka,
    cloud_event,
    edge,
)

STEP_MS = 1_000
# Long enough ago for every recording here to be over, and to have settled.
START_MS = NOW_MS - 2 * HOUR_MS


def _recording(count: int) -> Recording:
    events = tuple(
        TimedEvent(
            START_MS + number * STEP_MS,
            number + 1,
            {**cloud_event(number), "time": text_from_ms(START_MS + number * STEP_MS)},
        )
        for number in range(count)
    )
    return Recording(name="made", events=events, rejected=())


def _client(
    where: Edge, before: Callable[[httpx.Request], Awaitable[httpx.Response | None]] | None = None
) -> httpx.AsyncClient:
    """A client into the app; ``before`` may answer in its place."""
    inside = httpx.ASGITransport(where.app)

    class _Transport(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            answer = await before(request) if before else None
            return answer or await inside.handle_async_request(request)

    return httpx.AsyncClient(transport=_Transport())


@pytest.mark.parametrize("seed", [None, 7])
async def test_replay_when_done_then_all_is_there_and_the_clock_never_passed_an_event(
    seed: int | None,
) -> None:
    """Each tick stays behind all events after it; the last one ends every session."""
    where = edge()
    recording = _recording(3_500)
    progress = [
        each
        async for each in replay(
            recording, url="http://edge", key=RECORDED_KEY, shuffle_seed=seed, client=_client(where)
        )
    ]
    assert progress[-1] == (3_500, 3_500, 0)
    assert len({event.id for event in where.kafka.events()}) == 3_500
    watermark = 0
    ticks = 0
    for partition, record in where.kafka.records():
        if isinstance(record, UsageFrame):
            earliest = min(event.event_at_ms for event in record.events)
            assert watermark <= earliest - REACH_MS or watermark == 0
        elif isinstance(record, Tick) and partition == 0:
            assert record.to_ms > watermark
            watermark = record.to_ms
            ticks += 1
    assert watermark == (recording.last_ms or 0) + SETTLE_MS
    assert ticks == 1 if seed is not None else ticks > 1


async def test_replay_when_the_recording_has_just_ended_then_tells_no_time_to_come() -> None:
    """The last sessions stay open until the recording is sent again, later; nothing is refused."""
    where, kafka = edge(), FakeKafka()
    where.clock.at_ms = START_MS + SETTLE_MS // 2
    recording, now_ms = _recording(3), where.clock.wall_ms
    sent = replay(
        recording, url="http://edge", key=RECORDED_KEY, client=_client(where), now_ms=now_ms
    )
    assert [each async for each in sent][-1] == (3, 3, 0)
    assert where.kafka.ticks()[-1].to_ms == where.clock.at_ms
    async for _ in send_kafka(
        recording, kafka, topic="usage.raw.v1", partitions=1, key_id="k", now_ms=now_ms
    ):
        pass
    assert text_from_ms(where.clock.at_ms).encode() in kafka.messages[-1].value


async def test_replay_when_a_live_key_sends_then_no_clock_is_told() -> None:
    """Without declaring, a live key can replay too."""
    where = edge()
    sent = replay(
        _recording(5), url="http://edge", key=LIVE_KEY, declares_clock=False, client=_client(where)
    )
    assert [each async for each in sent][-1] == (5, 5, 0)
    assert not where.kafka.ticks()


async def test_replay_when_events_are_refused_then_counts_them() -> None:
    """Refused events and unreadable lines are the rejected ones."""
    where = edge()
    recording = _recording(2)
    recording.events[0].event["type"] = "session.begin"
    sent = replay(recording, url="http://edge", key=RECORDED_KEY, client=_client(where))
    assert [each async for each in sent][-1] == (2, 1, 1)


async def test_replay_when_the_stack_is_busy_then_tries_again() -> None:
    """408, 429, 503 and a lost connection cost time, not events."""
    where = edge()
    done = httpx.Response(HTTPStatus.CONTINUE)
    faults = iter(
        [
            httpx.Response(408),
            httpx.Response(429, headers={"retry-after": "0"}),
            httpx.Response(503, headers={"retry-after": "soon"}),
            None,
        ]
    )

    async def before(request: httpx.Request) -> httpx.Response | None:
        fault = next(faults, done)
        if fault is None:
            raise httpx.ConnectError("gone", request=request)
        return None if fault is done else fault

    sent = replay(_recording(3), url="http://edge", key=RECORDED_KEY, client=_client(where, before))
    assert [each async for each in sent][-1] == (3, 3, 0)
    assert len(where.kafka.events()) == 3


async def test_replay_when_refused_for_good_then_stops_and_says_why() -> None:
    """A wrong key is not tried again."""
    with pytest.raises(SendRefused, match="401"):
        async for _ in replay(
            _recording(1), url="http://edge", key="wrong", client=_client(edge())
        ):
            pass


def test_batches_when_paced_then_are_cut_by_time_and_due_by_the_recording() -> None:
    """At twice its speed an event a second is due every 500 ms, less what has passed."""
    parts = batches_of(_recording(3), speed=2, shuffle_seed=None)
    assert [len(part.events) for part in parts] == [1, 1, 1]
    assert due_in_ms(parts[2].first_ms - parts[0].first_ms, elapsed_ms=300, speed=2) == 700
    assert due_in_ms(1_000, elapsed_ms=600, speed=2) == 0
    assert due_in_ms(1_000, elapsed_ms=0, speed=None) == 0


async def test_replay_when_paced_then_sends_the_same() -> None:
    """A pace changes when events leave, not what arrives."""
    where = edge()
    sent = replay(
        _recording(21), url="http://edge", key=RECORDED_KEY, speed=1_000, client=_client(where)
    )
    assert [each async for each in sent][-1] == (21, 21, 0)


async def test_send_kafka_when_done_then_every_partition_hears_the_clock_last() -> None:
    """Structured messages named by key id, then one clock tick to each raw partition."""
    kafka = FakeKafka()
    recording = _recording(EVENTS_PER_BATCH + 1)
    sent = send_kafka(recording, kafka, topic="usage.raw.v1", partitions=3, key_id="k")
    assert [each.sent async for each in sent] == [EVENTS_PER_BATCH, EVENTS_PER_BATCH + 1]
    assert kafka.calls == [EVENTS_PER_BATCH, 1, 3]
    assert [each.partition for each in kafka.messages[-3:]] == [0, 1, 2]
    assert all(("ncash-key-id", "k") in (each.headers or []) for each in kafka.messages)
    assert b"clock.tick" in kafka.messages[-1].value
