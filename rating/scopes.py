"""Prices that count over a calendar period: what a use brings into one, and what all of it costs.

Invariant: what a session brings into all periods sums to what it has in all, however it grew; what
a period costs is a pure function of all that was brought in. What was brought in before, and whose
periods they are, is the shard's to know. Source: docs/tariffs.md, Periods.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from rating.components import VolumeTerms, rate_at, week_of
from rating.counted_price import rated_volume_lines
from rating.coverage import is_inside
from rating.periods import Calendar, Span
from rating.price import Part, Usage, price
from rating.rounding import ROUNDINGS
from rating.tariff import Rule, TariffTerms, rule_name
from schemas.errors import BrokenInvariant
from schemas.ids import SEPARATOR, joined
from schemas.ledger import ChargeLine
from schemas.money import checked

# By rule, and where its units have rates by the clock by rate; then by the period's beginning.
BroughtIn = dict[str, dict[int, int]]


def calendar_of(rule: Rule) -> Calendar:
    """The rule's periods.

    Raises:
        BrokenInvariant: Its tariff is not bound to a zone.
    """
    if rule.calendar is None:
        raise BrokenInvariant("a tariff with periods is priced in a zone; bind it to one")
    return rule.calendar


def longer_cap(tariff: TariffTerms, rule: Rule) -> Rule | None:
    """The cap over the next longer period, which counts what this cap leaves."""
    if rule.cap is None:
        return None
    rules = [each for each in tariff.rules if each.cap is not None]
    place = [each.name for each in rules].index(rule.name)
    return rules[place + 1] if place + 1 < len(rules) else None


def reach_ms(tariff: TariffTerms, last_ms: int) -> int:
    """The last moment that use up to another may be charged for: increments and supplements."""
    return last_ms + tariff.reach_ms + tariff.interval_ms


def at_rate(name: str, rate: str) -> str:
    """What a rule, or a provider, has at a rate by the clock; the name itself for the base."""
    return joined(name, rate) if rate else name


def of_rule(brought: Mapping[str, Mapping[int, int]], rule: Rule) -> dict[str, Mapping[int, int]]:
    """What was brought in by one rule: by rate, then by the period's beginning."""
    found: dict[str, Mapping[int, int]] = {}
    for name in sorted(brought):
        of, _, rate = name.partition(SEPARATOR)
        if of == rule.name:
            found[rate] = brought[name]
    return found


def brought_in(
    tariff: TariffTerms,
    usage: Usage,
    lines: Sequence[ChargeLine],
    known: Mapping[str, Mapping[int, int]],
    since_ms: int,
) -> BroughtIn:
    """What a use has brought into each period, by rule and the period's beginning.

    Args:
        tariff: Compiled, on the calendar of a zone.
        usage: All of it.
        lines: Its price.
        known: The same before something changed.
        since_ms: Nothing that was used before this moment has changed.

    Raises:
        BrokenInvariant: It spans more than ``rating.periods.PERIODS_MAX`` changed periods.
    """
    rules = {rule.name for rule in tariff.rules}
    # What was brought in by an announcement that was withdrawn since stays where it is.
    found = {
        name: dict(amounts)
        for name, amounts in known.items()
        if name.partition(SEPARATOR)[0] not in rules
    }
    for rule in tariff.rules:
        if rule.cap is None:
            found |= _units(tariff, rule, usage)
            continue
        amounts = _amounts(tariff, rule, usage, lines, known.get(rule.name, {}), since_ms)
        if amounts:
            found[rule.name] = amounts
    return found


class PeriodPrice(NamedTuple):
    """What a period costs beside the sessions in it.

    Args:
        lines: It is the sum of.
        amounts: The same by provider.
        ppm: The provider's part, in parts per million.
    """

    lines: tuple[ChargeLine, ...]
    amounts: Mapping[str, int]
    ppm: int


def period_price(
    tariff: TariffTerms, name: str, period: Span, brought: Mapping[str, int]
) -> PeriodPrice:
    """What a period costs.

    Args:
        tariff: Of the catalogue that the period was begun under.
        name: Of its rule.
        period: Which.
        brought: By provider, of units with rates by provider and rate (``at_rate``). An amount may
            be below nothing: a day's cap took back what an earlier catalogue, in which the longer
            period had no cap, had not brought into that.

    Raises:
        BrokenInvariant: An amount is beyond the largest.
    """
    version = tariff.version_at(period.start_ms)
    rule = next((each for each in tariff.rules if each.name == name), None)
    terms = None if rule is None or rule.cap is not None else rule.track[version]
    names = terms.rates if isinstance(terms, VolumeTerms) else ()
    by_rate: list[dict[str, int]] = [{} for _ in names or ("",)]
    for key, amount in brought.items():
        provider, _, rate_name = key.partition(SEPARATOR)
        # A rate that only another catalogue or version knows costs the base price.
        known = by_rate[names.index(rate_name) if rate_name in names else 0]
        if amount > 0:
            known[provider] = known.get(provider, 0) + amount
    totals = [checked(sum(known.values())) for known in by_rate]
    lines = () if rule is None else period_lines(tariff, rule, period, totals)
    amounts = dict.fromkeys(sorted({name for known in by_rate for name in known}), 0)
    for rate, known in enumerate(by_rate):
        cost = sum(line.amount_micros for of, line in lines if of == rate)
        for provider, part in shared(cost, known).items():
            amounts[provider] += part
    ppm = tariff.versions[version].provider_ppm
    return PeriodPrice(tuple(line for _, line in lines), amounts, ppm)


