"""``POST /v1/events`` and ``POST /v1/clock``: usage and recorded time over HTTP.

Invariant: 202 only after Kafka has every accepted event; whoever gets another status may send the
same again without harm. It does not own the app: ``router`` gives routes to whoever builds one.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack
from http import HTTPStatus
from typing import assert_never

import msgspec
from fastapi import APIRouter, Request, Response

from ingest.answer import answer_of
from ingest.body import BodyTooLarge, BodyTooSlow, read_body
from ingest.collector import Collector
from ingest.consent.gate import ConsentGate
from ingest.framing import tick_messages
from ingest.intake import check_clock, dead_letter
from ingest.judging import PLACE, Judging
from ingest.limits import IntakeLimits
from ingest.modes import elements_of_request
from ingest.port import Publisher, Standings
from ingest.rate import RateLimit
from ingest.room import NoRoom, Room
from ingest.stamps import Stamps
from runtime.keys import ApiKey, KeyRing, Scope
from runtime.problems import forbidden, problem, unauthorized, unavailable
from schemas.errors import InvalidEvent, RecoverableError
from schemas.frames import HTTP_PATH, Tick
from schemas.ids import domain_of
from schemas.moment import ms_from_text, text_from_ms

SENDER = "sender"
SCOPE: Scope = "usage:write"
CLOCK_BYTES_MAX = 1024
CONTROL_WORDS = {None: False, "false": False, "true": True}
_OPENAPI_EVENTS: dict[str, object] = {
    "parameters": [
        {
            "name": "control",
            "in": "query",
            "description": "true: tell in `control` where the request's open sessions stand, or "
            "in `control_absent` why that cannot be told",
            "schema": {"type": "boolean", "default": False},
        }
    ],
    "requestBody": {
        "required": True,
        "description": "CloudEvents 1.0; binary mode (ce- headers) and plain JSON work too",
        "content": {
            "application/cloudevents+json": {"schema": {"type": "object"}},
            "application/cloudevents-batch+json": {
                "schema": {"type": "array", "items": {"type": "object"}}
            },
        },
    },
}
_OPENAPI_CLOCK: dict[str, object] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["to"],
                    "properties": {
                        "to": {"type": "string", "format": "date-time"},
                        "final": {"type": "boolean", "default": False},
                    },
                }
            }
        },
    }
}
_Responses = dict[int | str, dict[str, object]]
_REFUSALS: _Responses = {
    400: {"description": "Nothing in the body can be read"},
    401: {"description": "No valid key"},
    403: {"description": "Outside the key's scope"},
    408: {"description": "The body did not arrive in time"},
    413: {"description": "Above the size limit"},
    429: {"description": "Above the rate limit; see Retry-After"},
    503: {"description": "Kafka is away, or too much is in work; see Retry-After"},
}
_AHEAD: _Responses = {422: {"description": "Ahead of the real time by more than the allowance"}}
_NO_SUCH_CONTROL: _Responses = {422: {"description": "control is neither true nor false"}}


class _ClockBody(msgspec.Struct, forbid_unknown_fields=True):
    to: str
    final: bool = False


_clock_decoder = msgspec.json.Decoder(_ClockBody)


class HttpIntake:
    """What the routes do, with all that they need."""

    def __init__(
        self,
        *,
        keys: KeyRing,
        collector: Collector,
        publisher: Publisher,
        stamps: Stamps,
        shards: int,
        limits: IntakeLimits,
        now_ms: Callable[[], int],
        consents: ConsentGate | None = None,
        standings: Standings | None = None,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Wire it.

        Args:
            keys: Who may send.
            collector: Takes events.
            publisher: Takes recorded ticks.
            stamps: Gives received times.
            shards: Stored number of shards.
            limits: Sizes, rates and the clock allowance.
            now_ms: The real time, which no recording's clock may be ahead of.
            consents: Judges member tokens; None takes none.
            standings: Knows where sessions stand; without it no answer tells.
            monotonic_ns: Measures the rate.
        """
        self._keys = keys
        self._collector = collector
        self._publisher = publisher
        self._stamps = stamps
        self._shards = shards
        self._limits = limits
        self._now_ms = now_ms
        self._judging = Judging(limits, consents)
        self._standings = standings
        self._monotonic_ns = monotonic_ns
        self._rate = RateLimit(per_s=limits.events_per_s, burst=limits.events_burst)
        self._room = Room(limits)
        self._in_work: set[asyncio.Task[Response]] = set()

    async def post_events(self, request: Request) -> Response:
        """Answer ``POST /v1/events``."""
        key = self._key(request)
        if isinstance(key, Response):
            return key
        if request.query_params.get("control") not in CONTROL_WORDS:
            return _no_such_control()
        try:
            with ExitStack() as room:
                return await self._answer(request, key, room)
        except (NoRoom, BodyTooLarge, BodyTooSlow) as error:
            return _unread(error)
        except RecoverableError as error:
            return unavailable(str(error))

    async def post_clock(self, request: Request) -> Response:
        """Answer ``POST /v1/clock``."""
        key = self._key(request)
        if isinstance(key, Response):
            return key
        if not key.recorded:
            return problem(
                "clock-is-live",
                "The key's clock is the real one",
                HTTPStatus.FORBIDDEN,
                f"key {key.id} is live; only the sender of a recording tells the time",
            )
        # Each shard gets a record of it, as it would of an event.
        if (busy := self._too_fast(key, self._shards)) is not None:
            return busy
        try:
            with ExitStack() as room:
                body = await self._read(request, key, room, CLOCK_BYTES_MAX)
        except (NoRoom, BodyTooLarge, BodyTooSlow) as error:
            return _unread(error)
        try:
            clock = _clock_decoder.decode(body)
            to_ms = ms_from_text(clock.to)
        except (ValueError, OverflowError, RecursionError) as error:
            return _unreadable(f'{error}; send {{"to": "2026-01-31T09:30:00Z"}}')
        try:
            check_clock(to_ms, self._now_ms(), self._limits)
        except InvalidEvent as error:
            return problem(
                error.reason,
                "The clock cannot be ahead of the real one",
                HTTPStatus.UNPROCESSABLE_ENTITY,
                error.detail,
            )
        domain = domain_of(key.tenant, recorded=True)
        tick = Tick(domain, HTTP_PATH, SENDER, None, to_ms, clock.final)
        try:
            await self._publisher.publish(tick_messages(tick, self._shards))
        except RecoverableError as error:
            return unavailable(str(error))
        return _json({"to": text_from_ms(to_ms), "final": clock.final}, HTTPStatus.ACCEPTED)

    async def drain(self) -> None:
        """Wait until everything taken in is delivered or answered as failed."""
        while self._in_work:
            await asyncio.wait(self._in_work)

    def _key(self, request: Request) -> ApiKey | Response:
        key = self._keys.authenticate(request.headers.get("authorization"))
        if key is None:
            return unauthorized()
        return key if key.allows(SCOPE) else forbidden(SCOPE)

    def _too_fast(self, key: ApiKey, units: int) -> Response | None:
        """The answer to a key that is above its rate; None when the units are taken."""
        wait_us = self._rate.wait_us(key.id, units, self._monotonic_ns() // 1000)
        if not wait_us:
            return None
        retry_after_s = -(-wait_us // 1_000_000)
        return problem(
            "too-many-events",
            "Above the key's rate limit",
            HTTPStatus.TOO_MANY_REQUESTS,
            f"key {key.id}: send again after {retry_after_s} s",
            headers={"Retry-After": str(retry_after_s)},
        )

    async def _read(self, request: Request, key: ApiKey, room: ExitStack, bytes_max: int) -> bytes:
        """The body, whose room is held until the stack is closed."""
        held = room.enter_context(self._room.taken(key.tenant))
        return await read_body(
            request, held, bytes_max=bytes_max, read_ms_max=self._limits.body_read_ms_max
        )

    async def _answer(self, request: Request, key: ApiKey, room: ExitStack) -> Response:
        body = await self._read(request, key, room, self._limits.body_bytes_max)
        try:
            elements = elements_of_request(request.headers.items(), body)
        except InvalidEvent as error:
            if error.reason == "too-large":
                return _too_large(error.detail)
            return await self._finished(self._refuse_body(error, body, key, room.pop_all()))
        if (busy := self._too_fast(key, max(1, len(elements)))) is not None:
            return busy
        wants_control = CONTROL_WORDS[request.query_params.get("control")]
        work = self._take(elements, key, room.pop_all(), wants_control=wants_control)
        return await self._finished(work)

    async def _finished(self, work: Coroutine[None, None, Response]) -> Response:
        """Its answer; a sender that hangs up frees neither room nor stamp of what is on its way."""
        task = asyncio.get_running_loop().create_task(work)
        self._in_work.add(task)
        task.add_done_callback(self._in_work.discard)
        return await asyncio.shield(task)

    async def _take(
        self, elements: list[bytes], key: ApiKey, room: ExitStack, *, wants_control: bool
    ) -> Response:
        with room, self._stamps.taken() as received_at_ms:
            judged = await self._judging.judged(elements, key, received_at_ms)
            await self._collector.accept(HTTP_PATH, judged.events, judged.letters)
        refusals = judged.refusals
        if not judged.events and refusals and all(each.reason == "unreadable" for each in refusals):
            return _unreadable(refusals[0].detail)
        # With room and stamp given back: nothing waits for Redis but this answer.
        told = await answer_of(judged, key, self._standings, wants_control=wants_control)
        return Response(
            msgspec.json.encode(told), HTTPStatus.ACCEPTED, media_type="application/json"
        )

    async def _refuse_body(
        self, error: InvalidEvent, body: bytes, key: ApiKey, room: ExitStack
    ) -> Response:
        """A body of which nothing can be read still leaves a dead letter."""
        with room, self._stamps.taken() as refused_at_ms:
            letter = dead_letter(
                body, error, tenant=key.tenant, place=PLACE, refused_at_ms=refused_at_ms
            )
            await self._collector.accept(HTTP_PATH, (), (letter,))
        return _unreadable(error.detail)


def router(intake: HttpIntake) -> APIRouter:
    """The routes of usage, for the app of the edge process."""
    routes = APIRouter(prefix="/v1", tags=["usage"])
    routes.add_api_route(
        "/events",
        intake.post_events,
        methods=["POST"],
        status_code=HTTPStatus.ACCEPTED,
        response_class=Response,
        summary="Send usage events",
        openapi_extra=_OPENAPI_EVENTS,
        responses=_REFUSALS | _NO_SUCH_CONTROL,
    )
    routes.add_api_route(
        "/clock",
        intake.post_clock,
        methods=["POST"],
        status_code=HTTPStatus.ACCEPTED,
        response_class=Response,
        summary="Tell the time of a recording",
        openapi_extra=_OPENAPI_CLOCK,
        responses=_REFUSALS | _AHEAD,
    )
    return routes


def _json(body: Mapping[str, object], status: int) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def _no_such_control() -> Response:
    return problem(
        "invalid-request",
        "The request is not as the contract says",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "control is 'true' or 'false', or left out; nothing was taken",
    )


def _unreadable(detail: str) -> Response:
    return problem("unreadable", "Nothing in the body can be read", HTTPStatus.BAD_REQUEST, detail)


def _too_large(detail: str) -> Response:
    return problem(
        "too-large",
        "The request is too large",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"{detail}; send less at once",
    )


def _too_slow(detail: str) -> Response:
    return problem(
        "body-too-slow",
        "The body did not arrive in time",
        HTTPStatus.REQUEST_TIMEOUT,
        f"{detail}; send the same again, on a slow line in smaller requests",
    )


def _unread(error: NoRoom | BodyTooLarge | BodyTooSlow) -> Response:
    """The answer to a body whose rest is not read: the connection can carry no other request."""
    match error:
        case NoRoom():
            answer: Response = unavailable(str(error))
        case BodyTooLarge():
            answer = _too_large(str(error))
        case BodyTooSlow():
            answer = _too_slow(str(error))
        case _:
            assert_never(error)
    answer.headers["Connection"] = "close"
    return answer
