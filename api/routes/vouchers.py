"""``POST /v1/wallets/{member}/voucher-redemptions``: a prepaid card's money into a wallet.

Invariant: a PIN is hashed at once and goes no further: into no log, command or answer. 201 is
answered only when the member has the money, 422 when the card stays as it was; until then the
outcome is not known, and asking again with the same key waits for the same redemption.
"""

from http import HTTPStatus
from ipaddress import ip_address

from fastapi import APIRouter, Request, Response

from api.asking import ask, await_arrival, command_of, hash_of_request
from api.deps import IdempotencyKey, MemberPath, Parts, WalletWriter
from api.documents import problems
from api.models.vouchers import RedemptionView, VoucherBody, redemption_view
from api.money_in import REPLAYED_HEADER
from api.problems import Problem, refuse
from api.segments import SegmentRoute
from api.services import Services
from api.tries import Guesser
from runtime.keys import ApiKey
from schemas.card_orders import RedeemCard
from schemas.cards import card_shard, redemption_name
from schemas.commands import Command, Outcome, Result
from schemas.moment import SECOND_MS
from schemas.pins import InvalidPin, pin_from_text

router = APIRouter(prefix="/v1/wallets", tags=["wallets"], route_class=SegmentRoute)
_ROUTE = "/v1/wallets/{member}/voucher-redemptions"
_WRONG = "voucher-unknown"


@router.post(
    "/{member}/voucher-redemptions",
    status_code=HTTPStatus.CREATED,
    summary="Redeem a prepaid card",
    responses=problems(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.TOO_MANY_REQUESTS,
    ),
)
async def redeem(  # noqa: PLR0917 -- FastAPI passes them by name
    member: MemberPath,
    body: VoucherBody,
    key: WalletWriter,
    name: IdempotencyKey,
    services: Parts,
    request: Request,
    response: Response,
) -> RedemptionView:
    """Put the money of a prepaid card into a wallet, once ever. The key counts per member.

    Wrong PINs are bounded per member, address and API key; say whose address it is.
    """
    card = _card_of(services, key, body.pin)
    said: dict[str, str | int] = {"member": member, "card": card.hex()}
    hashed = hash_of_request(request.method, _ROUTE, key.tenant, said)
    wanted = RedeemCard(card, card_shard(card, services.shards))
    command = command_of(services, key, member, name, hashed, wanted)
    who = Guesser(key.tenant, member, key.id, _address(body.client_address, request), name)
    ended, was_stored = await _ended(services, command, who)
    if ended.outcome != Outcome.POSTED or ended.card is None:
        refuse(ended)
    if was_stored:
        response.headers[REPLAYED_HEADER] = "true"
    return redemption_view(member, ended, ended.card)


async def _ended(services: Services, command: Command, who: Guesser) -> tuple[Result, bool]:
    """How it ended, and whether it had been asked before; a try is taken for what is new alone."""
    stored = await services.live.result(command.tenant, command.member, command.key)
    if stored is None:
        wait_ms = await services.tries.take(who)
        if wait_ms:
            seconds = -(-wait_ms // SECOND_MS)
            raise Problem(
                "voucher-throttled",
                f"too many wrong PINs; wait {seconds} s. No card was looked for",
                headers={"Retry-After": str(seconds)},
            )
    # Asked again after an unknown outcome, it is known now; what was settled stays so.
    ended, was_stored = await _asked(services, command)
    await services.tries.settle(who, was_wrong=ended.reason == _WRONG)
    return ended, was_stored


async def _asked(services: Services, command: Command) -> tuple[Result, bool]:
    asked, was_stored = await ask(services, command)
    if asked.outcome != Outcome.SENT:
        return asked, was_stored
    name = redemption_name(command.key)
    return await await_arrival(services, command.tenant, command.member, name), was_stored


def _card_of(services: Services, key: ApiKey, typed: str) -> bytes:
    try:
        pin = pin_from_text(typed)
    except InvalidPin as fault:
        raise Problem("voucher-invalid", str(fault)) from None
    return services.card_secrets.card_of(key.tenant, pin)


def _address(said: str, request: Request) -> str:
    """The end user's address as the caller says, else the caller's own."""
    if not said:
        return "" if request.client is None else request.client.host
    try:
        return str(ip_address(said))
    except ValueError:
        raise Problem("address-invalid", "client_address is an IP address, or left out") from None
