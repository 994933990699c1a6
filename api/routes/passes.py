"""``/v1/wallets/{member}/passes``: buying, listing and cancelling passes.

Invariant: 201 is answered only when the price is posted; whether there is money for a pass is the
shard's to say, and a pass that was paid is taken back by nobody.
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from api.asking import command_of, hash_of_request
from api.deps import IdempotencyKey, MemberPath, Parts, WalletReader, WalletWriter
from api.documents import problems
from api.models.money import money
from api.models.passes import PassBody, PassDone, PassList, pass_view
from api.money_in import answered
from api.problems import Problem
from api.segments import SegmentRoute
from api.services import Services
from schemas.commands import BuyPass, CancelPass, Command
from schemas.moment import text_from_ms

router = APIRouter(prefix="/v1/wallets", tags=["wallets"], route_class=SegmentRoute)
_ROUTE = "/v1/wallets/{member}/passes"
_ASKED = problems(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
)
PassPath = Annotated[str, Path(description="Id of the pass.", max_length=64)]


@router.post(
    "/{member}/passes", status_code=HTTPStatus.CREATED, summary="Buy a pass", responses=_ASKED
)
async def buy(  # noqa: PLR0917 -- FastAPI passes them by name
    member: MemberPath,
    body: PassBody,
    key: WalletWriter,
    name: IdempotencyKey,
    services: Parts,
    request: Request,
    response: Response,
) -> PassDone:
    """Take a pass's price at once and cover the member's use from now on.

    While a pass on the tariff runs, the next one begins at its end. Asking again with the same key
    and body changes nothing.
    """
    wanted = BuyPass(body.content, body.period, body.renews)
    said: dict[str, str | int] = {
        "member": member,
        "content": wanted.content,
        "period": wanted.period,
        "renews": str(wanted.renews),
    }
    hashed = hash_of_request(request.method, _ROUTE, key.tenant, said)
    command = command_of(services, key, member, name, hashed, wanted)
    return await _done(services, command, response)


@router.get(
    "/{member}/passes",
    summary="A member's passes",
    responses=problems(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND),
)
async def list_passes(member: MemberPath, key: WalletReader, services: Parts) -> PassList:
    """Passes that run, that are paid ahead and that ended, the last to end first."""
    wallet = await services.live.wallet(key.tenant, member)
    if wallet is None:
        raise Problem("wallet-unknown", f"member {member!r} has neither used nor been topped up")
    now_ms = services.clock.wall_ms()
    found = await services.live.passes(key.tenant, member)
    found.sort(key=lambda each: (-each.to_ms, each.tariff))
    return PassList(passes=[pass_view(each, wallet.currency, now_ms) for each in found])


@router.delete("/{member}/passes/{number}", summary="Cancel a pass's renewal", responses=_ASKED)
async def cancel(  # noqa: PLR0917 -- FastAPI passes them by name
    member: MemberPath,
    number: PassPath,
    key: WalletWriter,
    name: IdempotencyKey,
    services: Parts,
    request: Request,
    response: Response,
) -> PassDone:
    """Let a pass run to its end and be followed by none; on one that does not renew, nothing."""
    said: dict[str, str | int] = {"member": member, "pass": number}
    hashed = hash_of_request(request.method, f"{_ROUTE}/{{number}}", key.tenant, said)
    command = command_of(services, key, member, name, hashed, CancelPass(number))
    return await _done(services, command, response)


async def _done(services: Services, command: Command, response: Response) -> PassDone:
    result = await answered(services, command, response)
    bought, currency = result.bought, result.currency
    assert bought is not None
    return PassDone.model_validate(
        {
            "member": command.member,
            "pass": pass_view(bought, currency, result.posted_at_ms),
            "posted": money(result.posted_micros, currency),
            "posted_micros": result.posted_micros,
            "available": money(result.available_micros, currency),
            "available_micros": result.available_micros,
            "posted_at": text_from_ms(result.posted_at_ms),
        }
    )
