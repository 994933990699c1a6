"""The question for a price and its answer."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.deps import SOUND
from api.models.ledger import ChargeView, charge_view
from api.models.money import Money
from schemas.control import RemainingUnits
from schemas.ids import ID_CHARS_MAX
from schemas.ledger import ChargeLine
from schemas.money import AMOUNT_MAX
from schemas.usage import METERS_MAX

QUOTED_S_MAX = 1_000_000_000
_Name = Annotated[str, Field(min_length=1, max_length=ID_CHARS_MAX), SOUND]
_Count = Annotated[int, Field(ge=0, le=AMOUNT_MAX)]
_Direction = Literal["forward", "backward", "jump"]
_TIME_CHARS_MAX = 40


class QuoteBody(BaseModel):
    """A use, planned or going on, in all from its start."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"content": "channel-1", "duration_s": 600}]},
    )

    content: _Name | None = Field(
        None, description="Whose time zone counts; the first of the tariff's when left out."
    )
    at: str | None = Field(
        None,
        max_length=_TIME_CHARS_MAX,
        description="Start, RFC 3339; now when left out.",
        examples=["2026-11-24T09:00:00Z"],
    )
    duration_s: int = Field(0, ge=0, le=QUOTED_S_MAX)
    meters: dict[_Name, _Count] = Field(default_factory=dict, max_length=METERS_MAX)
    items: dict[_Name, _Count] = Field(default_factory=dict, max_length=METERS_MAX)
    pages: dict[_Direction, _Count] = Field(default_factory=dict[_Direction, _Count])
    subject: _Name | None = Field(
        None, description="Tells what this member could spend; needs a key with wallet:read."
    )


class RemainingView(BaseModel):
    """How much more of one thing an amount buys, nothing else being used."""

    kind: str = Field(examples=["time"], description="time, volume or page.")
    meter: str = Field(examples=["s"], description="Seconds as s, a meter's name, a direction.")
    units: int


class QuoteView(BaseModel):
    """What the use costs, and what the tariff asks for each thing."""

    tariff: str
    content: str
    at: str
    lines: list[ChargeView] = Field(
        description="As they would be charged; passes as if the member had none yet."
    )
    total: Money
    sponsor: str | None = Field(description="Who pays instead of the member.")
    total_micros: int
    prices: dict[str, Any] = Field(
        description="The tariff as the catalogue has it: what each component asks for how much."
    )
    available: Money | None = Field(description="What the subject may spend now.")
    available_micros: int | None
    available_after: Money | None = Field(description="The same less the total.")
    available_after_micros: int | None
    remaining: list[RemainingView] | None = Field(
        description="What available_after still buys beyond this use; what it cannot run out by "
        "soon is left out."
    )


def remaining_views(found: Iterable[RemainingUnits]) -> list[RemainingView]:
    """Remaining units as an answer shows them."""
    return [RemainingView(kind=each.kind, meter=each.meter, units=each.units) for each in found]


def line_views(lines: tuple[ChargeLine, ...], currency: str) -> list[ChargeView]:
    """Charge lines as an answer shows them."""
    return [charge_view(line, currency) for line in lines]
