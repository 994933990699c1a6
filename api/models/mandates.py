"""Bodies and answers about what members agreed to."""

from pydantic import BaseModel, ConfigDict, Field

from api.problems import Problem
from schemas.commands import GrantMandate, Result, RevokeConsent
from schemas.consent import ConsentKind, ConsentTerms
from schemas.ids import id_fault
from schemas.moment import ms_from_text, text_from_ms
from schemas.money import amount_from_text, text_from_amount
from wallet.consents import Consents, Held

NAMES_MAX = 64
_AMOUNT_CHARS_MAX = 32
_TIME_CHARS_MAX = 64


def _names(what: str) -> list[str]:
    names: list[str] = Field(
        default_factory=list[str], max_length=NAMES_MAX, description=f"{what}; empty is any."
    )
    return names


def _amount(what: str) -> str | None:
    text: str | None = Field(
        None, max_length=_AMOUNT_CHARS_MAX, description=f"{what}, major units as text."
    )
    return text


def _moment(what: str) -> str | None:
    text: str | None = Field(None, max_length=_TIME_CHARS_MAX, description=f"{what}, RFC 3339.")
    return text


class MandateBody(BaseModel):
    """What a member agrees to; what is left out sets no bound."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"contents": ["film-7"], "session_max": "3000"}]},
    )

    contents: list[str] = _names("Content ids")
    providers: list[str] = _names("Provider ids")
    sources: list[str] = _names("Services that may charge under it")
    valid_from: str | None = _moment("Use may begin from here on")
    valid_until: str | None = _moment("Use may begin before this")
    max: str | None = _amount("In all")
    session_max: str | None = _amount("In one session")
    day_max: str | None = _amount("In one UTC day")


class ConsentChanged(BaseModel):
    """A mandate that was granted, or a consent that was revoked."""

    id: str = Field(description="The mandate's, or the token's jti.")
    kind: str = Field(examples=["mandate"])
    member: str
    is_revoked: bool
    decided_at: str = Field(description="From here on, by the order of the member's log.")


class ConsentView(BaseModel):
    """One consent and what was spent under it."""

    id: str
    kind: str = Field(examples=["mandate"])
    is_revoked: bool
    contents: list[str]
    providers: list[str]
    sources: list[str]
    valid_from: str | None
    valid_until: str | None
    max: str | None
    session_max: str | None
    day_max: str | None
    spent: str = Field(description="In all, major units of the wallet's currency.")
    spent_micros: int


class ConsentList(BaseModel):
    """All of a member's mandates, and the tokens of which anything must be known."""

    member: str
    mandates: list[ConsentView]
    tokens: list[ConsentView] = Field(description="With a limit, or revoked.")


def terms_of_body(body: MandateBody) -> ConsentTerms:
    """The terms that a body says.

    Raises:
        Problem: ``mandate-invalid``: an id, an amount or a time is not one, or it ends before it
            begins.
    """
    terms = ConsentTerms(
        contents=_ids("contents", body.contents),
        providers=_ids("providers", body.providers),
        sources=_ids("sources", body.sources),
        from_ms=_time("valid_from", body.valid_from),
        until_ms=_time("valid_until", body.valid_until),
        max_micros=_micros("max", body.max),
        session_max_micros=_micros("session_max", body.session_max),
        day_max_micros=_micros("day_max", body.day_max),
    )
    if terms.from_ms is not None and terms.until_ms is not None and terms.from_ms >= terms.until_ms:
        raise Problem("mandate-invalid", "valid_until is not behind valid_from")
    return terms


def changed_view(member: str, body: GrantMandate | RevokeConsent, result: Result) -> ConsentChanged:
    """A result as it is shown; a repeat of the request gets the same."""
    if isinstance(body, GrantMandate):
        kind, name = ConsentKind.MANDATE.value, body.mandate
    else:
        kind, name = body.kind, body.id
    return ConsentChanged(
        id=name,
        kind=kind,
        member=member,
        is_revoked=isinstance(body, RevokeConsent),
        decided_at=text_from_ms(result.posted_at_ms),
    )


def consents_view(member: str, consents: Consents) -> ConsentList:
    """What a member agreed to, as the shard holds it."""
    views = [_view(name, held) for name, held in consents.held.items()]
    return ConsentList(
        member=member,
        mandates=[each for each in views if each.kind == ConsentKind.MANDATE],
        tokens=[each for each in views if each.kind == ConsentKind.TOKEN],
    )


def _view(name: str, held: Held) -> ConsentView:
    kind, _, own = name.partition(":")
    terms = held.terms
    return ConsentView(
        id=own,
        kind=kind,
        is_revoked=held.is_revoked,
        contents=list(terms.contents),
        providers=list(terms.providers),
        sources=list(terms.sources),
        valid_from=None if terms.from_ms is None else text_from_ms(terms.from_ms),
        valid_until=None if terms.until_ms is None else text_from_ms(terms.until_ms),
        max=_text(terms.max_micros),
        session_max=_text(terms.session_max_micros),
        day_max=_text(terms.day_max_micros),
        spent=text_from_amount(held.spent_micros),
        spent_micros=held.spent_micros,
    )


def _ids(name: str, values: list[str]) -> tuple[str, ...]:
    for value in values:
        fault = id_fault(value)
        if fault is not None:
            raise Problem("mandate-invalid", f"{name}: an id {fault}")
    return tuple(values)


def _time(name: str, text: str | None) -> int | None:
    try:
        return None if text is None else ms_from_text(text)
    except (ValueError, OverflowError) as fault:
        raise Problem("mandate-invalid", f"{name}: {fault}") from fault


def _micros(name: str, text: str | None) -> int | None:
    try:
        amount = None if text is None else amount_from_text(text)
    except ValueError as fault:
        raise Problem("mandate-invalid", f"{name}: {fault}") from fault
    if amount is not None and amount < 0:
        raise Problem("mandate-invalid", f"{name}: {text!r} is negative; write 0 or more")
    return amount


def _text(amount_micros: int | None) -> str | None:
    return None if amount_micros is None else text_from_amount(amount_micros)
