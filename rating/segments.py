"""Where a session's counts must be kept apart: at versions, and at the edges of periods.

Invariant: a segment is named by a moment in it, so what was counted before its tariff was known can
be told apart later. A tariff with one version and no periods has no segments at all.
"""

from rating.tariff import TariffTerms


def has_segments(tariff: TariffTerms) -> bool:
    """Whether it matters when something was counted."""
    return len(tariff.froms) > 1 or tariff.finest is not None


def segment_of(tariff: TariffTerms, at_ms: int) -> int:
    """The segment that a moment lies in: its first moment, 0 for the first version's.

    Args:
        tariff: Compiled, on the calendar of a zone.
        at_ms: UTC epoch milliseconds.

    Raises:
        BrokenInvariant: The moment is outside the calendar.
    """
    from_ms = tariff.froms[tariff.version_at(at_ms)]
    if tariff.calendar is None:
        return from_ms
    return max(from_ms, tariff.calendar.at(at_ms).start_ms)
