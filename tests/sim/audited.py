"""Uses and tariffs for the auditor's own functions, in few words.

Owns: how a case is written down. Invariant: what a case leaves out is the document's default.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from cli.sim.audit.calendars import moment_ms, zone_of
from cli.sim.audit.periods import Period, PeriodPrice, brought_by, price_of_period
from cli.sim.audit.prices import Line, price_of
from cli.sim.audit.terms import MICROS, Tariff, versions_of
from cli.sim.audit.used import Use
from schemas.usage import EventType, UsageEvent

SEOUL = "Asia/Seoul"
# A Tuesday, 09:00 in Seoul.
T0 = "2026-11-24T09:00:00+09:00"


def tariff_of(
    *components: Mapping[str, Any], zone: str = SEOUL, provider: str = "kbs", **words: object
) -> Tariff:
    """A tariff by its components and whatever else it says."""
    said = {"id": "t", "silence": {}, "components": components, **words}
    return Tariff("c", provider, said, zone_of(zone), (), versions_of(said), {})


def event(
    at_ms: int,
    kind: EventType = EventType.HEARTBEAT,
    *,
    meters: dict[str, int] | None = None,
    boot: str | None = None,
) -> UsageEvent:
    """An event of a member's only session."""
    return UsageEvent(
        "tv", "vod", f"e{at_ms}", kind, "m", at_ms, at_ms, recorded=False, digest=b"",
        meters=meters, boot=boot,
    )  # fmt: skip


def used(seconds: float, since: str = T0, facts: Sequence[UsageEvent] = ()) -> Use:
    """A session of so many seconds."""
    first_ms = moment_ms(since)
    return Use(first_ms, first_ms + round(seconds * 1_000), facts, is_session=True)


def growing(*steps: tuple[float, int], since: str = T0, boot: str | None = None) -> Use:
    """A session whose meter ``bytes`` had reached so much after so many seconds."""
    first_ms = moment_ms(since)
    facts = [
        event(first_ms + round(seconds * 1_000), meters={"bytes": total}, boot=boot)
        for seconds, total in steps
    ]
    return Use(first_ms, max(each.event_at_ms for each in facts), facts, is_session=True)


def total(tariff: Tariff, use: Use) -> float:
    """What it costs, in major units."""
    return price_of(tariff, use).total / MICROS


def lines(tariff: Tariff, use: Use) -> list[tuple[str, int, float]]:
    """Kind and rate, quantity, and amount in major units of each line."""
    return [_line(each) for each in price_of(tariff, use).lines]


def _line(line: Line) -> tuple[str, int, float]:
    return f"{line.kind} {line.rate}".strip(), line.quantity, line.amount / MICROS


def brought(*uses: tuple[Tariff, Use]) -> dict[str, PeriodPrice]:
    """What the periods of the only rule of some uses' tariffs come to, by name."""
    found: dict[Period, dict[str, Counter[str]]] = {}
    for tariff, use in uses:
        for period, by_rate in brought_by(tariff, use).items():
            into = found.setdefault(period, {})
            into.setdefault(tariff.provider, Counter()).update(by_rate)
    terms = uses[0][0]
    return {period.name: price_of_period(terms, period, each) for period, each in found.items()}