def period_lines(
    tariff: TariffTerms, rule: Rule, period: Span, totals: Sequence[int]
) -> tuple[tuple[int, ChargeLine], ...]:
    """Lines of a period, each with the number of the rate that it is of.

    Args:
        tariff: Of the catalogue that the period was begun under.
        rule: Of the period.
        period: Which.
        totals: All that was brought in, by rate; of a cap one.

    Raises:
        BrokenInvariant: An amount is beyond the largest.
    """
    total = checked(sum(totals))
    if total <= 0:
        return ()
    version = tariff.version_at(period.start_ms)
    from_ms = tariff.versions[version].from_ms
    if rule.cap is not None:
        over = total - rule.cap.amount_micros
        line = ChargeLine("cap", period.name, 0, -over, "", from_ms, rule.cap.text)
        return ((0, line),) if over > 0 else ()
    terms = rule.track[version]
    if not isinstance(terms, VolumeTerms):
        return ()
    rounding = ROUNDINGS[tariff.rounding]
    return tuple(rated_volume_lines((terms,), (from_ms,), (totals,), terms.meter, rounding))


def shared(total: int, brought: Mapping[str, int]) -> dict[str, int]:
    """A total in proportion to what each brought in, exactly, by name in order.

    Args:
        total: To be shared, of either sign.
        brought: At least 0 each.
    """
    whole, size, sign = sum(brought.values()), abs(total), -1 if total < 0 else 1
    parts: dict[str, int] = {}
    reached = told = 0
    for name in sorted(brought):
        reached += brought[name]
        upto = size * reached // whole if whole else 0
        parts[name] = sign * (upto - told)
        told = upto
    return parts


def _units(tariff: TariffTerms, rule: Rule, usage: Usage) -> BroughtIn:
    """Units by rate and period, from when each was reported."""
    meter = rule.name.removeprefix(f"volume:{rule.kind}:")
    calendar = calendar_of(rule)
    track = _clocked(tariff, rule)
    told: BroughtIn = {}
    passes = usage.passes if "volume" in tariff.covers else ()
    for part in usage.parts or (Part(usage.start_ms, usage.meters, {}, {}),):
        grown = part.meters.get(meter, 0)
        if grown and not (passes and is_inside(passes, part.at_ms)):
            start = calendar.at(part.at_ms).start_ms
            terms = track[tariff.version_at(part.at_ms)] if track else None
            rate = terms.rates[rate_at(terms, part.at_ms)] if terms and terms.rates else ""
            amounts = told.setdefault(at_rate(rule.name, rate), {})
            amounts[start] = amounts.get(start, 0) + grown
    return told


def _clocked(tariff: TariffTerms, rule: Rule) -> tuple[VolumeTerms | None, ...]:
    """The rule's volume by version on the clocks of a zone; empty where it has no rates."""
    for track in tariff.tracks if any(map(week_of, rule.track)) else ():
        parts = tuple(part if isinstance(part, VolumeTerms) else None for part in track)
        named = next((part for part in parts if part is not None), None)
        if named is not None and rule_name(named) == rule.name:
            return parts
    return ()


def _amounts(  # noqa: PLR0917 -- one rule's inputs, each of another type
    tariff: TariffTerms,
    rule: Rule,
    usage: Usage,
    lines: Sequence[ChargeLine],
    before: Mapping[int, int],
    since_ms: int,
) -> dict[int, int]:
    """Amounts by period: the growth of the running total from its beginning to its end."""
    total = _covered(rule, lines)
    if not total:
        return {}
    calendar = calendar_of(rule)
    # A pass may cover what was used before this change.
    low = usage.start_ms if usage.passes else max(usage.start_ms, since_ms)
    # What is counted behind the end that an input limit set belongs to when it was.
    moments = [*(line.to_ms - 1 for line in lines), *(part.at_ms for part in usage.parts)]
    high = max(low, usage.start_ms + usage.duration_ms, *moments)
    span = calendar.at(low)
    starts = [span.start_ms]
    if high >= span.end_ms:
        starts = [period.start_ms for period in calendar.touched(low, high)]
    found = {start: amount for start, amount in before.items() if start < starts[0]}
    reached = sum(found.values())
    for start, following in pairwise(starts):
        until = _covered(rule, price(tariff, usage, until_ms=following))
        found[start] = until - reached
        reached = until
    found[starts[-1]] = total - reached
    return {start: amount for start, amount in found.items() if amount}


def _covered(rule: Rule, lines: Sequence[ChargeLine]) -> int:
    """What a price comes to of the kinds that a period's cap covers, session's cap included."""
    covers = frozenset[str]() if rule.cap is None else rule.cap.covers
    return sum(line.amount_micros for line in lines if line.kind in covers or line.kind == "cap")
