"""Who calls and with what right: dependencies of the routes.

Invariant: a route sees an ``ApiKey`` only after its scope was checked, and asks every part for
that key's tenant alone.
"""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Header, Path, Query
from fastapi.security import HTTPBearer
from pydantic import AfterValidator
from starlette.requests import Request
from starlette.responses import Response

from api.limits import IDEMPOTENCY_KEY_CHARS_MAX
from api.problems import Problem
from api.services import Services
from api.words.choosing import Language, tongue_of
from api.words.tongue import Tongue
from runtime.keys import ApiKey, Scope
from schemas.ids import id_fault

_bearer = HTTPBearer(auto_error=False, description="`Authorization: Bearer <key>`")


def services_of(request: Request) -> Services:
    """The parts behind the app that serves a request."""
    services: Services = request.app.state.api_services
    return services


Parts = Annotated[Services, Depends(services_of)]


def check_key(request: Request) -> ApiKey:
    """The key of whoever calls, with whatever scopes.

    Raises:
        Problem: There is none, or it is not of this system.
    """
    key = services_of(request).keys.authenticate(request.headers.get("authorization"))
    if key is None:
        raise Problem(
            "unauthorized",
            "send the header 'Authorization: Bearer <key>' with a key of this system",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return key


def require(*scopes: Scope) -> Callable[[Request, object], ApiKey]:
    """A dependency that lets in keys with any of these scopes.

    Args:
        scopes: At least one; ``admin`` always has it.

    Returns:
        The dependency; it raises ``Problem`` for a missing key or scope.
    """

    def key_of(request: Request, _: Annotated[object, Depends(_bearer)]) -> ApiKey:
        key = check_key(request)
        if not any(key.allows(scope) for scope in scopes):
            wanted = " or ".join(scopes)
            raise Problem(
                "scope-missing", f"the request needs a key with the scope {wanted}", scope=wanted
            )
        return key

    return key_of


WalletReader = Annotated[ApiKey, Depends(require("wallet:read"))]
WalletWriter = Annotated[ApiKey, Depends(require("wallet:write"))]
Operator = Annotated[ApiKey, Depends(require("admin"))]
Controller = Annotated[ApiKey, Depends(require("session:control"))]
StatisticsReader = Annotated[ApiKey, Depends(require("statistics:read"))]
UsageReader = Annotated[ApiKey, Depends(require("usage:write", "wallet:read"))]


def _sound_id(value: str) -> str:
    fault = id_fault(value)
    if fault is not None:
        raise ValueError(f"the id {fault}")
    return value


SOUND = AfterValidator(_sound_id)
MemberPath = Annotated[str, Path(description="Member id; encode a slash as %2F."), SOUND]
SourcePath = Annotated[str, Path(description="Source; encode a slash as %2F."), SOUND]
EventPath = Annotated[str, Path(description="The sender's event id."), SOUND]
SessionPath = Annotated[str, Path(description="The source's session id."), SOUND]
TariffPath = Annotated[str, Path(description="Tariff id; encode a slash as %2F."), SOUND]
IdFilter = Annotated[Annotated[str, SOUND] | None, Query()]


def idempotency_key(
    idempotency_key: Annotated[
        str | None,
        Header(description="Names this request for ever, per tenant and member; 1-128 characters."),
    ] = None,
) -> str:
    """The request's Idempotency-Key.

    Raises:
        Problem: It is missing, too long, or holds unprintable characters.
    """
    if idempotency_key is None:
        raise Problem(
            "idempotency-key-missing",
            "send the header 'Idempotency-Key' with a text of your own, new for each request",
        )
    if len(idempotency_key) > IDEMPOTENCY_KEY_CHARS_MAX or id_fault(idempotency_key) is not None:
        raise Problem(
            "idempotency-key-invalid",
            f"an Idempotency-Key is 1 to {IDEMPOTENCY_KEY_CHARS_MAX} printable characters",
        )
    return idempotency_key


IdempotencyKey = Annotated[str, Depends(idempotency_key)]


def spoken(
    response: Response,
    lang: Annotated[
        Language | None,
        Query(description="Language of `words`; without it `Accept-Language` says, else English."),
    ] = None,
    accept_language: Annotated[
        str | None, Header(alias="Accept-Language", description="Such as `ko-KR, en;q=0.5`.")
    ] = None,
) -> Tongue:
    """The language of an answer's words, which the answer names."""
    tongue = tongue_of(lang, accept_language)
    response.headers["Content-Language"] = tongue.code
    response.headers["Vary"] = "Accept-Language"
    return tongue


Spoken = Annotated[Tongue, Depends(spoken)]
