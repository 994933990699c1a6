"""``/v1/holds``: money set aside, captured in parts and let go, for callers without sessions.

Invariant: whether there is the money is the shard's to say, in the order of its log; an answer
tells what was decided, and a repeat under the same key gets the same.
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from api.asking import command_of, hash_of_request
from api.deps import IdempotencyKey, Parts, require
from api.documents import problems
from api.models.holds import CaptureBody, HoldBody, HoldDone, HoldView, hold_done, hold_view
from api.money_in import amount_of, answered
from api.problems import Problem
from api.segments import SegmentRoute
from api.services import Services
from runtime.keys import ApiKey
from schemas.commands import CaptureHold, Command, PlaceHold, ReleaseHold
from schemas.holds import HOLD_CHARS_MAX, hold_from_name
from schemas.ids import id_fault
from schemas.moment import SECOND_MS
from wallet.holds import hold_of

router = APIRouter(prefix="/v1/holds", tags=["holds"], route_class=SegmentRoute)
# A gateway is a content server: it may take for its content, and can put no money in.
Holder = Annotated[ApiKey, Depends(require("wallet:write", "session:control"))]
HoldReader = Annotated[ApiKey, Depends(require("wallet:read", "wallet:write", "session:control"))]
HoldPath = Annotated[str, Path(description="Name of the hold.", max_length=HOLD_CHARS_MAX)]
_ASKED = problems(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
)


@router.post("", status_code=HTTPStatus.CREATED, summary="Set money aside", responses=_ASKED)
async def place(  # noqa: PLR0917 -- FastAPI passes them by name
    body: HoldBody,
    key: Holder,
    name: IdempotencyKey,
    services: Parts,
    request: Request,
    response: Response,
) -> HoldDone:
    """Set money aside for a use that is still to come, if there is as much.

    Nobody else can spend it until it is captured, released or expired.
    """
    fault = id_fault(body.member)
    if fault is not None:
        raise Problem("member-invalid", f"member {fault}")
    fault = None if body.provider is None else id_fault(body.provider)
    if fault is not None:
        raise Problem("payee-invalid", f"provider {fault}")
    if body.content is not None and body.provider is not None:
        raise Problem("payee-invalid", "name a content or a provider, not both")
    if body.content is None and not key.allows("wallet:write"):
        raise Problem("payee-invalid", "name a content: this key may not choose who is paid")
    wanted = PlaceHold(
        amount_micros=amount_of(body.amount),
        currency=body.currency,
        valid_ms=body.valid_for_s * SECOND_MS,
        content=body.content or "",
        provider=body.provider or "",
        reference=body.reference,
    )
    said: dict[str, str | int] = {
        "member": body.member,
        "amount_micros": wanted.amount_micros,
        "currency": wanted.currency,
        "valid_ms": wanted.valid_ms,
        "content": wanted.content,
        "provider": wanted.provider,
        "reference": wanted.reference,
    }
    hashed = hash_of_request(request.method, "/v1/holds", key.tenant, said)
    command = command_of(services, key, body.member, name, hashed, wanted)
    return await _done(services, command, response)


@router.post("/{hold}/capture", summary="Take a part of a hold", responses=_ASKED)
async def capture(  # noqa: PLR0917 -- FastAPI passes them by name
    hold: HoldPath,
    body: CaptureBody,
    key: Holder,
    name: IdempotencyKey,
    services: Parts,
    request: Request,
    response: Response,
) -> HoldDone:
    """Take a part of what is set aside, or all; the last part, the final one, frees the rest."""
    member, number = _place_of(hold)
    wanted = CaptureHold(number, amount_of(body.amount), body.final)
    said: dict[str, str | int] = {
        "hold": hold,
        "amount_micros": wanted.amount_micros,
        "final": int(wanted.is_final),
    }
    hashed = hash_of_request(request.method, "/v1/holds/{hold}/capture", key.tenant, said)
    command = command_of(services, key, member, name, hashed, wanted)
    return await _done(services, command, response)


@router.post("/{hold}/release", summary="Let go of a hold", responses=_ASKED)
async def release(  # noqa: PLR0917 -- FastAPI passes them by name
    hold: HoldPath,
    key: Holder,
    name: IdempotencyKey,
    services: Parts,
    request: Request,
    response: Response,
) -> HoldDone:
    """Free what is left of a hold, at once."""
    member, number = _place_of(hold)
    hashed = hash_of_request(request.method, "/v1/holds/{hold}/release", key.tenant, {"hold": hold})
    command = command_of(services, key, member, name, hashed, ReleaseHold(number))
    return await _done(services, command, response)


@router.get("/{hold}", summary="A hold", responses=problems(HTTPStatus.NOT_FOUND))
async def get_hold(hold: HoldPath, key: HoldReader, services: Parts) -> HoldView:
    """A hold that is live or has expired lately; what was captured stands in the entries."""
    member, number = _place_of(hold)
    wallet = await services.live.wallet(key.tenant, member)
    found = None if wallet is None else hold_of(wallet, number)
    if wallet is None or found is None:
        raise _unknown(hold)
    return hold_view(member, found, wallet.currency, has_ended=False)


def _place_of(name: str) -> tuple[str, int]:
    try:
        return hold_from_name(name)
    except ValueError:
        raise _unknown(name) from None


def _unknown(name: str) -> Problem:
    detail = f"{name!r} was captured or released, has expired long ago, or never was"
    return Problem("hold-unknown", detail)


async def _done(services: Services, command: Command, response: Response) -> HoldDone:
    result = await answered(services, command, response)
    hold, body = result.hold, command.body
    assert hold is not None
    has_ended = isinstance(body, ReleaseHold) or (
        isinstance(body, CaptureHold) and (body.is_final or not hold.left_micros)
    )
    return hold_done(command.member, hold, result, has_ended=has_ended)
