"""The body and the answer of a top-up."""

from pydantic import BaseModel, ConfigDict, Field

from api.limits import REFERENCE_CHARS_MAX
from api.models.money import AMOUNT_CHARS_MAX, CURRENCY, Money, money
from schemas.commands import Result, TopUp
from schemas.moment import text_from_ms


class TopUpBody(BaseModel):
    """Money from outside into a wallet."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [{"amount": "1000", "currency": "KRW", "reference": "card-7731"}]
        },
    )

    amount: str = Field(
        max_length=AMOUNT_CHARS_MAX,
        description="Major units as text, at most six decimals, more than 0.",
    )
    currency: str = Field(pattern=CURRENCY, description="ISO 4217 code; the wallet's.")
    reference: str = Field(
        "",
        max_length=REFERENCE_CHARS_MAX,
        description="The payment's reference at whoever took the money.",
    )


class TopUpView(BaseModel):
    """A top-up that was posted."""

    id: str = Field(examples=["7-1234"], description="Of its transfer.")
    member: str
    amount: Money
    amount_micros: int
    lot: int | None = Field(description="Its lot; null where all of it paid debt.")
    reference: str | None
    posted: Money = Field(description="The wallet's posted balance after it.")
    posted_micros: int
    available: Money = Field(description="What could be spent after it.")
    available_micros: int
    posted_at: str


def top_up_view(member: str, body: TopUp, result: Result) -> TopUpView:
    """A posted result as it is shown; a repeat of the request gets the same."""
    currency = result.currency
    return TopUpView(
        id=f"{result.shard}-{result.ledger_sequence}",
        member=member,
        amount=money(body.amount_micros, currency),
        amount_micros=body.amount_micros,
        lot=result.lot or None,
        reference=body.reference or None,
        posted=money(result.posted_micros, currency),
        posted_micros=result.posted_micros,
        available=money(result.available_micros, currency),
        available_micros=result.available_micros,
        posted_at=text_from_ms(result.posted_at_ms),
    )
