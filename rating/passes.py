"""Passes that use buys: flat prices of calendar periods, one for every period that it touches.

Invariant: which passes a use needs is a pure function of when it was; whether the member has them
already is the shard's to know. Passes that members buy are ``rating.coverage``'s.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from rating.components import FlatTerms
from rating.periods import PeriodKind, periods_touched
from rating.tariff import TariffTerms
from schemas.errors import BrokenInvariant


class Pass(NamedTuple):
    """A pass that a use needs.

    Args:
        kind: Which calendar periods.
        period: Such as ``2026-11-24``, ``2026-W48`` or ``2026-11``.
        start_ms: When the period begins.
        amount_micros: What the pass costs.
        version: When the tariff's version that says so came into force.
    """

    kind: PeriodKind
    period: str
    start_ms: int
    amount_micros: int
    version: int = 0


def passes(
    tariff: TariffTerms, usage_start_ms: int, usage_end_ms: int, zone: ZoneInfo
) -> tuple[Pass, ...]:
    """The passes that use from start to end needs: one for every period that it touches.

    Args:
        tariff: Compiled.
        usage_start_ms: First moment, UTC epoch milliseconds.
        usage_end_ms: Last moment, inclusive.
        zone: The content's.

    Returns:
        By kind in the order of the components, then by time, each as the version says that is in
        force when its period begins; empty for a tariff without such passes.

    Raises:
        BrokenInvariant: The use touches more than ``rating.periods.PERIODS_MAX`` periods.
    """
    if not tariff.has_passes:
        return ()
    found: list[Pass] = []
    for track in tariff.tracks:
        named = next((each for each in track if isinstance(each, FlatTerms)), None)
        if named is None:
            continue
        kind = named.period
        for period in periods_touched(kind, usage_start_ms, usage_end_ms, zone):
            version = tariff.version_at(period.start_ms)
            terms = track[version]
            if isinstance(terms, FlatTerms) and not terms.is_bought:
                from_ms = tariff.versions[version].from_ms
                each = Pass(kind, period.name, period.start_ms, terms.price_micros, from_ms)
                found.append(each)
    return tuple(found)


def passes_between(tariff: TariffTerms, moments: Sequence[int], zone: ZoneInfo) -> Iterator[Pass]:
    """Passes of every stretch between two of the moments that may be taken for one use.

    Where first and last are too far apart for that, some of the events are refused, and every
    stretch that is taken is made of neighbours that are near enough.

    Args:
        tariff: Compiled.
        moments: UTC epoch milliseconds, ascending.
        zone: Whose midnights count.
    """
    try:
        yield from passes(tariff, moments[0], moments[-1], zone)
    except BrokenInvariant:
        for first_ms, last_ms in [*pairwise(moments), *((each, each) for each in moments)]:
            with suppress(BrokenInvariant):
                yield from passes(tariff, first_ms, last_ms, zone)
