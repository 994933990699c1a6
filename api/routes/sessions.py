"""``GET /v1/sessions…``: what goes on now, and what is over, with charges.

Invariant: live sessions come from the shards' state and closed ones from their CDRs of the highest
revision; a session that closes while it is listed may be seen in both parts, never in neither. What
one page costs does not grow with the sessions of others.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Query

from api.deps import IdFilter, Parts, SessionPath, SourcePath, Spoken, WalletReader
from api.documents import problems
from api.limits import EARLIER_INCARNATIONS_MAX
from api.models.sessions import (
    ControlView,
    SessionDetail,
    SessionPage,
    SessionView,
    State,
    control_view,
    currency_of,
    view_from_cdr,
    view_from_live,
)
from api.paging import DEFAULT_LIMIT, PageCursor, PageLimit, cursor_text, place_of
from api.ports import OpenSessions, ScanPlace, SessionName, filter_of
from api.problems import Problem
from api.segments import SegmentRoute
from api.services import Services
from api.words.telling import Telling
from rating.session import Session
from schemas.applied import Cause
from schemas.moment import text_from_ms
from shard.standing import is_told, standing
from warehouse.queries import SessionCursor, SessionFilter, session_cursor

router = APIRouter(prefix="/v1/sessions", tags=["sessions"], route_class=SegmentRoute)
_LIST = "sessions"


class Turn(NamedTuple):
    """Where a list goes on: after a live session, or among the closed ones.

    Args:
        after: Where the live ones go on.
        is_closed: Whether the live ones are done.
        before: The last closed session shown.
    """

    after: ScanPlace | None = None
    is_closed: bool = False
    before: SessionCursor | None = None


@router.get(
    "",
    summary="Sessions",
    responses=problems(HTTPStatus.BAD_REQUEST, HTTPStatus.TOO_MANY_REQUESTS),
)
async def list_sessions(  # noqa: PLR0917 -- FastAPI passes them by name
    key: WalletReader,
    services: Parts,
    tongue: Spoken,
    subject: IdFilter = None,
    content: IdFilter = None,
    state: Annotated[State | None, Query(description="Leave it out for both.")] = None,
    cause: Annotated[Cause | None, Query(description="Of closed sessions only.")] = None,
    limit: PageLimit = DEFAULT_LIMIT,
    cursor: PageCursor = None,
) -> SessionPage:
    """Live sessions, then closed ones, the latest first.

    Without a subject a page looks at a bounded number of live sessions, so it may be short, or
    empty, and still have a ``next_cursor``: go on until that is null.
    """
    only = SessionFilter(member=subject, content=content, cause=cause)
    telling = Telling(tongue, services.terms.tenant(key.tenant))
    turn = place_of(_LIST, cursor, Turn) or Turn()
    views: list[SessionView] = []
    if not turn.is_closed and state != "closed" and cause is None:
        live = await _live(services, key.tenant, only, turn.after, limit)
        views = [_live_view(services, session, telling) for session in live.sessions]
        if live.rest is not None:
            return _page(views, cursor_text(_LIST, Turn(after=live.rest)), None)
    if state == "live":
        return _page(views, None, None)
    known_ms = await services.warehouse.known_up_to_ms(key.tenant)
    left = limit - len(views)
    closed = await services.warehouse.cdrs(key.tenant, only, before=turn.before, limit=left + 1)
    views += [view_from_cdr(cdr, None, telling) for cdr in closed[:left]]
    if len(closed) <= left:
        return _page(views, None, known_ms)
    # A page that live sessions fill up goes on with closed ones from their beginning.
    before = session_cursor(closed[left - 1]) if left else None
    return _page(views, cursor_text(_LIST, Turn(is_closed=True, before=before)), known_ms)


@router.get(
    "/{source}/{session}",
    summary="A session",
    responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS),
)
async def get_session(  # noqa: PLR0917 -- FastAPI passes them by name
    source: SourcePath,
    session: SessionPath,
    key: WalletReader,
    services: Parts,
    tongue: Spoken,
    subject: IdFilter = None,
) -> SessionDetail:
    """One session: with its subject as it is now, without it as the warehouse knows it."""
    telling = Telling(tongue, services.terms.tenant(key.tenant))
    name = SessionName(source=source, session=session, subject=subject)
    live = await services.live.session(key.tenant, name)
    if live:
        return await _live_detail(services, live, telling)
    return await _closed_detail(services, key.tenant, name, telling)


async def _live(
    services: Services, tenant: str, only: SessionFilter, after: ScanPlace | None, limit: int
) -> OpenSessions:
    def accepts(session: Session) -> bool:
        return only.content is None or session.content == only.content

    live = services.live
    if only.member is None:
        return await live.open_sessions(tenant, after=after, limit=limit, accepts=accepts)
    return await live.open_sessions_of(
        tenant, only.member, after=after, limit=limit, accepts=accepts
    )


def _live_view(services: Services, session: Session, telling: Telling) -> SessionView:
    currency = currency_of(services.terms.tenant(session.tenant))
    return view_from_live(session, currency, telling)


def _page(views: list[SessionView], cursor: str | None, known_ms: int | None) -> SessionPage:
    known = None if known_ms is None else text_from_ms(known_ms)
    return SessionPage(sessions=views, as_known_up_to=known, next_cursor=cursor)


async def _live_detail(services: Services, found: list[Session], telling: Telling) -> SessionDetail:
    current = found[0]
    views = [_live_view(services, each, telling) for each in found]
    wallet = await services.live.wallet(current.tenant, current.member)
    terms = services.terms.tenant(current.tenant)
    content = None if terms is None else terms.content(current.content)
    prices = None
    if content is not None and current.is_open:
        # A session keeps the prices that it began with; those of another version are not shown.
        prices = services.terms.written(
            current.tenant, content.tariff.id, version=current.catalogue
        )
    if wallet is None or not is_told(current):
        return _detail(views, None, None, prices)
    return _detail(views, control_view(standing(current, wallet, terms)), None, prices)


async def _closed_detail(
    services: Services, tenant: str, name: SessionName, telling: Telling
) -> SessionDetail:
    known_ms = await services.warehouse.known_up_to_ms(tenant)
    found = await services.warehouse.cdrs(
        tenant, filter_of(name), before=None, limit=EARLIER_INCARNATIONS_MAX
    )
    known = "nothing yet" if known_ms is None else text_from_ms(known_ms)
    if not found:
        raise Problem(
            "session-unknown",
            f"not among the closed sessions known up to {known}; name its subject for a live one",
            as_known_up_to=None if known_ms is None else known,
        )
    subjects = sorted({cdr.subject for cdr in found})
    if len(subjects) > 1:
        raise Problem("subject-needed", "several members had it; add ?subject=", subjects=subjects)
    found.sort(key=lambda cdr: cdr.incarnation, reverse=True)
    charges = [await services.warehouse.charges_of(cdr) for cdr in found]
    views = [view_from_cdr(cdr, lines, telling) for cdr, lines in zip(found, charges, strict=True)]
    return _detail(views, None, known_ms)


def _detail(
    views: list[SessionView],
    control: ControlView | None,
    known_ms: int | None,
    prices: Mapping[str, object] | None = None,
) -> SessionDetail:
    return SessionDetail(
        **views[0].model_dump(),
        remaining=None if control is None else control.available,
        remaining_micros=None if control is None else control.available_micros,
        control=control,
        prices=None if prices is None else dict(prices),
        earlier=views[1:],
        as_known_up_to=None if known_ms is None else text_from_ms(known_ms),
    )
