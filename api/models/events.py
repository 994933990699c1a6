"""The answer about the way of one event."""

from typing import Literal

from pydantic import BaseModel, Field

from api.models.ledger import TransferView
from api.models.sessions import SessionView

Status = Literal["accepted", "refused", "late"]


class RefusalView(BaseModel):
    """Why an event, or another one under its name, was not applied."""

    reason: str = Field(examples=["id-reused"])
    detail: str
    place: str = Field(description="Where it was refused.")
    refused_at: str


class AppliedView(BaseModel):
    """What an event added."""

    id: str = Field(examples=["7-1234"], description="Shard and applied sequence.")
    type: str | None = Field(description="Null until the warehouse has it, as below.")
    event_at: str | None
    received_at: str | None
    content: str | None
    duration_ms: int | None = Field(description="What it added to the session's length.")
    meters: dict[str, int] | None = Field(description="What it added to each meter.")
    flags: list[str] | None


class KnownUpTo(BaseModel):
    """Up to when the two sides are known; an event received later may be missing."""

    live: str | None = Field(description="Received until then is applied in the member's shard.")
    warehouse: str | None = Field(description="Posted until then is in the warehouse.")


class EventView(BaseModel):
    """The way of one event."""

    source: str
    id: str
    subject: str
    status: Status = Field(description="`late`: it came too late, and its verdict is to come.")
    applied: AppliedView | None
    duplicates: int = Field(description="Repeats received and ignored, as far as is known.")
    late: int = Field(description="How often it was put aside as too late, to be looked up.")
    refusals: list[RefusalView]
    session: SessionView | None
    transfer: TransferView | None = Field(description="The entries that its use moved.")
    transfer_id: str | None
    as_known_up_to: KnownUpTo
