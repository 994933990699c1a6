"""``POST /v1/wallets/{member}/top-ups``: money from outside, once per Idempotency-Key.

Invariant: 201 is answered only when the transfer is posted; a repeat gets the stored answer.
"""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from api.asking import command_of, hash_of_request
from api.deps import IdempotencyKey, MemberPath, Parts, WalletWriter
from api.documents import problems
from api.models.top_ups import TopUpBody, TopUpView, top_up_view
from api.money_in import amount_of, answered
from api.segments import SegmentRoute
from schemas.commands import TopUp

router = APIRouter(prefix="/v1/wallets", tags=["wallets"], route_class=SegmentRoute)
_ROUTE = "/v1/wallets/{member}/top-ups"


@router.post(
    "/{member}/top-ups",
    status_code=HTTPStatus.CREATED,
    summary="Top up a wallet",
    responses=problems(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ),
)
async def top_up(  # noqa: PLR0917 -- FastAPI passes them by name
    member: MemberPath,
    body: TopUpBody,
    key: WalletWriter,
    name: IdempotencyKey,
    services: Parts,
    request: Request,
    response: Response,
) -> TopUpView:
    """Put money into a wallet. Asking again with the same key and body changes nothing."""
    wanted = TopUp(amount_of(body.amount), body.currency, body.reference)
    said: dict[str, str | int] = {
        "member": member,
        "amount_micros": wanted.amount_micros,
        "currency": wanted.currency,
        "reference": wanted.reference,
    }
    hashed = hash_of_request(request.method, _ROUTE, key.tenant, said)
    command = command_of(services, key, member, name, hashed, wanted)
    return top_up_view(member, wanted, await answered(services, command, response))
