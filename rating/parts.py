"""When within a session it was counted: meters, pages and items by segment.

Invariant: a running total's growth belongs to the segment of the event that told it, whatever the
order of arrival; over all segments the growth is the total. It does not own what a segment is
(``rating.segments``) nor the totals themselves (``rating.session``).
"""

from collections.abc import Mapping, Sequence

from rating.price import Part
from rating.segments import has_segments, segment_of, stretch_of
from rating.tariff import TariffTerms

BySegment = dict[int, dict[str, int]]
# A session with more segments than this folds its older ones, down to the least and one a version.
KEPT_MAX = 16
KEPT_MIN = 8
# Moments kept apart of a session whose tariff nobody knows yet.
MOMENTS_MAX = 64
_PAGE, _ITEM = "page:", "item:"
_NOTHING: Mapping[str, int] = {}


def segment_for(
    known: Mapping[int, object], tariff: TariffTerms | None, at_ms: int, cuts: Sequence[int] = ()
) -> int | None:
    """The segment in which something is counted.

    Args:
        known: Segments in use.
        tariff: By which it will be priced; None while that is unknown.
        at_ms: When it was.
        cuts: Beginnings and ends of the member's passes on the tariff, sorted.

    Returns:
        None where it does not matter when; without a tariff the moment itself, or one of those
        that are known where there are many.
    """
    if tariff is not None:
        if not has_segments(tariff):
            return None
        segment = segment_of(tariff, at_ms, cuts)
        # Between segments that are kept, one that was folded does not come back.
        if len(known) <= KEPT_MIN or segment >= max(known):
            return segment
        if not cuts:
            return _before(known, segment)
        since_ms, _ = stretch_of(tariff, at_ms, cuts)
        own = [each for each in known if since_ms <= each <= segment]
        return max(own, default=segment)
    if at_ms in known or len(known) < MOMENTS_MAX:
        return at_ms
    return _before(known, at_ms)


def _before(known: Mapping[int, object], at_ms: int) -> int:
    return max((each for each in known if each <= at_ms), default=min(known))


def fold(
    by_segment: BySegment, tariff: TariffTerms | None, cuts: Sequence[int] = (), *, sums: bool
) -> BySegment:
    """The same with its older segments put together where there are many.

    What versions, or beginnings and ends of passes, keep apart stays apart.

    Args:
        by_segment: Marks or counts.
        tariff: By which they are priced.
        cuts: Beginnings and ends of the member's passes on the tariff, sorted.
        sums: Whether what is put together is added (counts), or the largest stands (marks).
    """
    if tariff is None or len(by_segment) <= KEPT_MAX:
        return by_segment
    starts = sorted(by_segment)
    folded: BySegment = {}
    stretch, into = (0, -1), 0
    for start in starts[:-KEPT_MIN]:
        own = stretch_of(tariff, start, cuts)
        if own != stretch:
            stretch, into = own, start
        for name, amount in by_segment[start].items():
            if sums:
                add_count(folded, into, name, amount)
            else:
                raise_mark(folded, into, name, amount)
    return folded | {start: by_segment[start] for start in starts[-KEPT_MIN:]}


def raise_mark(marks: BySegment, segment: int | None, meter: str, total: int) -> None:
    """Notes a running total that an event of a segment told."""
    if segment is not None:
        totals = marks.setdefault(segment, {})
        if total > totals.get(meter, 0):
            totals[meter] = total


def add_count(counts: BySegment, segment: int | None, name: str, quantity: int) -> None:
    """Notes pages or items of a segment."""
    if segment is not None:
        known = counts.setdefault(segment, {})
        known[name] = known.get(name, 0) + quantity


def marks_by(marks: BySegment, tariff: TariffTerms, cuts: Sequence[int] = ()) -> BySegment:
    """Marks by the segments of a tariff that has become known."""
    placed: BySegment = {}
    if has_segments(tariff):
        for at_ms, totals in marks.items():
            for meter, total in totals.items():
                raise_mark(placed, segment_of(tariff, at_ms, cuts), meter, total)
    return placed


def counts_by(counts: BySegment, tariff: TariffTerms, cuts: Sequence[int] = ()) -> BySegment:
    """Counts by the segments of a tariff that has become known."""
    placed: BySegment = {}
    if has_segments(tariff):
        for at_ms, known in counts.items():
            for name, quantity in known.items():
                add_count(placed, segment_of(tariff, at_ms, cuts), name, quantity)
    return placed


def parts_of(boots: Sequence[BySegment], counts: BySegment) -> tuple[Part, ...]:
    """What was counted in each segment, in order of time.

    Args:
        boots: Marks of each boot of the sender.
        counts: Pages and items.
    """
    if len(boots) == 1 and len(boots[0]) == 1 and not counts:
        # Most sessions lie in one segment and have one boot.
        [(segment, totals)] = boots[0].items()
        return (Part(segment, totals, _NOTHING, _NOTHING),)
    grown: BySegment = {}
    for marks in boots:
        _add_growth(grown, marks)
    if not counts:
        return tuple(Part(at_ms, grown[at_ms], _NOTHING, _NOTHING) for at_ms in sorted(grown))
    return tuple(
        _part(segment, grown.get(segment, {}), counts.get(segment, {}))
        for segment in sorted({*grown, *counts})
    )


def _add_growth(grown: BySegment, marks: BySegment) -> None:
    reached: dict[str, int] = {}
    for segment in sorted(marks):
        into = grown.setdefault(segment, {})
        for meter, total in marks[segment].items():
            before = reached.get(meter, 0)
            if total > before:
                into[meter] = into.get(meter, 0) + total - before
                reached[meter] = total


def _part(segment: int, meters: dict[str, int], counts: dict[str, int]) -> Part:
    pages = {n.removeprefix(_PAGE): q for n, q in counts.items() if n.startswith(_PAGE)}
    items = {n.removeprefix(_ITEM): q for n, q in counts.items() if n.startswith(_ITEM)}
    return Part(segment, meters, items, pages)
