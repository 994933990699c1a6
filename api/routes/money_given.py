"""``POST /v1/wallets/{member}/credits``: money with conditions, once per Idempotency-Key.

Invariant: 201 is answered only when the transfer is posted; a repeat gets the stored answer.
"""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from api.asking import command_of, hash_of_request
from api.deps import IdempotencyKey, MemberPath, Parts, WalletWriter
from api.documents import problems
from api.models.lots import CreditBody, CreditView, OnlyBody, credit_view
from api.money_in import amount_of, answered
from api.problems import Problem
from api.segments import SegmentRoute
from schemas.buckets import Only
from schemas.commands import GiveCredit
from schemas.moment import ms_from_text

router = APIRouter(prefix="/v1/wallets", tags=["wallets"], route_class=SegmentRoute)
_ROUTE = "/v1/wallets/{member}/credits"


@router.post(
    "/{member}/credits",
    status_code=HTTPStatus.CREATED,
    summary="Give money with conditions",
    responses=problems(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ),
)
async def give_credit(  # noqa: PLR0917 -- FastAPI passes them by name
    member: MemberPath,
    body: CreditBody,
    key: WalletWriter,
    name: IdempotencyKey,
    services: Parts,
    request: Request,
    response: Response,
) -> CreditView:
    """Give a member a promotion, points or a card's money, perhaps for a while or for some content.

    It is spent before cash, unless its priority says otherwise, and never paid out.
    """
    wanted = GiveCredit(
        bucket=body.bucket,
        amount_micros=amount_of(body.amount),
        currency=body.currency,
        priority=body.priority,
        expires_ms=0 if body.expires_at is None else _moment(body.expires_at),
        only=None if body.only is None else _only(body.only),
        reference=body.reference,
    )
    said: dict[str, str | int] = {
        "member": member,
        "bucket": wanted.bucket,
        "amount_micros": wanted.amount_micros,
        "currency": wanted.currency,
        "priority": repr(wanted.priority),
        "expires_ms": wanted.expires_ms,
        "only": repr(wanted.only),
        "reference": wanted.reference,
    }
    hashed = hash_of_request(request.method, _ROUTE, key.tenant, said)
    command = command_of(services, key, member, name, hashed, wanted)
    return credit_view(member, wanted, await answered(services, command, response))


def _moment(text: str) -> int:
    try:
        return ms_from_text(text)
    except ValueError as fault:
        raise Problem("expiry-invalid", f"expires_at: {fault}") from fault


def _only(body: OnlyBody) -> Only | None:
    """In a fixed order, so that the same names are the same request; None where nothing is said."""
    only = Only(
        tuple(sorted({*body.contents})),
        tuple(sorted({*body.providers})),
        tuple(sorted({*body.kinds})),
    )
    return None if only == Only() else only
