"""``POST /v1/tariffs/{tariff}/quote``: what a use would cost, before it and while it goes on.

Invariant: a quote is the price that rating gives, by the tariff as the newest catalogue has it; it
promises nothing and moves nothing. Who may read statistics or wallets may ask; what a member could
spend is told only to who may read wallets.
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends

from api.deps import Parts, TariffPath, require
from api.documents import problems
from api.models.money import money
from api.models.tariffs import QuoteBody, QuoteView, line_views, remaining_views
from api.problems import Problem
from api.segments import SegmentRoute
from api.services import Services
from rating.catalogue import ContentTerms, TenantTerms
from rating.passes import passes
from rating.price import Usage, price
from rating.remaining import remaining_units
from rating.session import Boot, Session, begin, billable
from runtime.keys import ApiKey
from schemas.errors import BrokenInvariant
from schemas.frames import HTTP_PATH
from schemas.ledger import ChargeLine
from schemas.moment import SECOND_MS, ms_from_text, text_from_ms
from schemas.money import checked
from schemas.usage import EventType, UsageEvent
from shard.using import use_by
from wallet.available import available
from wallet.wallet import new_wallet

router = APIRouter(prefix="/v1/tariffs", tags=["tariffs"], route_class=SegmentRoute)
PriceReader = Annotated[ApiKey, Depends(require("statistics:read", "wallet:read"))]


@router.post(
    "/{tariff}/quote",
    summary="What a use costs",
    responses=problems(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ),
)
async def quote(
    tariff: TariffPath, body: QuoteBody, key: PriceReader, services: Parts
) -> QuoteView:
    """Price a use in all from its start; nothing is stored, and nothing is charged."""
    tenant = services.terms.tenant(key.tenant)
    if body.subject is not None and not key.allows("wallet:read"):
        wanted = "wallet:read"
        raise Problem("scope-missing", f"a subject needs a key with {wanted}", scope=wanted)
    if tenant is None:
        raise Problem("tariff-unknown", "no catalogue that is in force names the key's tenant")
    content = _sold_by(tenant, tariff, body.content)
    at_ms = services.clock.wall_ms() if body.at is None else _moment(body.at)
    _check_end(at_ms + body.duration_s * SECOND_MS)
    try:
        usage = _usage(body, at_ms)
        lines = _lines(content, usage)
        total = checked(sum(line.amount_micros for line in lines))
    except (BrokenInvariant, OverflowError) as fault:
        raise Problem("use-impossible", f"{fault}; ask for less") from fault
    left = (
        None
        if body.subject is None
        else await _available(services, tenant, body.subject, content, at_ms)
    )
    sponsor = content.tariff.sponsor
    after = None if left is None else left if sponsor else left - total
    remaining = None
    if after is not None:
        remaining = remaining_views(remaining_units(content.tariff, usage, max(after, 0)))
    currency = tenant.currency
    return QuoteView(
        tariff=content.tariff.id,
        content=content.id,
        at=text_from_ms(at_ms),
        lines=line_views(lines, currency),
        total=money(total, currency),
        total_micros=total,
        sponsor=sponsor or None,
        prices=dict(services.terms.written(tenant.id, tariff) or {}),
        available=None if left is None else money(left, currency),
        available_micros=left,
        available_after=None if after is None else money(after, currency),
        available_after_micros=after,
        remaining=remaining,
    )


def _sold_by(tenant: TenantTerms, tariff: str, content: str | None) -> ContentTerms:
    """The content that is priced; tariffs are known by what they sell."""
    sold = {name: each for name, each in tenant.contents.items() if each.tariff.id == tariff}
    if not sold:
        raise Problem("tariff-unknown", f"no content on sale has the tariff {tariff!r}")
    if content is None:
        return sold[min(sold)]
    if content not in sold:
        raise Problem(
            "use-impossible", f"content {content!r} is not sold by {tariff!r}; leave it out"
        )
    return sold[content]


def _moment(text: str) -> int:
    try:
        return ms_from_text(text)
    except (ValueError, OverflowError) as fault:
        raise Problem("use-impossible", f"at: {fault}") from fault


def _check_end(end_ms: int) -> None:
    """Refuse a use beyond the last moment that can be written."""
    try:
        text_from_ms(end_ms)
    except OverflowError as fault:
        raise Problem(
            "use-impossible", "it ends after the year 9999; ask for an earlier at"
        ) from fault


def _lines(content: ContentTerms, usage: Usage) -> tuple[ChargeLine, ...]:
    end_ms = usage.start_ms + usage.duration_ms
    needed = passes(content.tariff, usage.start_ms, end_ms, content.zone)
    bought = [
        ChargeLine("flat", each.period, 1, each.amount_micros, "", each.version) for each in needed
    ]
    return (*price(content.tariff, usage), *bought)


def _usage(body: QuoteBody, at_ms: int) -> Usage:
    return billable(_session(body, at_ms, at_ms + body.duration_s * SECOND_MS))


def _session(body: QuoteBody, at_ms: int, end_ms: int) -> Session:
    """The session that such use would be merged to; so it is priced as one, whatever that takes."""
    started = UsageEvent("", "", "", EventType.START, "", at_ms, at_ms, recorded=False, digest=b"")
    session = begin(started, path=HTTP_PATH, incarnation=1)
    session.last_ms = end_ms
    session.boots = {"": Boot(-1, body.meters)}
    session.items = body.items
    session.pages = {str(direction): moves for direction, moves in body.pages.items()}
    return session


async def _available(
    services: Services, tenant: TenantTerms, member: str, content: ContentTerms, at_ms: int
) -> int:
    wallet = await services.live.wallet(tenant.id, member)
    known = wallet or new_wallet(tenant.id, member, tenant.currency)
    return available(known, tenant.credit_limit_micros(member), use_by(content, at_ms))
