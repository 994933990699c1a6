"""Sends recordings: over HTTP with the clock declared as it goes, or into the raw topic.

Invariant: the clock never passes an event that is not yet answered 202, less the reach; so a
recording is told in its own time, whatever its speed. Every retry is bounded, and harmless,
since events keep their ids. It does not own what is made of the events.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from http import HTTPStatus
from typing import NamedTuple

import httpx
import msgspec
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from ingest.formats.line import TimedEvent
from ingest.forward import CLOCK_TICK, KEY_HEADER
from ingest.modes import STRUCTURED
from ingest.port import Publisher
from ingest.recordings import Recording
from runtime.clock import SystemClock
from runtime.faults import TransportFault
from runtime.publisher import OutMessage
from schemas.cloudevent import SPEC_VERSION
from schemas.errors import NcashError, RecoverableError
from schemas.moment import MINUTE_MS, SECOND_MS, text_from_ms

EVENTS_PER_BATCH = 1_000
REQUESTS_IN_FLIGHT = 4
REACH_MS = MINUTE_MS
# Past the longest silence of the demo's tariffs: the recording's last sessions end too.
SETTLE_MS = 31 * MINUTE_MS
ATTEMPTS_MAX = 12
WAIT_S_MAX = 10
TIMEOUT_S = 60
# When paced, a batch covers at most this much real time, so that events leave when they are due.
PACED_MS = 200
_BATCH_TYPE = "application/cloudevents-batch+json"
_encoder = msgspec.json.Encoder()


class Progress(NamedTuple):
    """How far a sending is.

    Args:
        sent: Events that were answered.
        accepted: Of them, taken.
        rejected: Of them, refused, and lines that gave no event.
    """

    sent: int
    accepted: int
    rejected: int


class SendRefused(NcashError):
    """The other side will not take this, however often it is sent."""


_BUSY = (
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


class _Busy(RecoverableError):
    """408, 429 or 503: try again, not before ``retry_after_s``."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(f"{answer.status_code} from {answer.url}")
        told = answer.headers.get("retry-after", "")
        self.retry_after_s = min(int(told), WAIT_S_MAX) if told.isdecimal() else 0


class _Refusals(msgspec.Struct):
    accepted: int
    rejected: list[object]


class Batch(NamedTuple):
    """Events that leave in one request.

    Args:
        number: Place in the order of sending.
        events: Themselves.
        first_ms: Of its first event; in order of time also the least of all later batches.
    """

    number: int
    events: Sequence[TimedEvent]
    first_ms: int


async def replay(
    recording: Recording,
    *,
    url: str,
    key: str,
    speed: int | None = None,
    shuffle_seed: int | None = None,
    declares_clock: bool = True,
    settle_ms: int = SETTLE_MS,
    client: httpx.AsyncClient | None = None,
    now_ms: Callable[[], int] | None = None,
) -> AsyncIterator[Progress]:
    """Send a recording over HTTP.

    Args:
        recording: What to send.
        url: Of the stack, without path.
        key: With scope ``usage:write``; recorded, if the clock is to be declared.
        speed: Times as fast as it was recorded; None is as fast as it goes.
        shuffle_seed: Sends in this random order; the clock is then declared only at the end.
        declares_clock: False for a live key, or when another sending goes on with the clock.
        settle_ms: How far behind the last event the clock ends, but never ahead of the real one.
        client: To send with, closed at the end; by default one of its own making.
        now_ms: The real time; None is this machine's.

    Yields:
        Progress after each batch, and once more at the end.

    Raises:
        SendRefused: A status that sending again cannot change; the message says which.
        RecoverableError: The stack stayed busy or out of reach for all attempts.
    """
    ordered = shuffle_seed is None
    batches = batches_of(recording, speed=speed, shuffle_seed=shuffle_seed)
    async with client or httpx.AsyncClient(timeout=TIMEOUT_S) as opened:
        sending = _Sending(opened, url, key, declares=declares_clock and ordered)
        progress = Progress(0, 0, len(recording.rejected))
        async for answered, accepted in sending.run(batches, speed):
            progress = Progress(
                progress.sent + answered,
                progress.accepted + accepted,
                progress.rejected + answered - accepted,
            )
            yield progress
        if declares_clock and recording.last_ms is not None:
            await sending.declare(_end_ms(recording.last_ms + settle_ms, now_ms))
    yield progress


