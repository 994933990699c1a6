"""Where a session's counts must be kept apart: at versions, periods, passes, rates by the clock.

Invariant: a segment is named by a moment in it, so what was counted before its tariff was known can
be told apart later; what was counted before a pass was bought stays where it was. A tariff with one
version, no periods, no rates of what is counted and no passes to be bought has no segments at all.
"""

from collections.abc import Sequence

from rating.coverage import latest_cut
from rating.tariff import TariffTerms


def has_segments(tariff: TariffTerms) -> bool:
    """Whether it matters when something was counted."""
    return (
        len(tariff.froms) > 1
        or tariff.finest is not None
        or bool(tariff.covers)
        or bool(tariff.weeks)
    )


def segment_of(tariff: TariffTerms, at_ms: int, cuts: Sequence[int] = ()) -> int:
    """The segment that a moment lies in: its first moment, 0 for the first version's.

    Args:
        tariff: Compiled, on the calendar of a zone.
        at_ms: UTC epoch milliseconds.
        cuts: Beginnings and ends of the member's passes on the tariff, sorted.

    Raises:
        BrokenInvariant: The moment is outside the calendar.
    """
    from_ms, version = stretch_of(tariff, at_ms, cuts)
    if tariff.clocks:
        from_ms = max(from_ms, tariff.clocks[version].since_ms(at_ms))
    if tariff.calendar is None:
        return from_ms
    return max(from_ms, tariff.calendar.at(at_ms).start_ms)


def price_class(
    tariff: TariffTerms, segment: int, cuts: Sequence[int] = ()
) -> tuple[int, int, tuple[int, ...]]:
    """What decides a segment's prices: those of one class may be told as one.

    Args:
        tariff: Compiled, with rates by the clock, on those of a zone.
        segment: Its name.
        cuts: Beginnings and ends of the member's passes on the tariff, sorted.

    Returns:
        Where its version began or a pass did or ended, where its period did, and its rates.

    Raises:
        BrokenInvariant: The segment is outside the calendar.
    """
    from_ms, version = stretch_of(tariff, segment, cuts)
    period_ms = 0 if tariff.calendar is None else tariff.calendar.at(segment).start_ms
    return from_ms, period_ms, tariff.clocks[version].rates_at(segment)


def stretch_of(tariff: TariffTerms, at_ms: int, cuts: Sequence[int]) -> tuple[int, int]:
    """Since when one version holds and no pass begins or ends, and the version's number."""
    version = tariff.version_at(at_ms)
    from_ms = tariff.froms[version]
    cut_ms = latest_cut(cuts, at_ms) if cuts else None
    return (from_ms if cut_ms is None else max(from_ms, cut_ms)), version
