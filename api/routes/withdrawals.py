"""``/v1/wallets/{member}/withdrawals`` and ``…/accounts``: money out, to a proved account.

Invariant: the shard decides in the order of its log; a repeat under the same key is answered as the
first was. Only ``admin`` proves an account and says what becomes of a withdrawal. Who pays reads
what is approved and tells how it ended; nothing here talks to a bank.
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from api.asking import command_of, hash_of_request
from api.deps import IdempotencyKey, MemberPath, Operator, Parts, WalletReader, WalletWriter
from api.documents import problems
from api.models.withdrawals import (
    AccountBody,
    AccountDone,
    AccountList,
    AccountView,
    PaidBody,
    ReasonBody,
    WithdrawalBody,
    WithdrawalDone,
    WithdrawalList,
    WithdrawalView,
    withdrawal_done,
    withdrawal_view,
)
from api.money_in import amount_of, answered
from api.problems import Problem
from api.segments import SegmentRoute
from api.services import Services
from runtime.keys import ApiKey
from schemas.commands import Command
from schemas.moment import text_from_ms
from schemas.withdrawals import (
    ACCOUNT_CHARS_MAX,
    AskWithdrawal,
    DecideWithdrawal,
    DropAccount,
    KeepAccount,
    WithdrawalState,
)
from wallet.withdrawals import withdrawal_of

router = APIRouter(prefix="/v1/wallets", tags=["wallets"], route_class=SegmentRoute)
_ROUTE = "/v1/wallets/{member}/withdrawals"
_ACCOUNTS = "/v1/wallets/{member}/accounts"
_ASKED = problems(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
)
_FOUND = problems(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)
NumberPath = Annotated[
    str, Path(description="Id of the withdrawal.", max_length=15, pattern=r"^[1-9][0-9]*$")
]
AccountPath = Annotated[
    str, Path(description="Opaque reference of the account.", max_length=ACCOUNT_CHARS_MAX)
]


@router.post(
    "/{member}/withdrawals",
    status_code=HTTPStatus.CREATED,
    summary="Ask for money out",
    responses=_ASKED,
)
async def request_withdrawal(  # noqa: PLR0917 -- FastAPI passes them by name
    member: MemberPath,
    body: WithdrawalBody,
    key: WalletWriter,
    name: IdempotencyKey,
    services: Parts,
    request: Request,
    response: Response,
) -> WithdrawalDone:
    """Set money aside to be paid out to a proved account, if there is as much.

    What is owed, set aside by holds, or needed by open sessions stays. `approved` at once within
    the tenant's terms; else a person approves or rejects it.
    """
    wanted = AskWithdrawal(body.account, amount_of(body.amount), body.currency, body.reference)
    said: dict[str, str | int] = {
        "member": member,
        "account": wanted.account,
        "amount_micros": wanted.amount_micros,
        "currency": wanted.currency,
        "reference": wanted.reference,
    }
    hashed = hash_of_request(request.method, _ROUTE, key.tenant, said)
    return await _done(services, command_of(services, key, member, name, hashed, wanted), response)


@router.get("/{member}/withdrawals", summary="A member's withdrawals", responses=_FOUND)
async def list_withdrawals(
    member: MemberPath, key: WalletReader, services: Parts
) -> WithdrawalList:
    """Those that go on, and of those that ended the latest."""
    wallet = await services.live.wallet(key.tenant, member)
    if wallet is None:
        raise Problem("wallet-unknown", f"member {member!r} has no wallet")
    found = reversed(wallet.withdrawals)
    views = [withdrawal_view(member, each, wallet.currency) for each in found]
    return WithdrawalList(withdrawals=views)


@router.get("/{member}/withdrawals/{number}", summary="A withdrawal", responses=_FOUND)
async def get_withdrawal(
    member: MemberPath, number: NumberPath, key: WalletReader, services: Parts
) -> WithdrawalView:
    """Where it stands."""
    wallet = await services.live.wallet(key.tenant, member)
    found = None if wallet is None else withdrawal_of(wallet, int(number))
    if wallet is None or found is None:
        raise Problem("withdrawal-unknown", f"{member!r} has no withdrawal {number}, or no more")
    return withdrawal_view(member, found, wallet.currency)


@router.post(
    "/{member}/withdrawals/{number}/approve", summary="Approve a withdrawal", responses=_ASKED
)
async def approve(  # noqa: PLR0917 -- FastAPI passes them by name
    member: MemberPath,
    number: NumberPath,
    key: Operator,
    name: IdempotencyKey,
    services: Parts,
    response: Response,
) -> WithdrawalDone:
    """It may be paid."""
    wanted = DecideWithdrawal(int(number), WithdrawalState.APPROVED)
    return await _decided(services, key, (member, name), wanted, response)


@router.post(
    "/{member}/withdrawals/{number}/reject", summary="Reject a withdrawal", responses=_ASKED
)
async def reject(  # noqa: PLR0917 -- FastAPI passes them by name
    member: MemberPath,
    number: NumberPath,
    body: ReasonBody,
    key: Operator,
    name: IdempotencyKey,
    services: Parts,
    response: Response,
) -> WithdrawalDone:
    """Of one that waits: the money goes back to the lots that it came from."""
    wanted = DecideWithdrawal(int(number), WithdrawalState.REJECTED, body.reason)
    return await _decided(services, key, (member, name), wanted, response)


@router.post(
    "/{member}/withdrawals/{number}/paid", summary="Tell that it was paid", responses=_ASKED
)
async def paid(  # noqa: PLR0917 -- FastAPI passes them by name
    member: MemberPath,
    number: NumberPath,
    body: PaidBody,
    key: Operator,
    name: IdempotencyKey,
    services: Parts,
    response: Response,
) -> WithdrawalDone:
    """Of one that is approved: the money has left, less the fee."""
    wanted = DecideWithdrawal(int(number), WithdrawalState.PAID, body.reference)
    return await _decided(services, key, (member, name), wanted, response)


@router.post(
    "/{member}/withdrawals/{number}/failed", summary="Tell that it failed", responses=_ASKED
)
async def failed(  # noqa: PLR0917 -- FastAPI passes them by name
    member: MemberPath,
    number: NumberPath,
    body: ReasonBody,
    key: Operator,
    name: IdempotencyKey,
    services: Parts,
    response: Response,
) -> WithdrawalDone:
    """Of one that is approved and could not be paid: the money goes back to its lots."""
    wanted = DecideWithdrawal(int(number), WithdrawalState.FAILED, body.reason)
    return await _decided(services, key, (member, name), wanted, response)


@router.post(
    "/{member}/withdrawals/{number}/returned", summary="Tell that it came back", responses=_ASKED
)
async def returned(  # noqa: PLR0917 -- FastAPI passes them by name
    member: MemberPath,
    number: NumberPath,
    body: ReasonBody,
    key: Operator,
    name: IdempotencyKey,
    services: Parts,
    response: Response,
) -> WithdrawalDone:
    """Of one that was paid and that the bank sent back: it is in its lots again, the fee too."""
    wanted = DecideWithdrawal(int(number), WithdrawalState.RETURNED, body.reason)
    return await _decided(services, key, (member, name), wanted, response)


@router.get("/{member}/accounts", summary="A member's accounts", responses=_FOUND)
async def list_accounts(member: MemberPath, key: WalletReader, services: Parts) -> AccountList:
    """Accounts that are registered, and whether each is proved."""
    wallet = await services.live.wallet(key.tenant, member)
    known = () if wallet is None else wallet.accounts
    return AccountList(
        accounts=[AccountView(account=each.id, proved=each.is_proved) for each in known]
    )


@router.put("/{member}/accounts/{account}", summary="Register an account", responses=_ASKED)
async def keep_account(  # noqa: PLR0917 -- FastAPI passes them by name
    member: MemberPath,
    account: AccountPath,
    body: AccountBody,
    key: WalletWriter,
    name: IdempotencyKey,
    services: Parts,
    request: Request,
    response: Response,
) -> AccountDone:
    """Register where a member's money may go, or, with `admin`, say that it is proved theirs."""
    if body.proved and not key.allows("admin"):
        raise Problem("scope-missing", "only a key with scope admin says that one is proved")
    said: dict[str, str | int] = {
        "member": member,
        "account": account,
        "proved": int(body.proved),
    }
    hashed = hash_of_request(request.method, _ACCOUNTS, key.tenant, said)
    wanted = KeepAccount(account, body.proved)
    command = command_of(services, key, member, name, hashed, wanted)
    return await _account_done(services, command, account, response)


