"""``/v1/wallets/{member}/freeze``: an operator lets nothing of a wallet be spent, for a while.

Invariant: the shard decides in the order of its log; a repeat under the same key changes nothing.
"""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.asking import command_of, hash_of_request
from api.deps import IdempotencyKey, MemberPath, Operator, Parts
from api.documents import problems
from api.money_in import answered
from api.segments import SegmentRoute
from api.services import Services
from runtime.keys import ApiKey
from schemas.commands import REASON_CHARS_MAX, Command, FreezeWallet
from schemas.moment import text_from_ms

router = APIRouter(prefix="/v1/wallets", tags=["wallets"], route_class=SegmentRoute)
_ROUTE = "/v1/wallets/{member}/freeze"
_ASKED = problems(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
)


class FreezeBody(BaseModel):
    """Why a wallet is frozen."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"reason": "card stolen"}]}
    )

    reason: str = Field(
        min_length=1, max_length=REASON_CHARS_MAX, description="For people; the member may read it."
    )


class FreezeView(BaseModel):
    """Whether a wallet is frozen."""

    member: str
    frozen: str | None = Field(description="Why nothing of it may be spent; null: it may.")
    decided_at: str


@router.put("/{member}/freeze", summary="Freeze a wallet", responses=_ASKED)
async def freeze(  # noqa: PLR0917 -- FastAPI passes them by name
    member: MemberPath,
    body: FreezeBody,
    key: Operator,
    name: IdempotencyKey,
    services: Parts,
    request: Request,
    response: Response,
) -> FreezeView:
    """Let nothing be spent, sent or set aside; sessions are cut off, what comes in is taken."""
    command = _command(services, key, (member, name), request.method, body.reason)
    return await _done(services, command, response, body.reason)


@router.delete("/{member}/freeze", summary="Let a wallet go", responses=_ASKED)
async def thaw(  # noqa: PLR0917 -- FastAPI passes them by name
    member: MemberPath,
    key: Operator,
    name: IdempotencyKey,
    services: Parts,
    request: Request,
    response: Response,
) -> FreezeView:
    """What is in the wallet may be spent again; sessions that were cut off are told to go on."""
    command = _command(services, key, (member, name), request.method, "")
    return await _done(services, command, response, "")


def _command(
    services: Services, key: ApiKey, whose: tuple[str, str], method: str, reason: str
) -> Command:
    member, name = whose
    said: dict[str, str | int] = {"member": member, "reason": reason}
    hashed = hash_of_request(method, _ROUTE, key.tenant, said)
    return command_of(services, key, member, name, hashed, FreezeWallet(reason))


async def _done(
    services: Services, command: Command, response: Response, reason: str
) -> FreezeView:
    result = await answered(services, command, response)
    at = text_from_ms(result.posted_at_ms)
    return FreezeView(member=command.member, frozen=reason or None, decided_at=at)
