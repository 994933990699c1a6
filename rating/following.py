"""Prices that a later catalogue announces, for use that goes on under an earlier one.

Invariant: what had been said up to the moment at which the earlier catalogue was replaced stands;
from then on the later one speaks, in versions whose ``from`` is later still. All else of
the tariff (caps, silence, rounding, what passes cover) stays as the use was begun under.
Source: docs/tariffs.md.
"""

import msgspec

from rating.compiling import rules_of
from rating.components import ComponentTerms, Track, is_free, track_of
from rating.periods import Calendar, PeriodKind
from rating.tariff import Rule, TariffTerms, TrackTerms


def followed(own: TariffTerms, later: TariffTerms, after_ms: int) -> TariffTerms:
    """A tariff with the versions that a later catalogue announces for it.

    Args:
        own: As the use was begun under it.
        later: The same tariff in the later catalogue, on the same clocks.
        after_ms: When the earlier catalogue was replaced.

    Returns:
        The same object where nothing is announced and nothing withdrawn.
    """
    kept = [place for place, each in enumerate(own.versions) if each.from_ms <= after_ms]
    news = [place for place, each in enumerate(later.versions) if each.from_ms > after_ms]
    if not news and len(kept) == len(own.versions):
        return own
    # The first version stands, whatever the time: it is what holds before any other.
    kept = kept or [0]
    size = len(kept) + len(news)
    tracks: dict[Track, list[ComponentTerms | None]] = {}
    for tariff, places, begin in ((own, kept, 0), (later, news, len(kept))):
        for track in tariff.tracks:
            named = next(part for part in track if part is not None)
            into = tracks.setdefault(track_of(named), [None] * size)
            for at, place in enumerate(places, begin):
                into[at] = track[place]
    found = {name: tuple(parts) for name, parts in tracks.items() if any(parts)}
    finest, calendar = _finest(own, later), own.calendar or later.calendar
    versions = [*(own.versions[p] for p in kept), *(later.versions[p] for p in news)]
    return msgspec.structs.replace(
        own,
        versions=tuple(versions),
        froms=tuple(version.from_ms for version in versions),
        tracks=tuple(found.values()),
        rules=_rules(own, later, tuple(found.values())),
        reach_ms=max(own.reach_ms, later.reach_ms),
        has_passes=own.has_passes or later.has_passes,
        is_free=own.is_free and later.is_free,
        costs_by_use=own.costs_by_use or later.costs_by_use,
        finest=finest,
        calendar=None if calendar is None or finest is None else Calendar(finest, calendar.zone),
        covers_all=all(
            name[0] in {"flat", "fee", *own.covers}
            or all(part is None or is_free(part) for part in parts)
            for name, parts in found.items()
        ),
    )


def _finest(own: TariffTerms, later: TariffTerms) -> PeriodKind | None:
    if later.finest in {None, own.finest}:
        return own.finest
    return later.finest if own.finest is None else "day"


def _rules(
    own: TariffTerms, later: TariffTerms, tracks: tuple[TrackTerms, ...]
) -> tuple[Rule, ...]:
    calendar = own.calendar or later.calendar
    return tuple(
        rule
        if calendar is None
        else msgspec.structs.replace(rule, calendar=Calendar(rule.kind, calendar.zone))
        for rule in rules_of(own.caps, tracks)
    )
