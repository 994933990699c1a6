"""The problems that only this API answers: word, title and status, in one table.

Invariant: a word, once given out, is never renamed; docs/problems.md lists them all.
It does not own the document's form nor what every edge answers (``runtime.problems``).
"""

from http import HTTPStatus
from typing import NoReturn

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from runtime.problems import problem
from schemas.commands import Outcome, Result

_TITLES: dict[str, tuple[str, HTTPStatus]] = {
    "cursor-invalid": ("The cursor is not one that this list gave", HTTPStatus.BAD_REQUEST),
    "period-invalid": ("The period cannot be this", HTTPStatus.UNPROCESSABLE_ENTITY),
    "dimension-unknown": ("There is no such dimension", HTTPStatus.UNPROCESSABLE_ENTITY),
    "idempotency-key-missing": ("The request needs an Idempotency-Key", HTTPStatus.BAD_REQUEST),
    "idempotency-key-invalid": ("The Idempotency-Key cannot be one", HTTPStatus.BAD_REQUEST),
    "source-outside-key": ("The key may not speak for the source", HTTPStatus.FORBIDDEN),
    "unauthorized": ("A valid API key is needed", HTTPStatus.UNAUTHORIZED),
    "scope-missing": ("The key may not do this", HTTPStatus.FORBIDDEN),
    "wallet-unknown": ("There is no such wallet", HTTPStatus.NOT_FOUND),
    "session-unknown": ("There is no such session", HTTPStatus.NOT_FOUND),
    "event-unknown": ("There is no such event, as far as is known", HTTPStatus.NOT_FOUND),
    "tariff-unknown": ("There is no such tariff on sale", HTTPStatus.NOT_FOUND),
    "use-impossible": ("The use cannot be this", HTTPStatus.UNPROCESSABLE_ENTITY),
    "subject-needed": ("Several members match; name one", HTTPStatus.CONFLICT),
    "idempotency-key-reused": (
        "The Idempotency-Key was used for another request",
        HTTPStatus.CONFLICT,
    ),
    "too-large": ("The body is too large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    "body-too-slow": ("The body did not arrive in time", HTTPStatus.REQUEST_TIMEOUT),
    "same-member": ("Nobody sends money to themselves", HTTPStatus.UNPROCESSABLE_ENTITY),
    "member-unknown": ("The tenant has no such member", HTTPStatus.UNPROCESSABLE_ENTITY),
    "wallet-frozen": ("The wallet is frozen", HTTPStatus.UNPROCESSABLE_ENTITY),
    "hold-unknown": ("There is no such hold", HTTPStatus.NOT_FOUND),
    "holds-too-many": ("Too many holds are live", HTTPStatus.UNPROCESSABLE_ENTITY),
    "amount-too-large": ("The hold has not as much left", HTTPStatus.UNPROCESSABLE_ENTITY),
    "member-invalid": ("The member's name cannot be this", HTTPStatus.UNPROCESSABLE_ENTITY),
    "payee-invalid": ("Nobody can be paid so", HTTPStatus.UNPROCESSABLE_ENTITY),
    "lot-unknown": ("There is no such lot", HTTPStatus.NOT_FOUND),
    "lots-too-many": ("The wallet keeps too much apart", HTTPStatus.UNPROCESSABLE_ENTITY),
    "bucket-invalid": ("The bucket cannot be this", HTTPStatus.UNPROCESSABLE_ENTITY),
    "priority-invalid": ("The priority cannot be this", HTTPStatus.UNPROCESSABLE_ENTITY),
    "expiry-invalid": ("The expiry cannot be this", HTTPStatus.UNPROCESSABLE_ENTITY),
    "restriction-invalid": ("The restriction cannot be this", HTTPStatus.UNPROCESSABLE_ENTITY),
    "amount-invalid": ("The amount cannot be this", HTTPStatus.UNPROCESSABLE_ENTITY),
    "currency-mismatch": ("The currency is not the wallet's", HTTPStatus.UNPROCESSABLE_ENTITY),
    "balance-too-large": ("The balance would be too large", HTTPStatus.UNPROCESSABLE_ENTITY),
    "insufficient-funds": ("The wallet has not enough", HTTPStatus.UNPROCESSABLE_ENTITY),
    "content-unknown": ("There is no such content", HTTPStatus.UNPROCESSABLE_ENTITY),
    "pass-not-sold": ("The tariff does not sell the pass", HTTPStatus.UNPROCESSABLE_ENTITY),
    "pass-renews-not": ("The pass cannot renew itself", HTTPStatus.UNPROCESSABLE_ENTITY),
    "passes-too-many": ("Too many passes are paid ahead", HTTPStatus.UNPROCESSABLE_ENTITY),
    "pass-unknown": ("There is no such pass", HTTPStatus.NOT_FOUND),
    "tenant-unknown": ("No catalogue names the tenant", HTTPStatus.UNPROCESSABLE_ENTITY),
    "mandate-unknown": ("There is no such mandate", HTTPStatus.NOT_FOUND),
    "mandate-invalid": ("The mandate cannot be this", HTTPStatus.UNPROCESSABLE_ENTITY),
    "consents-full": ("The member has too many", HTTPStatus.UNPROCESSABLE_ENTITY),
    "session-not-open": ("The session is not open", HTTPStatus.CONFLICT),
    "session-limit": ("The member has as many sessions as may be", HTTPStatus.CONFLICT),
    "content-changed": ("The session is of another content", HTTPStatus.CONFLICT),
    "consent-missing": ("The member has not agreed", HTTPStatus.UNPROCESSABLE_ENTITY),
    "units-invalid": ("The units cannot be this", HTTPStatus.UNPROCESSABLE_ENTITY),
    "clock-is-recorded": ("A recording is over", HTTPStatus.UNPROCESSABLE_ENTITY),
    "event-refused": ("What is reported cannot count", HTTPStatus.UNPROCESSABLE_ENTITY),
    "voucher-invalid": ("What was typed cannot be a PIN", HTTPStatus.UNPROCESSABLE_ENTITY),
    "voucher-unknown": ("No card has the PIN", HTTPStatus.UNPROCESSABLE_ENTITY),
    "voucher-redeemed": ("The card was redeemed before", HTTPStatus.UNPROCESSABLE_ENTITY),
    "voucher-inactive": ("The card is not on sale", HTTPStatus.UNPROCESSABLE_ENTITY),
    "voucher-blocked": ("The card is blocked", HTTPStatus.UNPROCESSABLE_ENTITY),
    "voucher-expired": ("The card has expired", HTTPStatus.UNPROCESSABLE_ENTITY),
    "voucher-throttled": ("Too many PINs were wrong", HTTPStatus.TOO_MANY_REQUESTS),
    "address-invalid": ("The address cannot be this", HTTPStatus.UNPROCESSABLE_ENTITY),
    "batch-unknown": ("There is no such batch of cards", HTTPStatus.NOT_FOUND),
    "batch-closed": ("The batch was written off", HTTPStatus.UNPROCESSABLE_ENTITY),
    "batch-not-expired": ("The batch has not expired", HTTPStatus.UNPROCESSABLE_ENTITY),
    "serials-invalid": ("The serial numbers cannot be these", HTTPStatus.UNPROCESSABLE_ENTITY),
    "serials-scattered": ("The cards lie too far apart", HTTPStatus.UNPROCESSABLE_ENTITY),
    "account-unknown": ("There is no such account", HTTPStatus.UNPROCESSABLE_ENTITY),
    "account-unproved": ("The account is not proved", HTTPStatus.UNPROCESSABLE_ENTITY),
    "account-invalid": ("The account cannot be this", HTTPStatus.UNPROCESSABLE_ENTITY),
    "accounts-too-many": ("The member has too many accounts", HTTPStatus.UNPROCESSABLE_ENTITY),
    "withdrawal-limit": ("More than may be withdrawn", HTTPStatus.UNPROCESSABLE_ENTITY),
    "withdrawal-unknown": ("There is no such withdrawal", HTTPStatus.NOT_FOUND),
    "withdrawal-state": ("The withdrawal stands elsewhere", HTTPStatus.CONFLICT),
    "withdrawals-too-many": ("Too many withdrawals go on", HTTPStatus.UNPROCESSABLE_ENTITY),
    "refused": ("The request was refused", HTTPStatus.UNPROCESSABLE_ENTITY),
    "expired": ("The request was not reached in time", HTTPStatus.UNPROCESSABLE_ENTITY),
    "outcome-unknown": (
        "The outcome is not known yet; ask again with the same key",
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
    "too-many-questions": ("Too much is asked at once", HTTPStatus.TOO_MANY_REQUESTS),
    "too-many-streams": ("Too many streams are open", HTTPStatus.TOO_MANY_REQUESTS),
    "position-invalid": ("The Last-Event-ID is not one of a stream", HTTPStatus.BAD_REQUEST),
    "position-lost": ("Nothing goes on from the Last-Event-ID", HTTPStatus.CONFLICT),
    "shard-behind": ("The member's shard is behind", HTTPStatus.SERVICE_UNAVAILABLE),
}
WORDS = frozenset(_TITLES)


class Problem(HTTPException):
    """An error answer, raised where it is found.

    Args:
        word: One of ``WORDS``.
        detail: What happened this time and how to mend it.
        headers: Such as ``Retry-After``.
        extra: Further members of the document.
    """

    def __init__(
        self, word: str, detail: str, *, headers: dict[str, str] | None = None, **extra: object
    ) -> None:
        self.word = word
        self.title, status = _TITLES[word]
        self.extra = extra
        super().__init__(status, detail, headers)


def refuse(result: Result) -> NoReturn:
    """Tell a caller of a refused or expired command why.

    Raises:
        Problem: Always; a reason that this program does not know is ``refused``.
    """
    if result.outcome == Outcome.EXPIRED:
        detail = "it waited past its deadline and moved nothing; ask again with a new key"
        raise Problem("expired", detail, reason=result.reason)
    word = result.reason if result.reason in WORDS else "refused"
    raise Problem(word, result.detail, reason=result.reason)


def install_problems(app: FastAPI) -> None:
    """Answer every raised ``Problem`` as its document."""
    app.add_exception_handler(Problem, _on_problem)


async def _on_problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return problem(
        error.word,
        error.title,
        error.status_code,
        str(error.detail),
        headers=error.headers,
        **error.extra,
    )
