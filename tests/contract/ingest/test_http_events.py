"""``POST /v1/events`` and ``/v1/clock`` as the contract says them; Kafka is a fake at its port."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from cloudevents.v1.conversion import to_binary, to_structured
from cloudevents.v1.http import CloudEvent

from ingest.limits import EVENTS_PER_REQUEST_MAX, IntakeLimits
from schemas.frames import EVENT_BYTES_MAX, Tick
from schemas.ids import domain_of
from tests.unit.ingest.fakes import (
    LIVE_KEY,
    NOW_MS,
    NOW_TEXT,
    READ_KEY,
    RECORDED_KEY,
    SHARDS,
    Edge,
    cloud_event,
    edge,
)

BATCH = "application/cloudevents-batch+json"
STRUCTURED = "application/cloudevents+json"
PROBLEM = "application/problem+json"


async def _post(
    where: Edge,
    content: bytes | AsyncIterator[bytes],
    *,
    path: str = "/v1/events",
    key: str | None = LIVE_KEY,
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    transport = httpx.ASGITransport(where.app)
    authorization = {} if key is None else {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://edge") as client:
        return await client.post(
            path, content=content, headers={**authorization, **(headers or {})}
        )


def _encoded(value: object) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("body", "content_type", "accepted"),
    [
        (_encoded(cloud_event()), STRUCTURED, 1),
        (_encoded([cloud_event(1), cloud_event(2)]), BATCH, 2),
        (_encoded(cloud_event()), "application/json", 1),
        (_encoded([cloud_event(1), cloud_event(2)]), "application/json", 2),
        (_encoded(cloud_event()), "application/x-www-form-urlencoded", 1),
        (b"[]", BATCH, 0),
    ],
    ids=["structured", "batch", "plain-object", "plain-array", "bare-curl", "empty-batch"],
)
async def test_events_when_sent_in_each_mode_then_are_in_kafka_before_the_answer(
    body: bytes, content_type: str, accepted: int
) -> None:
    """Every mode is taken, stamped with our clock, and answered 202 once Kafka has it."""
    where = edge()
    answer = await _post(where, body, headers={"Content-Type": content_type})
    assert (answer.status_code, answer.json()) == (202, {"accepted": accepted, "rejected": []})
    events = where.kafka.events()
    assert len(events) == accepted
    assert all(each.received_at_ms == NOW_MS and each.tenant == "demo" for each in events)


@pytest.mark.parametrize("mode", ["structured", "binary"])
async def test_sdk_when_it_sends_in_either_mode_then_works_unchanged(mode: str) -> None:
    """The CloudEvents SDK's own bytes and headers are taken."""
    where = edge()
    event = CloudEvent(
        {"type": "session.start", "source": "video-site", "subject": "회원 1", "time": NOW_TEXT},
        {"session": "s-1", "content": "film-7"},
    )
    headers, body = to_structured(event) if mode == "structured" else to_binary(event)
    # The SDK leaves non-ASCII header values to the HTTP client, which must percent-encode them.
    sent = {name: str(httpx.URL(f"/{value}").raw_path[1:], "ascii") if "subject" in name else value
            for name, value in headers.items()}  # fmt: skip
    answer = await _post(where, body, headers=sent)
    assert answer.json() == {"accepted": 1, "rejected": []}
    [taken] = where.kafka.events()
    assert (taken.id, taken.subject, taken.content) == (event["id"], "회원 1", "film-7")


