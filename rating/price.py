"""Price: from a compiled tariff and the totals of a scope to charge lines.

Invariant: a price is cumulative over its scope and a pure function of it; (kind, meter, rate,
version) is unique among its lines. Rounding happens once, on a component's running total.
It does not own what a scope is (``shard``) nor the debit, which is the difference of two prices.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from rating.caps import cap_lines
from rating.components import (
    ComponentTerms,
    FeeTerms,
    ItemTerms,
    PageTerms,
    TimeTerms,
    VolumeTerms,
    rate_at,
    rates_of,
    track_of,
    week_of,
)
from rating.counted_price import (
    PASS_RATE,
    Counted,
    covered_lines,
    item_lines,
    page_lines,
    rated_volume_lines,
    volume_lines,
    volume_of_version,
)
from rating.coverage import Stretch, is_inside
from rating.rounding import ROUNDINGS
from rating.tariff import TariffTerms, TrackTerms, VersionTerms
from rating.time_price import charged_interval, time_lines, time_of_version
from schemas.ledger import ChargeLine

_NOTHING: Sequence[Counted] = ()


class Part(msgspec.Struct, frozen=True):
    """What was counted in one part of a scope, where its tariff must know when.

    Args:
        at_ms: A moment of the part.
        meters: Growth by meter.
        items: Quantity by item id.
        pages: Moves by direction.
    """

    at_ms: int
    meters: Mapping[str, int]
    items: Mapping[str, int]
    pages: Mapping[str, int]


class Usage(msgspec.Struct, frozen=True):
    """What was used within a scope, in all.

    Args:
        duration_ms: From first to last event, with any supplement.
        meters: Total by meter.
        items: Quantity by item id.
        pages: Moves by direction: ``forward``, ``backward``, ``jump``.
        start_ms: First moment.
        is_session: Whether it is a session that may be charged, so that a fee is due.
        parts: The same counts by when, in order of time; empty where all belongs to ``start_ms``.
        passes: Stretches that the member's bought passes on the tariff cover, sorted and apart.
    """

    duration_ms: int
    meters: Mapping[str, int]
    items: Mapping[str, int]
    pages: Mapping[str, int]
    start_ms: int = 0
    is_session: bool = False
    parts: Sequence[Part] = ()
    passes: Sequence[Stretch] = ()


def price(
    tariff: TariffTerms, usage: Usage, *, until_ms: int | None = None
) -> tuple[ChargeLine, ...]:
    """The cumulative price of a scope; passes and what counts over periods are not in it.

    Args:
        tariff: Compiled.
        usage: Totals of the scope.
        until_ms: Where given, only what of the whole price was used before this moment.

    Returns:
        By component, then by version, then by rate or tier, then what passes cover; those of
        nothing are left out.

    Raises:
        BrokenInvariant: A negative total, or an amount beyond the largest.
    """
    version = _only_version(tariff, usage)
    if version is not None and until_ms is None and not usage.passes and not tariff.weeks:
        return tuple(_of_version(tariff, tariff.versions[version], usage))
    everything = _by_version(tariff, usage, until_ms)
    outside, inside = everything, _NOTHING
    if usage.passes:
        outside = _by_version(tariff, usage, until_ms, covered=False)
        inside = _by_version(tariff, usage, until_ms, covered=True)
    rounding = ROUNDINGS[tariff.rounding]
    lines: list[ChargeLine] = []
    for track in tariff.tracks:
        named = track[0] or next(part for part in track if part is not None)
        passes = usage.passes if track_of(named)[0] in tariff.covers else ()
        counted = outside if passes else everything
        if isinstance(named, TimeTerms):
            begins, ends = charged_interval(tariff, track, usage.start_ms, usage.duration_ms)
            span = (begins, ends if until_ms is None else min(ends, until_ms))
            time_lines(tariff, track, span, rounding, usage.start_ms, lines, passes)
        elif isinstance(named, VolumeTerms) and named.period is not None:
            pass
        elif tariff.weeks and any(map(week_of, track)):
            _rated(tariff, track, usage, until_ms, lines, covered=False if passes else None)
        elif isinstance(named, VolumeTerms):
            volume_lines(track, counted, named.meter, rounding, lines)
        elif isinstance(named, FeeTerms):
            _fee(tariff, track, usage, until_ms, lines, passes)
        else:
            for terms, used in zip(track, counted, strict=True):
                _count(terms, used, lines)
        if passes:
            covered_lines(track, inside, lines)
    if tariff.caps:
        cap_lines(tariff, lines)
    return tuple(lines)


def _only_version(tariff: TariffTerms, usage: Usage) -> int | None:
    """The version in which all of a use lies, as most do; None where it lies in several."""
    if len(tariff.froms) == 1:
        return 0
    version = tariff.version_at(usage.start_ms)
    if version + 1 == len(tariff.froms) and not usage.parts:
        return version
    last_ms = usage.start_ms + usage.duration_ms + tariff.reach_ms
    if usage.parts:
        last_ms = max(last_ms, usage.parts[-1].at_ms)
        if tariff.version_at(usage.parts[0].at_ms) != version:
            return None
    return version if tariff.version_at(last_ms) == version else None


def _of_version(tariff: TariffTerms, version: VersionTerms, usage: Usage) -> list[ChargeLine]:
    """The price of a use that lies in one version, without looking at the others."""
    rounding = ROUNDINGS[tariff.rounding]
    from_ms = version.from_ms
    lines: list[ChargeLine] = []
    for terms in version.components:
        if isinstance(terms, VolumeTerms):
            if terms.period is None:
                volume_of_version(terms, usage.meters, rounding, from_ms, lines)
        elif isinstance(terms, TimeTerms):
            time_of_version(terms, usage.start_ms, usage.duration_ms, rounding, from_ms, lines)
        elif isinstance(terms, FeeTerms):
            if usage.is_session:
                fee = terms.price_micros
                lines.append(ChargeLine("fee", terms.name, 1, fee, "", from_ms, terms.text))
        else:
            _count(terms, Counted(from_ms, usage.meters, usage.items, usage.pages), lines)
    if tariff.caps:
        cap_lines(tariff, lines)
    return lines


def _count(
    terms: ComponentTerms | None, used: Counted, lines: list[ChargeLine], rate: int = 0
) -> None:
    if isinstance(terms, ItemTerms):
        if used.items:
            item_lines(terms, used, lines, rate)
    elif isinstance(terms, PageTerms) and used.pages:
        page_lines(terms, used, lines, rate)


def _rated(
    tariff: TariffTerms,
    track: TrackTerms,
    usage: Usage,
    until_ms: int | None,
    lines: list[ChargeLine],
    *,
    covered: bool | None,
) -> None:
    """Adds what a component costs that has rates by the clock in any version."""
    named = next(part for part in track if part is not None)
    parts = _parts(usage, until_ms, covered=covered)
    if isinstance(named, VolumeTerms):
        meter = named.meter
        units = [[0] * rates_of(terms) for terms in track]
        for part in parts:
            grown = part.meters.get(meter)
            if grown:
                place = tariff.version_at(part.at_ms)
                units[place][rate_at(track[place], part.at_ms)] += grown
        rounding = ROUNDINGS[tariff.rounding]
        found = rated_volume_lines(track, tariff.froms, units, meter, rounding)
        lines.extend(line for _, line in found)
        return
    counted = [
        [Counted(version.from_ms, {}, {}, {}) for _ in range(rates_of(terms))]
        for version, terms in zip(tariff.versions, track, strict=True)
    ]
    for part in parts:
        if part.items or part.pages:
            place = tariff.version_at(part.at_ms)
            rate = rate_at(track[place], part.at_ms)
            counted[place][rate] = _with_part(counted[place][rate], part)
    for terms, rates in zip(track, counted, strict=True):
        for rate, used in enumerate(rates):
            _count(terms, used, lines, rate)


def _fee(  # noqa: PLR0917 -- one rule's inputs, each of another type
    tariff: TariffTerms,
    track: Sequence[ComponentTerms | None],
    usage: Usage,
    until_ms: int | None,
    lines: list[ChargeLine],
    passes: Sequence[Stretch],
) -> None:
    version = tariff.version_at(usage.start_ms)
    terms = track[version]
    is_due = usage.is_session and (until_ms is None or usage.start_ms < until_ms)
    if is_due and isinstance(terms, FeeTerms):
        from_ms = tariff.versions[version].from_ms
        if passes and is_inside(passes, usage.start_ms):
            lines.append(ChargeLine("fee", terms.name, 1, 0, PASS_RATE, from_ms))
        else:
            each = terms.price_micros
            lines.append(ChargeLine("fee", terms.name, 1, each, "", from_ms, terms.text))


def _by_version(
    tariff: TariffTerms, usage: Usage, until_ms: int | None, *, covered: bool | None = None
) -> Sequence[Counted]:
    """What was counted while each version was in force; only inside or outside passes if asked."""
    versions = tariff.versions
    if len(versions) == 1 and until_ms is None and covered is None:
        return (Counted(0, usage.meters, usage.items, usage.pages),)
    counted = [Counted(version.from_ms, {}, {}, {}) for version in versions]
    for part in _parts(usage, until_ms, covered=covered):
        place = tariff.version_at(part.at_ms)
        counted[place] = _with_part(counted[place], part)
    return counted


def _parts(usage: Usage, until_ms: int | None, *, covered: bool | None) -> Iterator[Part]:
    """What was counted, before a moment or only inside or outside passes where that is asked."""
    parts = usage.parts
    if not parts:
        parts = (Part(usage.start_ms, usage.meters, usage.items, usage.pages),)
    for part in parts:
        if covered is not None and is_inside(usage.passes, part.at_ms) != covered:
            continue
        if until_ms is None or part.at_ms < until_ms:
            yield part


def _with_part(known: Counted, part: Part) -> Counted:
    return Counted(
        known.version,
        _added(known.meters, part.meters),
        _added(known.items, part.items),
        _added(known.pages, part.pages),
    )


def _added(known: Mapping[str, int], more: Mapping[str, int]) -> Mapping[str, int]:
    if not known or not more:
        return more or known
    sums = dict(known)
    for name, amount in more.items():
        sums[name] = sums.get(name, 0) + amount
    return sums