async def send_kafka(
    recording: Recording,
    publisher: Publisher,
    *,
    topic: str,
    partitions: int,
    key_id: str,
    shuffle_seed: int | None = None,
    declares_clock: bool = True,
    settle_ms: int = SETTLE_MS,
    now_ms: Callable[[], int] | None = None,
) -> AsyncIterator[Progress]:
    """Send a recording into the raw topic, structured mode, the clock declared at the end.

    Args:
        recording: What to send.
        publisher: To Kafka.
        topic: The raw topic.
        partitions: How many it has; each gets the final ``clock.tick``.
        key_id: Of a recorded key.
        shuffle_seed: Sends in this random order.
        declares_clock: False when another sending goes on with the clock.
        settle_ms: How far behind the last event the clock ends, but never ahead of the real one.
        now_ms: The real time; None is this machine's.

    Yields:
        Progress after each batch; what is refused is known only to the dead letters.

    Raises:
        RecoverableError: Kafka did not confirm.
    """
    headers: list[tuple[str, bytes | str | None]] = [
        ("content-type", STRUCTURED),
        (KEY_HEADER, key_id),
    ]
    sent = 0
    for batch in batches_of(recording, speed=None, shuffle_seed=shuffle_seed):
        await publisher.publish(
            [
                OutMessage(
                    topic=topic,
                    key=str(each.event.get("subject", "")).encode(),
                    value=_encoder.encode(each.event),
                    headers=headers,
                )
                for each in batch.events
            ]
        )
        sent += len(batch.events)
        yield Progress(sent, sent, len(recording.rejected))
    if declares_clock and recording.last_ms is not None:
        end_ms = _end_ms(recording.last_ms + settle_ms, now_ms)
        tick = _encoder.encode(_clock_tick(recording.name, end_ms))
        await publisher.publish(
            [
                OutMessage(topic=topic, partition=each, value=tick, headers=headers)
                for each in range(partitions)
            ]
        )


