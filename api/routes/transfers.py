"""``POST /v1/transfers``: money from one member to another, at once.

Invariant: 201 is answered only when the receiver has it, 422 when it went back; until then the
outcome is not known, and asking again with the same key waits for the same transfer.
"""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from api.asking import ask, await_arrival, command_of, hash_of_request
from api.deps import IdempotencyKey, Parts, WalletWriter
from api.documents import problems
from api.models.transfers import SentView, TransferBody, sent_view
from api.money_in import REPLAYED_HEADER, amount_of
from api.problems import Problem, refuse
from api.segments import SegmentRoute
from schemas.commands import Outcome, SendMoney
from schemas.ids import id_fault

router = APIRouter(prefix="/v1/transfers", tags=["transfers"], route_class=SegmentRoute)


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    summary="Send money to another member",
    responses=problems(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ),
)
async def send(  # noqa: PLR0917 -- FastAPI passes them by name
    body: TransferBody,
    key: WalletWriter,
    name: IdempotencyKey,
    services: Parts,
    request: Request,
    response: Response,
) -> SentView:
    """Send cash to another member of the tenant. The key counts per sender.

    What is owed, set aside, or needed by open sessions cannot be sent, nor can credit.
    """
    for each in (body.sender, body.receiver):
        fault = id_fault(each)
        if fault is not None:
            raise Problem("member-invalid", f"member {fault}")
    wanted = SendMoney(
        receiver=body.receiver,
        target=services.live.shard_of(key.tenant, body.receiver),
        amount_micros=amount_of(body.amount),
        currency=body.currency,
        memo=body.memo,
    )
    said: dict[str, str | int] = {
        "from": body.sender,
        "to": wanted.receiver,
        "amount_micros": wanted.amount_micros,
        "currency": wanted.currency,
        "memo": wanted.memo,
    }
    hashed = hash_of_request(request.method, "/v1/transfers", key.tenant, said)
    command = command_of(services, key, body.sender, name, hashed, wanted)
    sent, was_stored = await ask(services, command)
    if sent.outcome != Outcome.SENT:
        refuse(sent)
    arrived = await await_arrival(
        services, key.tenant, body.receiver, f"{sent.shard}-{sent.ledger_sequence}"
    )
    if arrived.outcome != Outcome.POSTED:
        refuse(arrived)
    if was_stored:
        response.headers[REPLAYED_HEADER] = "true"
    return sent_view(body.sender, wanted, sent, arrived)
