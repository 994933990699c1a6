"""What calendar periods cost besides the uses in them: volumes that count over them, less caps.

Invariant: shares nothing with ``rating``; what a use brings into a period is cut from the whole
use, and a period is priced from all that was brought in. It does not own a price of a use itself.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

from cli.sim.audit.calendars import period_begins_ms, periods
from cli.sim.audit.clocked import charged_interval, rate_at
from cli.sim.audit.covered import outside
from cli.sim.audit.prices import (
    Line,
    cap_lines,
    component_of,
    is_rated,
    kind_of,
    kinds_of,
    lines_of,
    rated_volume_pieces,
    rounded,
    volume_pieces,
)
from cli.sim.audit.terms import PPM, Tariff, Version, Words, micros
from cli.sim.audit.used import EVER_MS, Use

# By rate by the clock, of which caps and most volumes have none.
Brought = Mapping[str, int]


class Rule(NamedTuple):
    """Something that counts over calendar periods.

    Args:
        kind: ``cap`` or ``volume``.
        meter: Of a volume.
        period: ``day``, ``week`` or ``month``.
    """

    kind: str
    meter: str
    period: str


class Period(NamedTuple):
    """A rule in one calendar period."""

    rule: Rule
    name: str


class PeriodPrice(NamedTuple):
    """What a period comes to.

    Args:
        lines: It is the sum of; a cap's is less than nothing.
        providers: Each provider's part.
    """

    lines: tuple[Line, ...]
    providers: dict[str, int]

    @property
    def total(self) -> int:
        """All of it."""
        return sum(line.amount for line in self.lines)


def rules_of(tariff: Tariff) -> list[Rule]:
    """All that counts over periods."""
    rules = [Rule("cap", "", str(cap["per"])) for cap in tariff.caps(of_session=False)]
    for version in tariff.versions:
        for words in version.components:
            rule = Rule("volume", str(words.get("meter")), str(words.get("period", "session")))
            if words["kind"] == "volume" and rule.period != "session" and rule not in rules:
                rules.append(rule)
    return rules


def brought_by(tariff: Tariff, use: Use) -> dict[Period, Brought]:
    """What a use brings into each period: micro-units to a cap, units to a volume."""
    # What an input limit cut off may have been counted behind the end of the use.
    told_ms = (fact.event_at_ms for fact in use.facts)
    last_ms = max(use.end_ms, charged_interval(tariff, use)[1] - 1, *told_ms)
    found: dict[Period, Brought] = {}
    for rule in rules_of(tariff):
        touched = periods(rule.period, use.first_ms, last_ms, tariff.zone)
        edges = [-EVER_MS, *[*touched.values()][1:], EVER_MS]
        for name, (from_ms, until_ms) in zip(touched, pairwise(edges), strict=True):
            brought: Brought = {}
            if rule.kind == "cap":
                before, after = (_capped(tariff, rule, use, at) for at in (from_ms, until_ms))
            else:
                paid = outside(use) if use.passes and "volume" in tariff.covers else use
                before, after = paid.total(rule.meter, from_ms), paid.total(rule.meter, until_ms)
                if is_rated(tariff, rule):
                    brought = _by_rate(tariff, rule, paid, from_ms, until_ms)
            if after != before:
                found[Period(rule, name)] = brought or {"": after - before}
    return found


def _by_rate(tariff: Tariff, rule: Rule, use: Use, from_ms: int, until_ms: int) -> Brought:
    """Units by the rate that the version in force at their own moment names."""
    found: Counter[str] = Counter()
    for at_ms, units in use.grown(rule.meter, from_ms, until_ms):
        words = _volume_words(tariff.version_at(at_ms), rule)
        place = rate_at(tariff, words, at_ms)
        found[words["rates"][place - 1]["name"] if place else ""] += units
    return dict(found)


def _volume_words(version: Version, rule: Rule) -> Words:
    nothing: Words = {}
    return next((each for each in version.components if component_of(each) == rule), nothing)


def price_of_period(
    tariff: Tariff, period: Period, brought: Mapping[str, Mapping[str, int]]
) -> PeriodPrice:
    """What a period costs.

    Args:
        tariff: Its terms when the first use was brought in.
        period: It.
        brought: By provider, then by rate.
    """
    begins_ms = period_begins_ms(period.rule.period, period.name, tariff.zone)
    version = tariff.version_at(begins_ms)
    words = _volume_words(version, period.rule)
    names = ["", *(rate["name"] for rate in words.get("rates", ()))]
    units: list[Counter[str]] = [Counter() for _ in names]
    for provider, by_rate in brought.items():
        for name, amount in by_rate.items():
            units[names.index(name) if name in names else 0][provider] += amount
    wholes = {place: each.total() for place, each in enumerate(units) if each.total()}
    lines: list[Line] = []
    costs: Counter[int] = Counter()
    for place, line in _period_lines(tariff, period, version, wholes):
        lines.append(line)
        costs[place] += line.amount
    owed = dict.fromkeys(brought, 0)
    for place, cost in costs.items():
        for provider, part in shared(cost, units[place]).items():
            owed[provider] += part
    parts = {provider: _toward_zero(part * version.provider_ppm) for provider, part in owed.items()}
    return PeriodPrice(tuple(line for line in lines if line.quantity or line.amount), parts)


def shared(amount: int, brought: Mapping[str, int]) -> dict[str, int]:
    """An amount in proportion to what each brought in, so that the parts sum to it."""
    sign, whole, so_far, before = (-1 if amount < 0 else 1), sum(brought.values()), 0, 0
    parts: dict[str, int] = {}
    for name in sorted(brought):
        so_far += brought[name]
        after = abs(amount) * so_far // whole if whole else 0
        parts[name] = sign * (after - before)
        before = after
    return parts


def _capped(tariff: Tariff, rule: Rule, use: Use, until_ms: int) -> int:
    """What a use's lines of the capped kinds come to, of what was used before a moment."""
    cap = _cap(tariff, rule)
    lines = [*lines_of(tariff, use, until_ms)]
    total = sum(line.amount for line in lines if kind_of(line) in kinds_of(cap))
    for own in tariff.caps(of_session=True):
        if kinds_of(own) <= kinds_of(cap):
            total += sum(line.amount for line in cap_lines(own, lines))
    return total


def _cap(tariff: Tariff, rule: Rule) -> Words:
    (cap,) = (each for each in tariff.caps(of_session=False) if each["per"] == rule.period)
    return cap


def _cap_line(tariff: Tariff, period: Period, version: Version, whole: int) -> Line:
    less = max(0, whole - micros(_cap(tariff, period.rule)["amount"]))
    return Line("cap", period.name, "", version.from_ms, 0, -less)


def _period_lines(
    tariff: Tariff, period: Period, version: Version, wholes: Mapping[int, int]
) -> Iterator[tuple[int, Line]]:
    """Lines of a period, each with the place of its rate."""
    whole = sum(wholes.values())
    if period.rule.kind == "cap":
        yield 0, _cap_line(tariff, period, version, whole)
        return
    alone = tariff._replace(versions=(version,))
    words = _volume_words(version, period.rule)
    if not words:
        return
    if words.get("rates"):
        pieces = [*rated_volume_pieces(alone, period.rule, {version.from_ms: wholes})]
    else:
        totals = {version.from_ms: whole}
        pieces = [(0, each) for each in volume_pieces(alone, component_of(words), totals)]
    lines = rounded(tariff, [piece for _, piece in pieces])
    yield from zip([place for place, _ in pieces], lines, strict=True)


def _toward_zero(millionths: int) -> int:
    return -(-millionths // PPM) if millionths < 0 else millionths // PPM
