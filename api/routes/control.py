"""``GET /v1/control``: signals about the key's sessions as they go out, as server-sent events.

Invariant: a client that comes again with the last id it saw misses nothing; one that cannot go on
from there is told so before the stream begins.
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header

from api.control.hub import PositionLost
from api.control.positions import positions_from_text
from api.control.stream import ControlResponse
from api.deps import Controller, Parts
from api.documents import problems
from api.problems import Problem
from api.segments import SegmentRoute

router = APIRouter(prefix="/v1/control", tags=["sessions"], route_class=SegmentRoute)


@router.get(
    "",
    summary="Signals, as server-sent events",
    status_code=HTTPStatus.OK,
    response_class=ControlResponse,
    responses=problems(HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS),
)
async def listen(
    key: Controller,
    services: Parts,
    last_event_id: Annotated[
        str | None,
        Header(description="The last id that was seen; without it the stream begins now."),
    ] = None,
) -> ControlResponse:
    """What content servers are told about the sessions of the key's sources.

    An event's data is the message of `session.control.v1`. An event `end` says why the stream is
    over; come again with the last id. Comments are heartbeats.
    """
    hub, start = services.control, None
    if last_event_id:
        try:
            start = positions_from_text(last_event_id, len(hub.positions))
        except ValueError as error:
            raise Problem("position-invalid", f"Last-Event-ID: {error}") from error
    listener = hub.join(key, start)
    try:
        # Counted from here on, so that those who wait for Kafka are bounded too.
        await hub.check(listener)
    except PositionLost as error:
        hub.leave(listener)
        raise Problem(
            "position-lost",
            f"{error}; come without Last-Event-ID, and ask where your sessions stand",
        ) from error
    except BaseException:
        hub.leave(listener)
        raise
    return ControlResponse(hub, listener)
