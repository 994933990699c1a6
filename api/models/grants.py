"""Grants: what a content server asks, and what it may deliver."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.deps import SOUND
from api.models.money import Money, money
from schemas.commands import Result
from schemas.grants import (
    PERCENT,
    UNITS_MAX,
    WANTED_MAX,
    FinalUnit,
    Grant,
    OnFailure,
    UnitKind,
)
from schemas.ids import ID_CHARS_MAX
from schemas.moment import text_from_ms

METERS_MAX = 64
TOKEN_CHARS_MAX = 8_192

Name = Annotated[str, Field(min_length=1, max_length=ID_CHARS_MAX), SOUND]


class Want(BaseModel):
    """Units of one thing."""

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: UnitKind
    meter: Name = Field(
        description="`s` for time; else the meter, the item, or `forward`, `backward`, `jump`."
    )
    units: int = Field(ge=1, le=UNITS_MAX)


class GrantBody(BaseModel):
    """Where a session stands by its server, and what that wants to deliver next."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {
                    "source": "gateway",
                    "subject": "ann",
                    "content": "chat",
                    "meters": {"tokens": 1200},
                    "wanted": [{"kind": "volume", "meter": "tokens", "units": 2000}],
                }
            ]
        },
    )

    source: Name = Field(description="That serves the session.")
    subject: Name = Field(description="The member.")
    content: Name
    at: str | None = Field(
        None,
        max_length=64,
        description="When this was so, RFC 3339; now where it is left out. Say it, so that asking "
        "again says the same.",
    )
    meters: dict[Name, int] = Field(
        default_factory=dict[str, int],
        max_length=METERS_MAX,
        description="Running totals since the session's start, as in heartbeats.",
    )
    seq: int | None = Field(None, description="As in events.")
    boot: Name | None = Field(None, description="As in events.")
    active: bool | None = Field(None, description="As in events.")
    payee: Name | None = Field(None, description="As in events: the member who earns by it.")


class AskBody(GrantBody):
    """The same, and what is wanted."""

    wanted: list[Want] = Field(
        default_factory=list[Want],
        max_length=WANTED_MAX,
        description="More than was used so far; left out: what the tariff says. Time is granted "
        "with it wherever the tariff charges time.",
    )


class AuthorizeBody(AskBody):
    """The first question of a session."""

    consent: str | None = Field(
        None, max_length=TOKEN_CHARS_MAX, description="A signed member token, where one is needed."
    )
    mandate: Name | None = Field(None, description="Or the id of a mandate of the member.")


class TerminateBody(GrantBody):
    """The last that is said of a session."""

    reason: Literal["member", "client_error", "network", "server"] | None = None


class GrantedUnits(BaseModel):
    """Units that may be delivered."""

    kind: UnitKind
    meter: str
    units: int = Field(description="More than was used when it was asked; 0: none.")
    threshold: int = Field(description="Ask again when no more than this is left.")


class FinalUnits(BaseModel):
    """What to do after final units."""

    action: FinalUnit
    redirect_to: str | None


class GrantView(BaseModel):
    """What a content server may deliver."""

    session: str
    granted: list[GrantedUnits]
    valid_until: str | None = Field(description="Unless the session is heard of again before.")
    final: FinalUnits | None = Field(
        description="There is no money for more: what to do when these units are used."
    )
    on_failure: OnFailure = Field(description="What to do while nobody answers.")
    held: Money = Field(description="Set aside for it.")
    held_micros: int
    charged: Money = Field(description="What the session has cost so far.")
    charged_micros: int
    available: Money = Field(description="What the member could still spend on anything else.")
    available_micros: int


def grant_view(session: str, grant: Grant, result: Result) -> GrantView:
    """A grant as it is shown; a repeat of the request gets the same."""
    currency = result.currency
    final = FinalUnits.model_validate(
        {"action": grant.final_unit, "redirect_to": grant.redirect_to or None}
    )
    return GrantView.model_validate(
        {
            "session": session,
            "granted": [
                {
                    "kind": each.kind,
                    "meter": each.meter,
                    "units": each.units,
                    "threshold": each.units * grant.threshold_percent // PERCENT,
                }
                for each in grant.units
            ],
            "valid_until": text_from_ms(grant.expires_ms) if grant.units else None,
            "final": final if grant.is_final else None,
            "on_failure": grant.on_failure,
            "held": money(grant.held_micros, currency),
            "held_micros": grant.held_micros,
            "charged": money(grant.charged_micros, currency),
            "charged_micros": grant.charged_micros,
            "available": money(result.available_micros, currency),
            "available_micros": result.available_micros,
        }
    )
