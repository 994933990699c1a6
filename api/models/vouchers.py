"""Redeeming a prepaid card: what is asked, and the money as it came."""

from pydantic import BaseModel, ConfigDict, Field

from api.models.lots import OnlyView, only_view
from api.models.money import Money, money
from schemas.cards import RedeemedCard, card_name
from schemas.commands import Result
from schemas.moment import text_from_ms
from schemas.pins import TYPED_CHARS_MAX

ADDRESS_CHARS_MAX = 64


class VoucherBody(BaseModel):
    """A card's PIN."""

    # A PIN stays out of whatever tells of a body that was wrong.
    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        hide_input_in_errors=True,
        json_schema_extra={
            "examples": [{"pin": "A1B2-C3D4-E5F6-G7HM", "client_address": "203.0.113.7"}]
        },
    )

    pin: str = Field(
        max_length=TYPED_CHARS_MAX,
        description="As it is printed or typed: case, spaces and dashes do not count.",
    )
    client_address: str = Field(
        "",
        max_length=ADDRESS_CHARS_MAX,
        description="IP address of whoever typed it, by which guessing is bounded; without it the "
        "caller's own.",
    )


class RedemptionView(BaseModel):
    """A card whose money the member has."""

    id: str = Field(examples=["7-1234"], description="Of its transfer.")
    member: str
    card: str = Field(examples=["spring/000042"], description="Batch and serial number.")
    lot: int | None = Field(description="Its lot; null where all of it paid debt.")
    amount: Money
    amount_micros: int
    expires_at: str | None = Field(description="Use from then on cannot spend it.")
    only: OnlyView | None = Field(description="What it may be spent on; null: on anything.")
    posted: Money = Field(description="The wallet's posted balance after it.")
    posted_micros: int
    available: Money = Field(description="What could be spent after it on anything.")
    available_micros: int
    redeemed_at: str


def redemption_view(member: str, came: Result, card: RedeemedCard) -> RedemptionView:
    """A redemption as it is shown; a repeat of the request gets the same."""
    currency = came.currency
    return RedemptionView(
        id=f"{came.shard}-{came.ledger_sequence}",
        member=member,
        card=card_name(card.batch, card.serial),
        lot=came.lot or None,
        amount=money(card.amount_micros, currency),
        amount_micros=card.amount_micros,
        expires_at=text_from_ms(card.expires_ms) if card.expires_ms else None,
        only=None if card.only is None else only_view(card.only),
        posted=money(came.posted_micros, currency),
        posted_micros=came.posted_micros,
        available=money(came.available_micros, currency),
        available_micros=came.available_micros,
        redeemed_at=text_from_ms(came.posted_at_ms),
    )
