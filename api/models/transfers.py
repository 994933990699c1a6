"""Money from one member to another: what is asked, and a transfer as it is shown."""

from pydantic import BaseModel, ConfigDict, Field

from api.models.money import AMOUNT_CHARS_MAX, CURRENCY, Money, money
from schemas.commands import Result, SendMoney
from schemas.ids import ID_CHARS_MAX
from schemas.legs import MEMO_CHARS_MAX
from schemas.moment import text_from_ms


class TransferBody(BaseModel):
    """Money to be sent."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {
                    "from": "ann",
                    "to": "bob",
                    "amount": "250",
                    "currency": "KRW",
                    "memo": "for lunch",
                }
            ]
        },
    )

    sender: str = Field(
        min_length=1, max_length=ID_CHARS_MAX, alias="from", description="Who sends."
    )
    receiver: str = Field(
        min_length=1, max_length=ID_CHARS_MAX, alias="to", description="Who receives."
    )
    amount: str = Field(
        max_length=AMOUNT_CHARS_MAX,
        description="Major units as text, at most six decimals, more than 0.",
    )
    currency: str = Field(pattern=CURRENCY, description="ISO 4217 code; both wallets'.")
    memo: str = Field("", max_length=MEMO_CHARS_MAX, description="For both to read.")


class SentView(BaseModel):
    """A transfer that the receiver has."""

    id: str = Field(examples=["7-1234"], description="Of the sender's part of it.")
    received_as: str = Field(examples=["3-99"], description="Id of the receiver's part.")
    sender: str = Field(serialization_alias="from")
    receiver: str = Field(serialization_alias="to")
    amount: Money
    amount_micros: int
    memo: str | None
    posted: Money = Field(description="The sender's posted balance after it.")
    posted_micros: int
    available: Money = Field(description="What the sender could spend after it.")
    available_micros: int
    sent_at: str
    received_at: str


def sent_view(sender: str, body: SendMoney, sent: Result, arrived: Result) -> SentView:
    """A transfer that has arrived; a repeat of the request gets the same."""
    currency = sent.currency
    return SentView(
        id=f"{sent.shard}-{sent.ledger_sequence}",
        received_as=f"{arrived.shard}-{arrived.ledger_sequence}",
        sender=sender,
        receiver=body.receiver,
        amount=money(body.amount_micros, currency),
        amount_micros=body.amount_micros,
        memo=body.memo or None,
        posted=money(sent.posted_micros, currency),
        posted_micros=sent.posted_micros,
        available=money(sent.available_micros, currency),
        available_micros=sent.available_micros,
        sent_at=text_from_ms(sent.posted_at_ms),
        received_at=text_from_ms(arrived.posted_at_ms),
    )
