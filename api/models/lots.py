"""Lots of money: as a wallet shows them, as a body asks for one, and where one came from."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.limits import REFERENCE_CHARS_MAX
from api.models.ledger import TransferView, transfer_view
from api.models.money import AMOUNT_CHARS_MAX, CURRENCY, Money, money
from api.ports import MemberTransfer
from api.words.telling import Telling
from schemas import buckets
from schemas.commands import GiveCredit, Result
from schemas.ids import ID_CHARS_MAX
from schemas.moment import text_from_ms
from wallet.lots import Lot
from warehouse.answers import LotSums

Name = Annotated[str, Field(min_length=1, max_length=ID_CHARS_MAX)]
_NAMES = Field(default_factory=list[str], max_length=buckets.NAMES_MAX)


class OnlyView(BaseModel):
    """What a lot may be spent on; an empty list says nothing."""

    contents: list[str]
    providers: list[str]
    kinds: list[str] = Field(description="Kinds of charge lines, such as `time` or `volume`.")


class LotView(BaseModel):
    """Money that came in at once; lots stand in the order in which they are spent."""

    lot: int = Field(examples=[1], description="Its number among the wallet's, as on entries.")
    bucket: str = Field(examples=["promotion"])
    amount: Money = Field(description="What is left of it.")
    amount_micros: int
    priority: int = Field(description="Lots with a lower one are spent first.")
    expires_at: str | None = Field(description="Use from then on cannot spend it.")
    only: OnlyView | None = Field(description="What it may be spent on; null: on anything.")


class OnlyBody(BaseModel):
    """What a credit may be spent on; what is left out says nothing."""

    model_config = ConfigDict(extra="forbid", strict=True)

    contents: list[Name] = _NAMES
    providers: list[Name] = _NAMES
    kinds: list[Name] = _NAMES


class CreditBody(BaseModel):
    """Money with conditions into a wallet."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {
                    "bucket": "promotion",
                    "amount": "500",
                    "currency": "KRW",
                    "expires_at": "2027-01-01T00:00:00Z",
                    "only": {"contents": ["channel"]},
                    "reference": "new-year",
                }
            ]
        },
    )

    bucket: str = Field(max_length=16, description="`promotion`, `points` or `card`.")
    amount: str = Field(
        max_length=AMOUNT_CHARS_MAX,
        description="Major units as text, at most six decimals, more than 0.",
    )
    currency: str = Field(pattern=CURRENCY, description="ISO 4217 code; the wallet's.")
    priority: int | None = Field(
        None, ge=0, le=buckets.PRIORITY_MAX,
        description="Lots with a lower one are spent first; left out: promotion 10, points 20, "
        "card 30 (cash has 40).",
    )  # fmt: skip
    expires_at: str | None = Field(
        None, max_length=40, description="RFC 3339. Use from then on cannot spend it."
    )
    only: OnlyBody | None = Field(None, description="What it may be spent on; else on anything.")
    reference: str = Field(
        "", max_length=REFERENCE_CHARS_MAX, description="Why it is given, or which card it was."
    )


class CreditView(BaseModel):
    """A credit that was posted."""

    id: str = Field(examples=["7-1234"], description="Of its transfer.")
    member: str
    bucket: str
    lot: int | None = Field(description="Its lot; null where all of it paid debt.")
    amount: Money
    amount_micros: int
    posted: Money = Field(description="The wallet's posted balance after it.")
    posted_micros: int
    available: Money = Field(description="What could be spent after it on anything.")
    available_micros: int
    posted_at: str


class CauseSum(BaseModel):
    """What one cause moved of a lot."""

    cause: str = Field(examples=["charge"])
    amount: Money
    amount_micros: int


class LotHistory(BaseModel):
    """A lot from its beginning to now."""

    lot: int
    bucket: str
    left: Money
    left_micros: int
    came_by: TransferView = Field(description="The transfer that brought it.")
    moved: list[CauseSum] = Field(description="By cause, as far as the warehouse knows.")
    held: LotView | None = Field(description="As the wallet holds it; null where it is gone.")


def lot_view(lot: Lot, currency: str) -> LotView:
    """A lot as a wallet shows it."""
    only = lot.only
    return LotView(
        lot=lot.id,
        bucket=lot.bucket,
        amount=money(lot.amount_micros, currency),
        amount_micros=lot.amount_micros,
        priority=lot.priority,
        expires_at=text_from_ms(lot.expires_ms) if lot.expires_ms else None,
        only=None if only is None else only_view(only),
    )


def only_view(only: buckets.Only) -> OnlyView:
    """A restriction as it is shown."""
    return OnlyView(
        contents=list(only.contents), providers=list(only.providers), kinds=list(only.kinds)
    )


def credit_view(member: str, body: GiveCredit, result: Result) -> CreditView:
    """A posted result as it is shown; a repeat of the request gets the same."""
    currency = result.currency
    return CreditView(
        id=f"{result.shard}-{result.ledger_sequence}",
        member=member,
        bucket=body.bucket,
        lot=result.lot or None,
        amount=money(body.amount_micros, currency),
        amount_micros=body.amount_micros,
        posted=money(result.posted_micros, currency),
        posted_micros=result.posted_micros,
        available=money(result.available_micros, currency),
        available_micros=result.available_micros,
        posted_at=text_from_ms(result.posted_at_ms),
    )


def lot_history(
    number: int, known: LotSums, came_by: MemberTransfer, held: Lot | None, telling: Telling
) -> LotHistory:
    """A lot as its history is shown."""
    currency = came_by.entries[0].currency
    left = 0 if held is None else held.amount_micros
    return LotHistory(
        lot=number,
        bucket=known.bucket,
        left=money(left, currency),
        left_micros=left,
        came_by=transfer_view(came_by, telling),
        moved=[
            CauseSum(cause=cause, amount=money(amount, currency), amount_micros=amount)
            for cause, amount in known.sums
        ],
        held=None if held is None else lot_view(held, currency),
    )
