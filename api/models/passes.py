"""The bodies and the answers of buying, listing and cancelling passes."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.models.money import Money, money
from schemas.ids import ID_CHARS_MAX
from schemas.moment import text_from_ms
from schemas.passes import BoughtPass

State = Literal["ahead", "running", "ended"]


class PassBody(BaseModel):
    """A pass to be bought."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"content": "news", "period": "month", "renews": True}]},
    )

    content: str = Field(
        min_length=1,
        max_length=ID_CHARS_MAX,
        description="Content whose tariff sells the pass; its time zone is that of the calendar, "
        "its provider gets the provider's part. The pass covers use of the whole tariff.",
    )
    period: Literal["day", "week", "month"] = Field(description="Which of the tariff's passes.")
    renews: bool | None = Field(
        None,
        description="Whether the next pass follows by itself; left out, as the tariff says.",
    )


class PassView(BaseModel):
    """A pass of a member."""

    id: str = Field(examples=["7-1234"], description="Of the transfer that paid it.")
    content: str
    tariff: str = Field(description="Use of it is covered.")
    period: str
    state: State = Field(description="`ahead`: paid, and begins when the one before ends.")
    starts_at: str = Field(description="First moment that it covers.")
    ends_at: str = Field(description="The moment after the last.")
    price: Money
    price_micros: int
    renews: bool = Field(description="Whether another one follows by itself.")
    renews_at: str | None = Field(
        description="When the next is bought: at its end; past that, the next try of those that "
        "are made each hour, for 72 hours, while money is missing."
    )


class PassDone(BaseModel):
    """What a request to buy or to cancel came to; a repeat of it gets the same."""

    member: str
    bought: PassView = Field(alias="pass", description="As it is after the request.")
    posted: Money = Field(description="The wallet's posted balance after it.")
    posted_micros: int
    available: Money = Field(description="What could be spent after it.")
    available_micros: int
    posted_at: str


class PassList(BaseModel):
    """A member's passes, the last to end first."""

    passes: list[PassView]


def pass_view(bought: BoughtPass, currency: str, now_ms: int) -> PassView:
    """A pass as it is shown.

    Args:
        bought: The pass.
        currency: Of the member's wallet.
        now_ms: By which it is ahead, running or ended.
    """
    state: State = "running" if now_ms < bought.to_ms else "ended"
    return PassView(
        id=bought.id,
        content=bought.content,
        tariff=bought.tariff,
        period=bought.period,
        state="ahead" if now_ms < bought.from_ms else state,
        starts_at=text_from_ms(bought.from_ms),
        ends_at=text_from_ms(bought.to_ms),
        price=money(bought.amount_micros, currency),
        price_micros=bought.amount_micros,
        renews=bought.renews,
        renews_at=text_from_ms(bought.renews_at_ms) if bought.renews else None,
    )
