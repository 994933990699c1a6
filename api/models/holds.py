"""Money set aside: what is asked, and a hold as it is shown."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.limits import REFERENCE_CHARS_MAX
from api.models.money import AMOUNT_CHARS_MAX, CURRENCY, Money, money
from schemas.commands import Result
from schemas.holds import VALID_MS_MAX, Hold, hold_name
from schemas.ids import ID_CHARS_MAX
from schemas.moment import SECOND_MS, text_from_ms

State = Literal["live", "expired", "ended"]
_AMOUNT = "Major units as text, at most six decimals, more than 0."


class HoldBody(BaseModel):
    """Money to be set aside."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {
                    "member": "ann",
                    "amount": "250",
                    "currency": "KRW",
                    "valid_for_s": 300,
                    "content": "chat",
                    "reference": "request-77",
                }
            ]
        },
    )

    member: str = Field(min_length=1, max_length=ID_CHARS_MAX, description="Whose wallet.")
    amount: str = Field(max_length=AMOUNT_CHARS_MAX, description=_AMOUNT)
    currency: str = Field(pattern=CURRENCY, description="ISO 4217 code; the wallet's.")
    valid_for_s: int = Field(
        ge=1, le=VALID_MS_MAX // SECOND_MS, description="For how long the money is set aside."
    )
    content: str | None = Field(
        None,
        min_length=1,
        max_length=ID_CHARS_MAX,
        description="What it is for: its provider has the tariff's share of what is captured. "
        "Needed with a content server's key.",
    )
    provider: str | None = Field(
        None,
        min_length=1,
        max_length=ID_CHARS_MAX,
        description="Without a content: who gets all that is captured; left out: the platform.",
    )
    reference: str = Field(
        "", max_length=REFERENCE_CHARS_MAX, description="Your own name for it, on its entries."
    )


class CaptureBody(BaseModel):
    """A part of a hold to be taken."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"amount": "180.5", "final": True}]},
    )

    amount: str = Field(max_length=AMOUNT_CHARS_MAX, description=_AMOUNT)
    final: bool = Field(
        default=True, description="Whether the rest is free afterwards; false where more comes."
    )


class HoldView(BaseModel):
    """A hold."""

    id: str = Field(examples=["1.YW5u"], description="Its name; it says whose it is.")
    member: str
    state: State = Field(
        description="`expired`: the rest is free; what was used in time may still be captured. "
        "`ended`: captured to the end or released."
    )
    left: Money = Field(description="Set aside, or what may still be captured late.")
    left_micros: int
    captured: Money
    captured_micros: int
    content: str | None
    provider: str | None
    expires_at: str
    reference: str | None


class HoldDone(BaseModel):
    """A hold after a request, and the wallet after it."""

    hold: HoldView
    transfer: str | None = Field(
        examples=["7-1234"], description="Id of the transfer, where money moved."
    )
    posted: Money = Field(description="The wallet's posted balance after it.")
    posted_micros: int
    available: Money = Field(description="What could be spent after it on anything.")
    available_micros: int
    posted_at: str


def hold_view(member: str, hold: Hold, currency: str, *, has_ended: bool) -> HoldView:
    """A hold as it is shown."""
    state: State = "ended" if has_ended else "expired" if hold.is_expired else "live"
    left = 0 if has_ended else hold.left_micros
    return HoldView(
        id=hold_name(member, hold.id),
        member=member,
        state=state,
        left=money(left, currency),
        left_micros=left,
        captured=money(hold.captured_micros, currency),
        captured_micros=hold.captured_micros,
        content=hold.content or None,
        provider=hold.provider or None,
        expires_at=text_from_ms(hold.expires_ms),
        reference=hold.reference or None,
    )


def hold_done(member: str, hold: Hold, result: Result, *, has_ended: bool) -> HoldDone:
    """A result as it is shown; a repeat of the request gets the same."""
    currency, sequence = result.currency, result.ledger_sequence
    return HoldDone(
        hold=hold_view(member, hold, currency, has_ended=has_ended),
        transfer=None if sequence < 0 else f"{result.shard}-{sequence}",
        posted=money(result.posted_micros, currency),
        posted_micros=result.posted_micros,
        available=money(result.available_micros, currency),
        available_micros=result.available_micros,
        posted_at=text_from_ms(result.posted_at_ms),
    )