def due_in_ms(offset_ms: int, *, elapsed_ms: int, speed: int | None) -> int:
    """How long until an event is due, at a pace.

    Args:
        offset_ms: Of the event behind the recording's first.
        elapsed_ms: Real time since the sending began.
        speed: Times as fast as recorded; None is as fast as it goes.
    """
    return 0 if speed is None else max(0, offset_ms // speed - elapsed_ms)


class _Sending:
    """One recording on its way over HTTP."""

    def __init__(self, client: httpx.AsyncClient, url: str, key: str, *, declares: bool) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"}
        self._declares = declares
        self._declared_ms: int | None = None
        self._turn = asyncio.Lock()

    async def run(
        self, batches: Sequence[Batch], speed: int | None
    ) -> AsyncIterator[tuple[int, int]]:
        """Send all batches; yields (events answered, events accepted) of each as it ends."""
        under_way: dict[asyncio.Task[tuple[int, int]], Batch] = {}
        began_ms = _monotonic_ms()
        try:
            for batch in batches:
                wait_ms = due_in_ms(
                    batch.first_ms - batches[0].first_ms,
                    elapsed_ms=_monotonic_ms() - began_ms,
                    speed=speed,
                )
                await asyncio.sleep(wait_ms / SECOND_MS)
                post = asyncio.create_task(self._post_batch(batch))
                under_way[post] = batch
                if len(under_way) >= REQUESTS_IN_FLIGHT:
                    for result in await self._landed(under_way):
                        yield result
                first = min(under_way.values(), default=None)
                # Whatever is not answered yet, or not sent, is at or after this time.
                if self._declares and first is not None:
                    await self.declare(first.first_ms - REACH_MS)
            while under_way:
                for result in await self._landed(under_way):
                    yield result
        finally:
            for post in under_way:
                post.cancel()

    async def declare(self, to_ms: int) -> None:
        """Tell the recording's time, unless it was told already."""
        async with self._turn:
            if self._declared_ms is not None and to_ms <= self._declared_ms:
                return
            await self._post("/v1/clock", {"to": text_from_ms(to_ms)}, "application/json")
            self._declared_ms = to_ms

    async def _landed(
        self, under_way: dict[asyncio.Task[tuple[int, int]], Batch]
    ) -> list[tuple[int, int]]:
        done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        for post in done:
            del under_way[post]
        return [post.result() for post in done]

    async def _post_batch(self, batch: Batch) -> tuple[int, int]:
        events = [each.event for each in batch.events]
        answer = msgspec.json.decode(
            await self._post("/v1/events", events, _BATCH_TYPE), type=_Refusals
        )
        return len(events), answer.accepted

    async def _post(self, path: str, body: object, media_type: str) -> bytes:
        try:
            return await self._posted(f"{self._url}{path}", _encoder.encode(body), media_type)
        except httpx.TransportError as error:
            fault = str(error) or type(error).__name__
            raise TransportFault(f"{self._url} cannot be reached: {fault}") from error

    async def _posted(self, url: str, content: bytes, media_type: str) -> bytes:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type((httpx.TransportError, _Busy)),
            wait=_wait_s,
            stop=stop_after_attempt(ATTEMPTS_MAX),
            reraise=True,
        ):
            with attempt:
                answer = await self._client.post(
                    url,
                    content=content,
                    headers={**self._headers, "Content-Type": media_type},
                )
                return _accepted(answer)
        raise AssertionError("the retry either returns or raises")


def _accepted(answer: httpx.Response) -> bytes:
    if answer.status_code == HTTPStatus.ACCEPTED:
        return answer.content
    if answer.status_code in _BUSY:
        raise _Busy(answer)
    raise SendRefused(f"{answer.status_code} from {answer.url}: {answer.text[:500]}")


def _wait_s(state: RetryCallState) -> float:
    """What the other side asks for, and jitter, so that senders do not come back together."""
    error = state.outcome.exception() if state.outcome is not None else None
    asked_s = error.retry_after_s if isinstance(error, _Busy) else 0
    return asked_s + wait_random_exponential(multiplier=0.1, max=WAIT_S_MAX)(state)


def batches_of(recording: Recording, *, speed: int | None, shuffle_seed: int | None) -> list[Batch]:
    """The events in order of sending, cut by number and, when paced, by time."""
    events = list(recording.events)
    if shuffle_seed is not None:
        random.Random(shuffle_seed).shuffle(events)  # noqa: S311 -- reproducible on purpose
    parts: list[list[TimedEvent]] = []
    for event in events:
        part = parts[-1] if parts else None
        if (
            part is None
            or len(part) >= EVENTS_PER_BATCH
            or (speed is not None and event.at_ms - part[0].at_ms >= PACED_MS * speed)
        ):
            parts.append([event])
        else:
            part.append(event)
    return [Batch(number, part, part[0].at_ms) for number, part in enumerate(parts)]


def _clock_tick(recording: str, to_ms: int) -> dict[str, object]:
    return {
        "specversion": SPEC_VERSION,
        "id": f"{recording}:clock:{to_ms}",
        "source": f"recording/{recording}",
        "type": CLOCK_TICK,
        "time": text_from_ms(to_ms),
    }


def _end_ms(wanted_ms: int, now_ms: Callable[[], int] | None) -> int:
    """The last time told; an edge refuses a clock that is ahead of the real one."""
    return min(wanted_ms, (now_ms or SystemClock().wall_ms)())


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000
