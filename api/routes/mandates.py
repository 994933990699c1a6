"""``/v1/wallets/{member}/mandates`` and ``/tokens``: what members agree to, and take back.

Invariant: a mandate counts, and a revocation too, from its place in the member's log on; an answer
comes only once the shard has taken it, and a repeat gets the stored one.
"""

from http import HTTPStatus
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Path, Request, Response

from api.asking import command_of, hash_of_request
from api.deps import SOUND, IdempotencyKey, MemberPath, Parts, WalletReader, WalletWriter
from api.documents import problems
from api.models.mandates import (
    ConsentChanged,
    ConsentList,
    MandateBody,
    changed_view,
    consents_view,
    terms_of_body,
)
from api.money_in import answered
from api.segments import SegmentRoute
from runtime.keys import ApiKey
from schemas.commands import GrantMandate, RevokeConsent
from schemas.consent import ConsentKind

router = APIRouter(prefix="/v1/wallets", tags=["consents"], route_class=SegmentRoute)
MandatePath = Annotated[str, Path(description="The mandate's id, the caller's own."), SOUND]
TokenPath = Annotated[str, Path(description="The token's jti."), SOUND]
_ANSWERS = problems(
    HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_TIMEOUT
)


class _Asking:
    """One request about a member's consents.

    Args:
        key: Who asks.
        name: Idempotency-Key.
        services: Parts behind the API.
        request: Of HTTP.
        response: Of it.
    """

    def __init__(
        self,
        key: WalletWriter,
        name: IdempotencyKey,
        services: Parts,
        request: Request,
        response: Response,
    ) -> None:
        self._key: ApiKey = key
        self._name = name
        self._services = services
        self._request = request
        self._response = response

    async def changed(self, member: str, body: GrantMandate | RevokeConsent) -> ConsentChanged:
        """The answer to it, once its member's shard has decided."""
        said = {"member": member, "body": msgspec.json.encode(body).decode()}
        route = "/v1/wallets/{member}/consents"
        services, key = self._services, self._key
        hashed = hash_of_request(self._request.method, route, key.tenant, {**said})
        command = command_of(services, key, member, self._name, hashed, body)
        result = await answered(services, command, self._response)
        return changed_view(member, body, result)


Asking = Annotated[_Asking, Depends(_Asking)]


@router.put("/{member}/mandates/{mandate}", summary="Grant a mandate", responses=_ANSWERS)
async def grant_mandate(
    member: MemberPath, mandate: MandatePath, body: MandateBody, asking: Asking
) -> ConsentChanged:
    """The member agrees to be charged. The same id again puts new terms in place of the old."""
    return await asking.changed(member, GrantMandate(mandate, terms_of_body(body)))


@router.delete("/{member}/mandates/{mandate}", summary="Revoke a mandate", responses=_ANSWERS)
async def revoke_mandate(
    member: MemberPath, mandate: MandatePath, asking: Asking
) -> ConsentChanged:
    """Nothing more begins under it, and what runs is told to end; what was used is booked."""
    return await asking.changed(member, RevokeConsent(ConsentKind.MANDATE, mandate))


@router.delete("/{member}/tokens/{token}", summary="Revoke a member token", responses=_ANSWERS)
async def revoke_token(member: MemberPath, token: TokenPath, asking: Asking) -> ConsentChanged:
    """The same of a token by its jti, be it seen before or not."""
    return await asking.changed(member, RevokeConsent(ConsentKind.TOKEN, token))


@router.get("/{member}/mandates", summary="What a member agreed to", responses=problems())
async def list_mandates(member: MemberPath, key: WalletReader, services: Parts) -> ConsentList:
    """Mandates and tokens with what was spent under each, now."""
    return consents_view(member, await services.live.consents(key.tenant, member))
