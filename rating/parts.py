"""When within a session it was counted: meters, pages and items by segment.

Invariant: a running total's growth belongs to the segment of the event that told it, whatever the
order of arrival; over all segments the growth is the total. Where rates by the clock make many
segments, those that nothing may change any more are put together by what prices them, so that a
long session holds no more than a short one. It does not own what a segment is
(``rating.segments``) nor the totals themselves (``rating.session``).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rating.price import Part
from rating.segments import has_segments, price_class, segment_of
from rating.tariff import TariffTerms
from schemas.errors import InvalidEvent

BySegment = dict[int, dict[str, int]]
# Segments of one session, as many days as a use may have passes.
SEGMENTS_MAX = 400
# Moments kept apart of a session whose tariff nobody knows yet.
MOMENTS_MAX = 64
# Segments by the clock that are kept apart whatever their age: looking for old ones takes time.
APART_MAX = 8
# In place of a segment: what totals had come to when the segments before those kept were put
# together; what they grew by in these stands among the counts.
SEALED_MS = -(2**62)
_PAGE, _ITEM, _METER = "page:", "item:", "meter:"
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

    Raises:
        InvalidEvent: The session has ``SEGMENTS_MAX`` segments, and this would be one more.
    """
    if tariff is not None:
        if not has_segments(tariff):
            return None
        segment = segment_of(tariff, at_ms, cuts)
        if segment not in known and len(known) >= SEGMENTS_MAX:
            raise InvalidEvent(
                "session-too-large",
                f"the session is told apart by {SEGMENTS_MAX} days or prices; begin a new session",
            )
        return segment
    if at_ms in known or len(known) < MOMENTS_MAX:
        return at_ms
    return max((each for each in known if each <= at_ms), default=min(known))


def raise_mark(marks: BySegment, segment: int | None, meter: str, total: int) -> None:
    """Notes a running total that an event of a segment told."""
    if segment is not None:
        totals = marks.setdefault(segment, {})
        if total > totals.get(meter, 0):
            totals[meter] = total


def is_marked(marks: BySegment, meter: str) -> bool:
    """Whether any segment tells of a meter."""
    return any(meter in totals for totals in marks.values())


def add_count(counts: BySegment, segment: int | None, name: str, quantity: int) -> None:
    """Notes pages or items of a segment."""
    if segment is not None:
        known = counts.setdefault(segment, {})
        known[name] = known.get(name, 0) + quantity


def marks_by(
    marks: BySegment, tariff: TariffTerms, start_ms: int, cuts: Sequence[int] = ()
) -> BySegment:
    """Marks by the segments of a tariff that has become known, or takes another's place.

    Args:
        marks: By moment, or by segment of the tariff before, which may begin before the session.
        tariff: The one that counts now.
        start_ms: First moment of the session.
        cuts: Beginnings and ends of the member's passes on the tariff, sorted.
    """
    placed: BySegment = {}
    if has_segments(tariff):
        for at_ms, totals in marks.items():
            segment = at_ms
            if at_ms != SEALED_MS:
                segment = segment_of(tariff, max(at_ms, start_ms), cuts)
            for meter, total in totals.items():
                raise_mark(placed, segment, meter, total)
    return placed


def counts_by(
    counts: BySegment, tariff: TariffTerms, start_ms: int, cuts: Sequence[int] = ()
) -> BySegment:
    """Counts by the segments of a tariff, as with marks."""
    placed: BySegment = {}
    if has_segments(tariff):
        for at_ms, known in counts.items():
            segment = segment_of(tariff, max(at_ms, start_ms), cuts)
            for name, quantity in known.items():
                add_count(placed, segment, name, quantity)
    return placed


def seal(
    marks: Sequence[BySegment],
    counts: BySegment,
    tariff: TariffTerms,
    before_ms: int,
    cuts: Sequence[int] = (),
) -> None:
    """Puts together what rates by the clock keep apart and nothing may change any more.

    Nothing else changes a price, so it matters to none when this is done, nor how often.

    Args:
        marks: Of each boot; changed.
        counts: Pages, items and what was put together before; changed.
        tariff: By which they are told apart, with rates by the clock of what is counted.
        before_ms: No event of an earlier moment is taken as in time any more.
        cuts: Beginnings and ends of the member's passes on the tariff, sorted.

    Raises:
        BrokenInvariant: The moment is outside the calendar.
    """
    if all(len(each) <= APART_MAX for each in (*marks, counts)):
        return
    if before_ms <= min(each for known in (*marks, counts) for each in known if each != SEALED_MS):
        return
    edge = segment_of(tariff, before_ms, cuts)
    kept: dict[object, int] = {}
    for segment in sorted(each for each in counts if each < edge):
        at_ms = kept.setdefault(price_class(tariff, segment, cuts), segment)
        if at_ms != segment:
            for name, quantity in counts.pop(segment).items():
                add_count(counts, at_ms, name, quantity)
    for known in marks:
        reached = known.pop(SEALED_MS, {})
        for segment in sorted(each for each in known if each < edge):
            at_ms = kept.setdefault(price_class(tariff, segment, cuts), segment)
            for meter, total in known.pop(segment).items():
                grown = total - reached.get(meter, 0)
                if grown > 0:
                    add_count(counts, at_ms, f"{_METER}{meter}", grown)
                    reached[meter] = total
        if reached:
            known[SEALED_MS] = reached


