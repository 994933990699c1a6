"""Money as people and JSON readers of any language hold it exactly."""

from pydantic import BaseModel, Field

from schemas.money import text_from_amount

AMOUNT_CHARS_MAX = 32
CURRENCY = r"^[A-Z]{3}$"


class Money(BaseModel):
    """An amount in major units of a currency."""

    amount: str = Field(examples=["12.345678"], description="Decimal text, major units.")
    currency: str = Field(examples=["KRW"], description="ISO 4217 code.")


def money(amount_micros: int, currency: str) -> Money:
    """The amount as an answer shows it."""
    return Money(amount=text_from_amount(amount_micros), currency=currency)
