"""Prices that later catalogues announce, for use that goes on under an earlier one.

Invariant: what had been said up to the moment at which the earlier catalogue was replaced stands;
from then on the timeline speaks, to which every catalogue adds only what is later than itself. All
else of the tariff (caps, silence, rounding, what passes cover) stays as the use was begun under.
Source: docs/tariffs.md, Versions.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from rating.clock import NO_RATES, Clock
from rating.compiling import rules_of, weeks_of
from rating.components import ComponentTerms, Track, is_free, track_of
from rating.periods import Calendar, PeriodKind
from rating.tariff import Rule, TariffTerms, TrackTerms


class Announced(NamedTuple):
    """A version of a later catalogue: the tariff there, on the same clocks, and its place."""

    tariff: TariffTerms
    place: int


def followed(own: TariffTerms, after_ms: int, announced: Sequence[Announced]) -> TariffTerms:
    """A tariff with the versions that later catalogues announce for it.

    Args:
        own: As the use was begun under it.
        after_ms: When the catalogue of that was replaced.
        announced: By rising moment, all later than that.

    Returns:
        The same object where nothing is announced and nothing withdrawn.
    """
    kept = [place for place, from_ms in enumerate(own.froms) if from_ms <= after_ms]
    if not announced and len(kept) == len(own.froms):
        return own
    # The first version stands, whatever the time: it is what holds before any other.
    places = [*(Announced(own, place) for place in kept or [0]), *announced]
    found = _tracks(places)
    versions = tuple(each.tariff.versions[each.place] for each in places)
    laters = [each.tariff for each in announced]
    calendar = next((t.calendar for t in (own, *laters) if t.calendar is not None), None)
    finest = own.finest
    for later in laters:
        finest = _finest(finest, later.finest)
    weeks = weeks_of(found)
    return msgspec.structs.replace(
        own,
        versions=versions,
        froms=tuple(version.from_ms for version in versions),
        tracks=found,
        rules=_rules(own, found, calendar),
        meters=own.meters.union(*(later.meters for later in laters)),
        reach_ms=max(each.tariff.reach_ms for each in places),
        # Who pays is as it was begun under.
        has_passes=not own.sponsor and any(each.tariff.has_passes for each in places),
        is_free=all(each.tariff.is_free for each in places),
        costs_by_use=not own.sponsor and any(each.tariff.costs_by_use for each in places),
        finest=finest,
        calendar=None if calendar is None or finest is None else Calendar(finest, calendar.zone),
        covers_all=all(
            part is None or is_free(part) or track_of(part)[0] in {"flat", "fee", *own.covers}
            for track in found
            for part in track
        ),
        weeks=weeks,
        clocks=_clocks(places) if weeks else (),
    )


def _clocks(places: Sequence[Announced]) -> tuple[Clock, ...]:
    return tuple(
        each.tariff.clocks[each.place] if each.tariff.clocks else NO_RATES for each in places
    )


def _tracks(places: Sequence[Announced]) -> tuple[TrackTerms, ...]:
    tracks: dict[Track, list[ComponentTerms | None]] = {}
    for at, each in enumerate(places):
        for track in each.tariff.tracks:
            part = track[each.place]
            if part is not None:
                tracks.setdefault(track_of(part), [None] * len(places))[at] = part
    return tuple(tuple(parts) for parts in tracks.values())


def _finest(one: PeriodKind | None, other: PeriodKind | None) -> PeriodKind | None:
    if other in {None, one}:
        return one
    return other if one is None else "day"


def _rules(
    own: TariffTerms, tracks: tuple[TrackTerms, ...], calendar: Calendar | None
) -> tuple[Rule, ...]:
    rules = rules_of(own.caps, tracks)
    if calendar is None:
        return rules
    zone = calendar.zone
    return tuple(
        msgspec.structs.replace(rule, calendar=Calendar(rule.kind, zone)) for rule in rules
    )
