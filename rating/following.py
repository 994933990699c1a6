"""Prices that a later catalogue announces, for use that goes on under an earlier one.

Invariant: what had been said up to the moment at which the earlier catalogue was replaced stands;
from then on the later one speaks, in versions whose ``from`` is later still. All else of
the tariff (caps, silence, rounding, what passes cover) stays as the use was begun under.
Source: docs/tariffs.md.
"""

import msgspec

from rating.components import ComponentTerms, Track, is_free, track_of
from rating.periods import PeriodKind
from rating.tariff import TariffTerms


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
    return msgspec.structs.replace(
        own,
        versions=tuple(own.versions[p] for p in kept) + tuple(later.versions[p] for p in news),
        tracks=tuple(found.values()),
        is_plain=own.is_plain and size == 1,
        has_passes=own.has_passes or later.has_passes,
        is_free=own.is_free and later.is_free,
        costs_by_use=own.costs_by_use or later.costs_by_use,
        finest=own.finest if later.finest in {None, own.finest} else _finest(own, later),
        zone=own.zone or later.zone,
        covers_all=all(
            name[0] in {"flat", "fee", *own.covers}
            or all(part is None or is_free(part) for part in parts)
            for name, parts in found.items()
        ),
    )


def _finest(own: TariffTerms, later: TariffTerms) -> PeriodKind | None:
    return later.finest if own.finest is None else "day"
