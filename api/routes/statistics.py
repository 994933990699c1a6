"""``GET /v1/statistics/usage``: use and money by content, member, kind and period.

Invariant: money is summed from the ledger's charge lines, corrections included; an event belongs to
the hour, day and month (UTC) in which it happened.
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from api.deps import IdFilter, Parts, StatisticsReader
from api.documents import problems
from api.limits import STATISTICS_SPAN_MS_MAX
from api.models.sessions import currency_of
from api.models.statistics import UsagePage, usage_view
from api.paging import DEFAULT_LIMIT, Number, PageCursor, PageLimit, cursor_text, place_of
from api.ports import UsageQuestion
from api.problems import Problem
from api.segments import SegmentRoute
from schemas.moment import DAY_MS, ms_from_text, text_from_ms
from warehouse.statistics import GROUPS_MAX, Dimension

router = APIRouter(prefix="/v1/statistics", tags=["statistics"], route_class=SegmentRoute)
_NAMES: tuple[Dimension, ...] = ("content", "member", "kind", "hour", "day", "month")
DIMENSIONS: dict[str, Dimension] = {str(name): name for name in _NAMES}
_BY_CHARS_MAX = 64
_TIME_CHARS_MAX = 40


@router.get(
    "/usage",
    summary="Usage statistics",
    responses=problems(HTTPStatus.BAD_REQUEST, HTTPStatus.TOO_MANY_REQUESTS),
)
async def usage(  # noqa: PLR0917 -- FastAPI passes them by name
    key: StatisticsReader,
    services: Parts,
    from_: Annotated[
        str | None,
        Query(
            alias="from",
            max_length=_TIME_CHARS_MAX,
            description="Start of event time, inclusive, RFC 3339; the epoch when left out.",
            examples=["2026-11-01T00:00:00Z"],
        ),
    ] = None,
    to: Annotated[
        str | None,
        Query(
            max_length=_TIME_CHARS_MAX,
            description="End of event time, exclusive; a day ahead of now when left out.",
            examples=["2026-12-01T00:00:00Z"],
        ),
    ] = None,
    by: Annotated[
        str,
        Query(
            max_length=_BY_CHARS_MAX,
            description=f"Dimensions, comma-separated: {', '.join(DIMENSIONS)}.",
            examples=["content,day"],
        ),
    ] = "content",
    content: IdFilter = None,
    member: IdFilter = None,
    limit: PageLimit = DEFAULT_LIMIT,
    cursor: PageCursor = None,
) -> UsagePage:
    """What was used and what it cost, grouped; periods are UTC calendar ones."""
    from_ms = 0 if from_ is None else _moment("from", from_)
    to_ms = services.clock.wall_ms() + DAY_MS if to is None else _moment("to", to)
    if to_ms < from_ms:
        raise Problem("period-invalid", "to is before from")
    if from_ is not None and to_ms - from_ms > STATISTICS_SPAN_MS_MAX:
        most = STATISTICS_SPAN_MS_MAX // DAY_MS
        raise Problem("period-invalid", f"a period of more than {most} days; ask for parts of it")
    asked = UsageQuestion(
        from_ms=from_ms, to_ms=to_ms, by=_dimensions(by), content=content, member=member
    )
    offset = (place_of("usage", cursor, Number) or Number(0)).value
    if offset > GROUPS_MAX:
        raise Problem("cursor-invalid", f"at most {GROUPS_MAX} groups are counted")
    known_ms = await services.warehouse.known_up_to_ms(key.tenant)
    found = await services.warehouse.usage(key.tenant, asked)
    currency = currency_of(services.terms.tenant(key.tenant))
    end = offset + limit
    return UsagePage(
        rows=[usage_view(asked.by, figures, currency) for figures in found[offset:end]],
        as_known_up_to=None if known_ms is None else text_from_ms(known_ms),
        next_cursor=cursor_text("usage", Number(end)) if len(found) > end else None,
    )


def _moment(name: str, text: str) -> int:
    try:
        return ms_from_text(text)
    except (ValueError, OverflowError) as fault:
        raise Problem("period-invalid", f"{name}: {fault}") from fault


def _dimensions(text: str) -> tuple[Dimension, ...]:
    names = tuple(name.strip() for name in text.split(",")) if text else ()
    known: list[Dimension] = [DIMENSIONS[name] for name in names if name in DIMENSIONS]
    if len(set(known)) < len(names):
        raise Problem(
            "dimension-unknown",
            f"by={text!r}: use each of {', '.join(DIMENSIONS)} at most once, comma-separated",
        )
    return tuple(known)