async def test_batch_when_some_are_bad_then_the_good_ones_are_kept() -> None:
    """Bad events of every kind are told by index, id and reason, and kept as dead letters."""
    where = edge(sources=("video-site",))
    deep = b'{"id":"deep","data":' + b"[" * 20_000 + b"]" * 20_000 + b"}"
    large = cloud_event(7, note="x" * EVENT_BYTES_MAX)
    bad = [
        (_encoded({**cloud_event(1), "type": "session.begin"}), "e-1", "type-unknown"),
        (_encoded(cloud_event(2, session=None)), "e-2", "session-missing"),
        (_encoded(cloud_event(3, meters={"bytes": float("nan")})), "e-3", "meter-invalid"),
        (_encoded({**cloud_event(4), "time": "2020-01-01T00:00:00Z"}), "e-4",
         "time-outside-allowance"),
        (_encoded({**cloud_event(5), "source": "other-site"}), "e-5", "source-outside-key"),
        (_encoded(cloud_event(6)).replace(b"member-6", b"member-\xff"), "", "unreadable"),
        (_encoded(large), "e-7", "too-large"),
        (deep, "", "unreadable"),
        (b"7", "", "unreadable"),
        (b'"\\ud800"', "", "unreadable"),
    ]  # fmt: skip
    good = [_encoded(cloud_event(number)) for number in range(100, 111)]
    mixed = [
        part for pair in zip(good, [text for text, _, _ in bad], strict=False) for part in pair
    ]
    answer = await _post(where, b"[" + b",".join([*mixed, good[-1]]) + b"]")
    assert answer.status_code == 202
    assert answer.json()["accepted"] == len(good)
    told = [(each["index"], each["id"], each["reason"]) for each in answer.json()["rejected"]]
    assert told == [(2 * at + 1, name, reason) for at, (_, name, reason) in enumerate(bad)]
    assert all(each["detail"] for each in answer.json()["rejected"])
    assert {each.id for each in where.kafka.events()} == {f"e-{n}" for n in range(100, 111)}
    letters = where.kafka.letters()
    assert [letter.reason for letter in letters] == [reason for _, _, reason in bad]
    assert all(letter.place == "http" and letter.tenant == "demo" for letter in letters)
    assert letters[0].body == bad[0][0]
    assert letters[6].body == bad[6][0][:EVENT_BYTES_MAX]


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"{", 400), (b"7", 400), (b"[1, 2]", 400), (b'{"id": "\xff"}', 400),
     (b"[" * 50_000, 400), (b"{}", 202)],
    ids=["empty", "torn", "number", "numbers", "not-utf-8", "deep", "an-object"],
)  # fmt: skip
async def test_body_when_nothing_in_it_can_be_read_then_is_400(body: bytes, status: int) -> None:
    """400 only when there is nothing that could be an event; it leaves a dead letter too."""
    where = edge()
    answer = await _post(where, body)
    assert answer.status_code == status
    assert where.kafka.letters()
    if status == 400:
        assert answer.headers["content-type"] == PROBLEM
        assert answer.json()["type"] == "urn:ncash:problem:unreadable"


@pytest.mark.parametrize(
    ("key", "status", "word"),
    [(None, 401, "unauthorized"), ("wrong", 401, "unauthorized"), (READ_KEY, 403, "scope-missing")],
)
@pytest.mark.parametrize("path", ["/v1/events", "/v1/clock"])
async def test_request_when_the_key_does_not_allow_it_then_nothing_is_read(
    path: str, key: str | None, status: int, word: str
) -> None:
    """A wrong key is 401 and a wrong scope 403, both as problem documents."""
    where = edge()
    answer = await _post(where, _encoded(cloud_event()), path=path, key=key)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:ncash:problem:{word}")
    assert answer.headers["content-type"] == PROBLEM
    assert not where.kafka.messages


@pytest.mark.parametrize("declared", [True, False])
async def test_body_when_over_the_limit_then_is_413_before_all_of_it_is_read(
    *, declared: bool
) -> None:
    """A declared size is refused unread, an undeclared one as soon as it is over."""
    where = edge(IntakeLimits(body_bytes_max=100_000))
    read = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(100):
            read += 1
            yield b" " * 100_000

    headers = {"Content-Length": "10000000"} if declared else {}
    answer = await _post(where, chunks(), headers=headers)
    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"
    assert read <= (1 if declared else 3)
    assert not where.kafka.messages


async def test_batch_when_it_has_too_many_events_then_is_413() -> None:
    """The number of events of one request is limited too."""
    where = edge()
    answer = await _post(where, b"[" + b"{}," * EVENTS_PER_REQUEST_MAX + b"{}]")
    assert answer.status_code == 413


async def test_key_when_over_its_rate_then_is_429_until_its_time_has_come() -> None:
    """Retry-After tells when; after that the same request passes."""
    where = edge(IntakeLimits(events_per_s=1, events_burst=EVENTS_PER_REQUEST_MAX))
    full = _encoded([cloud_event(number) for number in range(EVENTS_PER_REQUEST_MAX)])
    assert (await _post(where, full)).status_code == 202
    answer = await _post(where, _encoded(cloud_event()))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert answer.json()["type"] == "urn:ncash:problem:too-many-events"
    where.clock.at_ms += 1_000
    assert (await _post(where, _encoded(cloud_event()), key=RECORDED_KEY)).status_code == 202
    assert (await _post(where, _encoded(cloud_event()))).status_code == 202