@router.delete("/{member}/accounts/{account}", summary="Remove an account", responses=_ASKED)
async def drop_account(  # noqa: PLR0917 -- FastAPI passes them by name
    member: MemberPath,
    account: AccountPath,
    key: WalletWriter,
    name: IdempotencyKey,
    services: Parts,
    request: Request,
    response: Response,
) -> AccountDone:
    """Nothing more is asked for or approved to it; what is approved may still be paid."""
    said: dict[str, str | int] = {"member": member, "account": account}
    hashed = hash_of_request(request.method, _ACCOUNTS, key.tenant, said)
    command = command_of(services, key, member, name, hashed, DropAccount(account))
    return await _account_done(services, command, account, response)


async def _decided(
    services: Services,
    key: ApiKey,
    whose: tuple[str, str],
    wanted: DecideWithdrawal,
    response: Response,
) -> WithdrawalDone:
    said: dict[str, str | int] = {
        "member": whose[0],
        "withdrawal": wanted.withdrawal,
        "to": wanted.to,
        "said": wanted.said,
    }
    hashed = hash_of_request("POST", f"{_ROUTE}/{{number}}", key.tenant, said)
    return await _done(services, command_of(services, key, *whose, hashed, wanted), response)


async def _done(services: Services, command: Command, response: Response) -> WithdrawalDone:
    result = await answered(services, command, response)
    assert result.withdrawal is not None
    return withdrawal_done(command.member, result.withdrawal, result)


async def _account_done(
    services: Services, command: Command, account: str, response: Response
) -> AccountDone:
    result = await answered(services, command, response)
    at = text_from_ms(result.posted_at_ms)
    return AccountDone(member=command.member, account=account, decided_at=at)
