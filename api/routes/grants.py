"""``POST /v1/sessions/{session}/authorize``, ``/update``, ``/terminate``: units ahead of their use.

Invariant: what a request reports is usage like any other and precedes, in the shard's log, what it
asks for; a session begins only after its first units were granted. Source: RFC 8506, section 5.
"""

from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from api.asking import command_of, hash_of_request
from api.deps import Controller, IdempotencyKey, Parts, SessionPath
from api.documents import problems
from api.models.grants import (
    AskBody,
    AuthorizeBody,
    GrantBody,
    GrantView,
    TerminateBody,
    grant_view,
)
from api.money_in import answered
from api.problems import Problem
from api.segments import SegmentRoute
from api.services import Services
from runtime.keys import ApiKey
from schemas.commands import AskGrant, Command, EndGrant
from schemas.errors import InvalidEvent
from schemas.grants import Units
from schemas.moment import ms_from_text, text_from_ms

router = APIRouter(prefix="/v1/sessions", tags=["sessions"], route_class=SegmentRoute)
_ASKED = problems(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
)


@router.post("/{session}/authorize", summary="Ask for first units", responses=_ASKED)
async def authorize(  # noqa: PLR0917 -- FastAPI passes them by name
    session: SessionPath,
    body: AuthorizeBody,
    key: Controller,
    name: IdempotencyKey,
    services: Parts,
    request: Request,
    response: Response,
) -> GrantView:
    """Ask for units before a session begins; with the answer it has begun.

    Refused where there is no money for any (`insufficient-funds`), and where a start would be.
    """
    at_ms = _at_ms(services, key, body)
    with _event_faults():
        event = await services.intake.check(
            key, _event("session.start", session, name, body, at_ms)
        )
    wanted = AskGrant(
        source=body.source,
        session=session,
        content=body.content,
        at_ms=at_ms,
        wanted=_units(body),
        is_initial=True,
        consent=event.consent,
    )
    command = _command(services, key, session, name, body, wanted, request.method)
    view, posted_ms = await _asked(services, command, session, response)
    # The same moment for whoever asks again.
    start_ms = posted_ms if body.at is None else at_ms
    with _event_faults():
        await services.intake.take(key, _event("session.start", session, name, body, start_ms))
    return view


@router.post("/{session}/update", summary="Report, and ask for more units", responses=_ASKED)
async def update(  # noqa: PLR0917 -- FastAPI passes them by name
    session: SessionPath,
    body: AskBody,
    key: Controller,
    name: IdempotencyKey,
    services: Parts,
    request: Request,
    response: Response,
) -> GrantView:
    """Report what was used so far, and ask for more: it takes the place of what was left.

    Nothing is refused for want of money: what was used is booked, and less, or nothing, is granted.
    """
    at_ms = _at_ms(services, key, body)
    wanted = AskGrant(body.source, session, body.content, at_ms, _units(body))
    command = _command(services, key, session, name, body, wanted, request.method)
    reported = _event("session.heartbeat", session, name, body, at_ms)
    return await _reported(services, key, command, reported, session, response)


@router.post("/{session}/terminate", summary="Report the last, and end", responses=_ASKED)
async def terminate(  # noqa: PLR0917 -- FastAPI passes them by name
    session: SessionPath,
    body: TerminateBody,
    key: Controller,
    name: IdempotencyKey,
    services: Parts,
    request: Request,
    response: Response,
) -> GrantView:
    """Report what was used in all; the session ends, and what is left of its grant is free."""
    at_ms = _at_ms(services, key, body)
    done = EndGrant(body.source, session)
    command = _command(services, key, session, name, body, done, request.method)
    reported = _event("session.stop", session, name, body, at_ms)
    return await _reported(services, key, command, reported, session, response)


def _at_ms(services: Services, key: ApiKey, body: GrantBody) -> int:
    """When what is said was so.

    Raises:
        Problem: The key may not say it, or it is no time.
    """
    if not key.allows_source(body.source):
        raise Problem("source-outside-key", f"key {key.id} may not speak for {body.source!r}")
    if key.recorded:
        raise Problem(
            "clock-is-recorded", f"key {key.id} is a recording's: nothing is to be served"
        )
    if body.at is None:
        return services.clock.wall_ms()
    try:
        return ms_from_text(body.at)
    except ValueError as fault:
        raise Problem("event-refused", f"at: {fault}", reason="time-invalid") from fault


def _units(body: AskBody) -> tuple[Units, ...]:
    return tuple(Units(each.kind, each.meter, each.units) for each in body.wanted)


def _event(kind: str, session: str, name: str, body: GrantBody, at_ms: int) -> bytes:
    """What the request reports, as the content server could have sent it itself."""
    said = body.model_dump(exclude_none=True)
    names = (
        "content", "meters", "seq", "boot", "active", "reason", "consent", "mandate", "payee",
    )  # fmt: skip
    data: dict[str, Any] = {each: said[each] for each in names if said.get(each) not in (None, {})}
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": f"grant/{name}",
            "source": body.source,
            "type": kind,
            "subject": body.subject,
            "time": text_from_ms(at_ms),
            "data": {"session": session, **data},
        }
    )


def _command(  # noqa: PLR0917 -- the parts of a command, each of another type
    services: Services,
    key: ApiKey,
    session: str,
    name: str,
    body: GrantBody,
    wanted: AskGrant | EndGrant,
    method: str,
) -> Command:
    path = f"/v1/sessions/{{session}}/{type(wanted).__name__}"
    said = msgspec.json.encode(body.model_dump(exclude={"consent"}), order="deterministic")
    is_first = int(isinstance(wanted, AskGrant) and wanted.is_initial)
    spoken: dict[str, str | int] = {"session": session, "body": said.decode(), "first": is_first}
    hashed = hash_of_request(method, path, key.tenant, spoken)
    return command_of(services, key, body.subject, name, hashed, wanted)


async def _asked(
    services: Services, command: Command, session: str, response: Response
) -> tuple[GrantView, int]:
    """The grant, and when it was decided."""
    result = await answered(services, command, response)
    assert result.grant is not None
    return grant_view(session, result.grant, result), result.posted_at_ms


async def _reported(  # noqa: PLR0917 -- a request's parts, each of another type
    services: Services,
    key: ApiKey,
    command: Command,
    element: bytes,
    session: str,
    response: Response,
) -> GrantView:
    """Takes what is reported, unless it was with this very command, and then asks."""
    if await services.live.result(command.tenant, command.member, command.key) is None:
        with _event_faults():
            await services.intake.take(key, element)
    view, _ = await _asked(services, command, session, response)
    return view


@contextmanager
def _event_faults() -> Generator[None]:
    """What is wrong with a reported event, as a problem."""
    try:
        yield
    except InvalidEvent as error:
        raise Problem("event-refused", error.detail, reason=error.reason) from error