async def test_kafka_when_away_then_is_503_and_nothing_is_claimed() -> None:
    """The sender is asked to send the same again."""
    where = edge()
    where.kafka.fails = True
    answer = await _post(where, _encoded(cloud_event()))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    clock = await _post(where, _encoded({"to": NOW_TEXT}), path="/v1/clock", key=RECORDED_KEY)
    assert clock.status_code == 503


async def test_answer_when_kafka_has_not_confirmed_then_waits() -> None:
    """No 202 before the publish has returned, and no watermark past the open request."""
    where = edge()
    where.kafka.door = asyncio.Event()
    asking = asyncio.create_task(_post(where, _encoded(cloud_event())))
    await where.kafka.taken.wait()
    assert not asking.done()
    assert where.stamps.vouched() == NOW_MS - 1
    where.kafka.door.set()
    assert (await asking).status_code == 202
    assert where.stamps.vouched() == NOW_MS


async def test_clock_when_told_by_a_recording_then_is_in_every_shard() -> None:
    """The declared time becomes the sender's tick in the recording's own domain."""
    where = edge()
    body = _encoded({"to": "2015-05-17T10:05:00Z", "final": True})
    answer = await _post(where, body, path="/v1/clock", key=RECORDED_KEY)
    assert answer.status_code == 202
    assert answer.json() == {"to": "2015-05-17T10:05:00.000Z", "final": True}
    expected = Tick(
        domain_of("demo", recorded=True), "http", "sender", None, 1431857100000, leave=True
    )
    assert where.kafka.records() == [(shard, expected) for shard in range(SHARDS)]


@pytest.mark.parametrize(
    ("body", "key", "status"),
    [(b'{"to": "2015-05-17T10:05:00Z"}', LIVE_KEY, 403), (b"{}", RECORDED_KEY, 400),
     (b'{"to": "noon"}', RECORDED_KEY, 400),
     (b'{"to": "9999-12-31T23:59:59Z"}', RECORDED_KEY, 422),
     (b'{"to": "2026-01-31T09:35:00.001Z"}', RECORDED_KEY, 422), (b"[" * 5_000, RECORDED_KEY, 413),
     (b"[" * 1_000, RECORDED_KEY, 400), (b'{"to": "x", "too": 1}', RECORDED_KEY, 400)],
    ids=["live-key", "no-time", "no-moment", "year-9999", "ahead", "large", "deep", "misspelt"],
)  # fmt: skip
async def test_clock_when_it_cannot_be_told_then_no_shard_hears_of_it(
    body: bytes, key: str, status: int
) -> None:
    """A live key has no clock to tell, and a bad body none that can be read."""
    where = edge()
    answer = await _post(where, body, path="/v1/clock", key=key)
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
    assert not where.kafka.messages


async def test_clock_when_within_the_allowance_then_is_told() -> None:
    """A sender whose own clock is a little ahead is heard."""
    where = edge()
    body = _encoded({"to": "2026-01-31T09:35:00Z"})
    answer = await _post(where, body, path="/v1/clock", key=RECORDED_KEY)
    assert answer.status_code == 202


async def test_clock_when_told_too_fast_then_is_429_with_a_pause() -> None:
    """Telling the time costs a record in every shard, and counts as that many events."""
    limits = IntakeLimits(events_per_s=SHARDS, events_burst=EVENTS_PER_REQUEST_MAX)
    where = edge(limits)
    body = _encoded({"to": NOW_TEXT})
    for _ in range(EVENTS_PER_REQUEST_MAX // SHARDS):
        assert (await _post(where, body, path="/v1/clock", key=RECORDED_KEY)).status_code == 202
    answer = await _post(where, body, path="/v1/clock", key=RECORDED_KEY)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")


async def test_unknown_path_when_asked_for_then_is_a_problem_document() -> None:
    """Errors that the framework raises look like ours."""
    answer = await _post(edge(), b"", path="/v1/nothing")
    assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM)
    assert answer.json()["type"] == "urn:ncash:problem:not-found"