class Whole(NamedTuple):
    """All that a session counted, in whatever segment.

    Args:
        start_ms: Its first moment.
        boots: Totals of each meter by boot of the sender.
        items: Quantities by item.
        pages: Moves by direction.
    """

    start_ms: int
    boots: Mapping[str, Mapping[str, int]]
    items: Mapping[str, int]
    pages: Mapping[str, int]


def place_rest(
    marks: dict[str, BySegment],
    counts: BySegment,
    whole: Whole,
    tariff: TariffTerms,
    cuts: Sequence[int] = (),
) -> None:
    """Notes for good that what is in no segment yet lies where the session begins now.

    Args:
        marks: By boot; changed.
        counts: Pages and items; changed.
        whole: All that was counted.
        tariff: By which it is told apart.
        cuts: Beginnings and ends of the member's passes on the tariff, sorted.
    """
    if not has_segments(tariff):
        return
    segment = segment_of(tariff, whole.start_ms, cuts)
    for boot, totals in whole.boots.items():
        known = marks.setdefault(boot, {})
        for meter, total in totals.items():
            if meter in tariff.meters and not is_marked(known, meter):
                raise_mark(known, segment, meter, total)
    names = {f"{_ITEM}{name}": total for name, total in whole.items.items()}
    names |= {f"{_PAGE}{name}": total for name, total in whole.pages.items()}
    for name, quantity in _rest(names, [*counts.values()]).items():
        add_count(counts, segment, name, quantity)


def parts_of(boots: Sequence[BySegment], counts: BySegment) -> tuple[Part, ...]:
    """What was counted in each segment, in order of time.

    Args:
        boots: Marks of each boot of the sender.
        counts: Pages and items.
    """
    if not counts and len(boots) == 1 and len(boots[0]) == 1:
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


def with_rest(parts: tuple[Part, ...], whole: Part, tariff: TariffTerms | None) -> tuple[Part, ...]:
    """Parts with what was counted before it mattered when: it belongs to the first moment.

    Args:
        parts: Told apart.
        whole: All of it, at the first moment.
        tariff: Whose meters matter, or None where all do.
    """
    meters = whole.meters
    if tariff is not None:
        meters = {name: total for name, total in meters.items() if name in tariff.meters}
    rest = Part(
        whole.at_ms,
        _rest(meters, [part.meters for part in parts]),
        _rest(whole.items, [part.items for part in parts]),
        _rest(whole.pages, [part.pages for part in parts]),
    )
    return (rest, *parts) if rest.meters or rest.items or rest.pages else parts


def _rest(whole: Mapping[str, int], parts: Sequence[Mapping[str, int]]) -> Mapping[str, int]:
    if not whole:
        return _NOTHING
    left = {name: total - sum(part.get(name, 0) for part in parts) for name, total in whole.items()}
    return {name: amount for name, amount in left.items() if amount}


def _add_growth(grown: BySegment, marks: BySegment) -> None:
    reached = dict(marks.get(SEALED_MS, {}))
    for segment in sorted(marks):
        if segment == SEALED_MS:
            continue
        into = grown.setdefault(segment, {})
        for meter, total in marks[segment].items():
            before = reached.get(meter, 0)
            if total > before:
                into[meter] = into.get(meter, 0) + total - before
                reached[meter] = total


def _part(segment: int, meters: dict[str, int], counts: dict[str, int]) -> Part:
    if not counts:
        return Part(segment, meters, _NOTHING, _NOTHING)
    pages = {n.removeprefix(_PAGE): q for n, q in counts.items() if n.startswith(_PAGE)}
    items = {n.removeprefix(_ITEM): q for n, q in counts.items() if n.startswith(_ITEM)}
    for name, grown in counts.items():
        if name.startswith(_METER):
            meter = name.removeprefix(_METER)
            meters[meter] = meters.get(meter, 0) + grown
    return Part(segment, meters, items, pages)
