"""Errors over HTTP as RFC 9457 problem documents.

Invariant: ``type`` is ``urn:ncash:problem:<word>`` and a word, once given out, is never renamed.
It does not own which failure is which status: routes say that; here is only the last resort.
"""

from collections.abc import Mapping
from http import HTTPStatus

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from schemas.errors import NcashError, RecoverableError

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:ncash:problem:"
RETRY_AFTER_S = 1
FAULTS_MAX = 20

_log = structlog.get_logger()


def problem(
    word: str,
    title: str,
    status: int,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **extra: object,
) -> JSONResponse:
    """An error answer.

    Args:
        word: Stable kebab-case name of the kind of problem; becomes ``type``.
        title: The kind in words, the same for every occurrence.
        status: HTTP status.
        detail: What happened this time and how to mend it.
        headers: Such as ``Retry-After``.
        extra: Further members of the document.
    """
    body = {
        "type": f"{TYPE_PREFIX}{word}",
        "title": title,
        "status": status,
        "detail": detail,
        **extra,
    }
    return JSONResponse(body, status, headers, media_type=MEDIA_TYPE)


def unauthorized() -> JSONResponse:
    """No key, or one that opens nothing."""
    return problem(
        "unauthorized",
        "A valid API key is needed",
        HTTPStatus.UNAUTHORIZED,
        "send the header 'Authorization: Bearer <key>' with a key of this system",
        headers={"WWW-Authenticate": "Bearer"},
    )


def forbidden(scope: str) -> JSONResponse:
    """A valid key without the scope that the request needs."""
    return problem(
        "scope-missing",
        "The key may not do this",
        HTTPStatus.FORBIDDEN,
        f"the request needs a key with the scope {scope}",
        scope=scope,
    )


def unavailable(detail: str, *, retry_after_s: int = RETRY_AFTER_S) -> JSONResponse:
    """A part that the request needs cannot serve it now; the same request may be sent again."""
    return problem(
        "unavailable",
        "A part of the system cannot take the request now",
        HTTPStatus.SERVICE_UNAVAILABLE,
        detail,
        headers={"Retry-After": str(retry_after_s)},
    )


def install_problem_handlers(app: FastAPI) -> None:
    """Make every error answer of the app a problem document."""
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(RecoverableError, _on_recoverable)
    app.add_exception_handler(Exception, _on_fault)


async def _on_http_exception(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    word = phrase.lower().replace(" ", "-")
    return problem(word, phrase, error.status_code, str(error.detail), headers=error.headers)


async def _on_invalid_request(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    faults = [
        {"at": ".".join(str(part) for part in fault["loc"]), "fault": str(fault["msg"])}
        for fault in error.errors()[:FAULTS_MAX]
    ]
    return problem(
        "invalid-request",
        "The request is not as the contract says",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "; ".join(f"{fault['at']}: {fault['fault']}" for fault in faults),
        faults=faults,
    )


async def _on_recoverable(_: Request, error: Exception) -> JSONResponse:
    return unavailable(str(error))


async def _on_fault(request: Request, error: Exception) -> JSONResponse:
    """The one broad handler of the HTTP boundary: logged whole, told without its inside."""
    kind = "broken invariant" if isinstance(error, NcashError) else "fault"
    _log.error("http request failed", kind=kind, path=request.url.path, exc_info=error)
    return problem(
        "internal",
        "A fault of ours",
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "the request was not processed as it should be; it is in our logs",
    )
