"""Answers about usage statistics."""

from pydantic import BaseModel, Field

from api.models.money import Money, money
from warehouse.statistics import Dimension, UsageFigures


class KindView(BaseModel):
    """What one kind of charge came to."""

    kind: str = Field(examples=["time"])
    charged: Money
    charged_micros: int


class UsageView(BaseModel):
    """Use and money of one group."""

    group: dict[str, str] = Field(
        examples=[{"content": "news", "day": "2026-11-24"}],
        description="A value for each dimension asked; periods in UTC: the hour by its start, "
        "days as 2026-11-24, months as 2026-11.",
    )
    events: int = Field(description="Events applied; 0 by kind, which an event has not.")
    duplicates: int = Field(description="Repeats received and ignored.")
    duration_ms: int = Field(description="Length of sessions that they added.")
    meters: dict[str, int] = Field(
        description="What they added to each meter; by kind: the quantities that were priced."
    )
    charged: Money = Field(description="Of all kinds, in the tenant's currency.")
    charged_micros: int
    charges: list[KindView] = Field(description="By kind, in each currency.")


class UsagePage(BaseModel):
    """Statistics of a period, in the order of their groups."""

    rows: list[UsageView]
    as_known_up_to: str | None = Field(description="All that was posted until then is counted.")
    next_cursor: str | None


def usage_view(by: tuple[Dimension, ...], figures: UsageFigures, currency: str) -> UsageView:
    """A group as it is shown.

    Args:
        by: Dimensions, in the order of the group's keys.
        figures: Of the group.
        currency: The tenant's.
    """
    total = figures.total_micros(currency)
    return UsageView(
        group=dict(zip(by, figures.keys, strict=True)),
        events=figures.usages,
        duplicates=figures.duplicates,
        duration_ms=figures.duration_ms,
        meters=dict(sorted(figures.meters.items())),
        charged=money(total, currency),
        charged_micros=total,
        charges=[
            KindView(kind=kind, charged=money(amount, held), charged_micros=amount)
            for (held, kind), amount in sorted(figures.charged_micros.items())
        ],
    )
