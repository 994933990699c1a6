"""Batches of prepaid cards: what an operator says of their cards, and what they came to."""

from pydantic import BaseModel, ConfigDict, Field

from api.batches import BatchFigures
from api.models.lots import OnlyView, only_view
from api.models.money import Money, money
from schemas.cards import BATCH_CARDS_MAX
from schemas.moment import DAY_MS, text_from_ms


class SerialsBody(BaseModel):
    """Cards of a batch, by serial number."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"first": 1, "last": 100}]}
    )

    first: int = Field(ge=1, le=BATCH_CARDS_MAX, description="Serial number of the first.")
    last: int = Field(ge=1, le=BATCH_CARDS_MAX, description="Of the last.")


class OrderedView(BaseModel):
    """An order that every shard did."""

    batch: str
    cards: int = Field(description="How many it changed; the others were so before.")


class BatchView(BaseModel):
    """A batch as the shards have it now."""

    batch: str
    amount: Money = Field(description="Of each card.")
    amount_micros: int
    expires_at: str | None = Field(description="From then on nobody redeems its cards.")
    valid_days: int | None = Field(description="How long the money lasts once it is redeemed.")
    only: OnlyView | None = Field(description="What the money may be spent on; null: on anything.")
    made: int
    activated: int = Field(description="Cards that were put on sale.")
    redeemed: int
    blocked: int = Field(description="Cards that are blocked, redeemed ones with them.")
    expired: int = Field(description="Cards on sale that expired before anybody redeemed them.")
    written_off: int = Field(description="Of these, those that are owed for no more.")
    activated_micros: int
    redeemed_micros: int
    written_off_micros: int
    owed: Money = Field(description="For cards on sale: this batch's part of account `cards`.")
    owed_micros: int


class BatchList(BaseModel):
    """All batches of a tenant, by name."""

    batches: list[str]


def batch_view(name: str, figures: BatchFigures, *, now_ms: int) -> BatchView:
    """A batch as it is shown.

    Args:
        name: Its name.
        figures: What it came to.
        now_ms: Wall clock, by which it has expired or not.
    """
    terms = figures.terms
    left = figures.activated - figures.redeemed
    is_over = 0 < terms.expires_ms <= now_ms
    return BatchView(
        batch=name,
        amount=money(terms.amount_micros, terms.currency),
        amount_micros=terms.amount_micros,
        expires_at=text_from_ms(terms.expires_ms) if terms.expires_ms else None,
        valid_days=terms.valid_ms // DAY_MS if terms.valid_ms else None,
        only=None if terms.only is None else only_view(terms.only),
        made=figures.made,
        activated=figures.activated,
        redeemed=figures.redeemed,
        blocked=figures.blocked,
        expired=left if is_over else 0,
        written_off=figures.written_off,
        activated_micros=figures.activated * terms.amount_micros,
        redeemed_micros=figures.redeemed * terms.amount_micros,
        written_off_micros=figures.written_off * terms.amount_micros,
        owed=money(figures.owed_micros, terms.currency),
        owed_micros=figures.owed_micros,
    )
