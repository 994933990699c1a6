"""``GET /v1/events/{source}/{id}``: the way of one event, from acceptance to entry.

Invariant: with its subject the live shard is asked first, so an applied event is known at once;
what only the warehouse has is shown as far as it is known, and the answer says how far that is.
"""

from http import HTTPStatus

from fastapi import APIRouter

from api.deps import EventPath, IdFilter, Parts, SourcePath, Spoken, UsageReader
from api.documents import problems
from api.models.events import EventView
from api.ports import EventName
from api.problems import Problem
from api.segments import SegmentRoute
from api.tracing import trace
from api.words.telling import Telling

router = APIRouter(prefix="/v1/events", tags=["usage"], route_class=SegmentRoute)


@router.get(
    "/{source}/{id}",
    summary="The way of one event",
    responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS),
)
async def get_event(  # noqa: PLR0917 -- FastAPI passes them by name
    source: SourcePath,
    id: EventPath,  # noqa: A002 -- the contract's name of the parameter
    key: UsageReader,
    services: Parts,
    tongue: Spoken,
    subject: IdFilter = None,
) -> EventView:
    """Whether an event was accepted, or refused and why; its session, charge and entries."""
    if not key.allows_source(source):
        raise Problem("source-outside-key", f"key {key.id} may not speak for source {source!r}")
    telling = Telling(tongue, services.terms.tenant(key.tenant))
    name = EventName(source=source, id=id, subject=subject)
    return await trace(services, key, name, telling)
