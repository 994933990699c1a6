"""Prices that count over a calendar period: what a use brings into one, and what all of it costs.

Invariant: what a session brings into all periods sums to what it has in all, however it grew; what
a period costs is a pure function of all that was brought in. What was brought in before, and whose
periods they are, is the shard's to know. Source: docs/tariffs.md, Periods.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from rating.components import VolumeTerms
from rating.counted_price import Counted, volume_lines
from rating.coverage import is_inside
from rating.periods import Calendar, Span
from rating.price import Part, Usage, price
from rating.rounding import ROUNDINGS
from rating.tariff import Rule, TariffTerms
from schemas.errors import BrokenInvariant
from schemas.ledger import ChargeLine

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
    found = {name: dict(amounts) for name, amounts in known.items() if name not in rules}
    for rule in tariff.rules:
        before = known.get(rule.name, {})
        if rule.cap is None:
            amounts = _units(tariff, rule, usage)
        else:
            amounts = _amounts(tariff, rule, usage, lines, before, since_ms)
        if amounts:
            found[rule.name] = amounts
    return found


def period_lines(
    tariff: TariffTerms, rule_name: str, period: Span, total: int
) -> tuple[tuple[ChargeLine, ...], int]:
    """What a period costs beside the sessions in it.

    Args:
        tariff: Of the catalogue that the period was begun under.
        rule_name: Of its rule.
        period: Which.
        total: All that was brought in.

    Returns:
        Its lines, and the provider's part in parts per million.

    Raises:
        BrokenInvariant: An amount is beyond the largest.
    """
    version = tariff.version_at(period.start_ms)
    ppm = tariff.versions[version].provider_ppm
    lines: list[ChargeLine] = []
    rule = next((each for each in tariff.rules if each.name == rule_name), None)
    if rule is None or total <= 0:
        return (), ppm
    from_ms = tariff.versions[version].from_ms
    if rule.cap is not None:
        over = total - rule.cap.amount_micros
        if over > 0:
            lines.append(ChargeLine("cap", period.name, 0, -over, "", from_ms, rule.cap.text))
        return tuple(lines), ppm
    terms = rule.track[version]
    if isinstance(terms, VolumeTerms):
        counted = (Counted(from_ms, {terms.meter: total}, {}, {}),)
        volume_lines((terms,), counted, terms.meter, ROUNDINGS[tariff.rounding], lines)
    return tuple(lines), ppm


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


def _units(tariff: TariffTerms, rule: Rule, usage: Usage) -> dict[int, int]:
    """Units by period, from when each was reported."""
    meter = rule.name.removeprefix(f"volume:{rule.kind}:")
    calendar = calendar_of(rule)
    told: dict[int, int] = {}
    passes = usage.passes if "volume" in tariff.covers else ()
    for part in usage.parts or (Part(usage.start_ms, usage.meters, {}, {}),):
        grown = part.meters.get(meter, 0)
        if grown and not (passes and is_inside(passes, part.at_ms)):
            start = calendar.at(part.at_ms).start_ms
            told[start] = told.get(start, 0) + grown
    return told


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
