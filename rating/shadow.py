"""A session's shadow: what a second tariff was told of it, and when it was counted for that one.

Owns: the shadow's own segments, periods and lines, kept apart from those of the real charge, so
that neither can change the other. Invariant: noted by the same rules as the session's own counts,
so the same tariff comes to the same parts. It does not own totals (``rating.session``).
"""

from collections.abc import Mapping

import msgspec

from rating.parts import (
    SEALED_MS,
    BySegment,
    Whole,
    add_count,
    counts_by,
    is_marked,
    marks_by,
    parts_of,
    place_rest,
    raise_mark,
    seal,
    segment_for,
    with_rest,
)
from rating.price import Part, Usage
from rating.segments import has_segments
from rating.tariff import TariffTerms
from schemas.ledger import ChargeLine
from schemas.usage import EventType, UsageEvent


class Shadow(msgspec.Struct, array_like=True):
    """What a session holds for its shadow tariff; amounts in micro-units.

    Args:
        lines: What shadow charges have told, cumulative.
        charged_micros: Sum of the lines.
        provider_micros: The provider's part of it.
        scopes: What it has brought into periods, by rule and the period's beginning.
        marks: Largest running totals by boot, then by segment of the shadow tariff.
        counts: Pages and items by segment of the shadow tariff.
        fault: Why it cannot be priced any more, or empty.
        is_dropped: Whether that was told; the session goes on without.
    """

    lines: tuple[ChargeLine, ...] = ()
    charged_micros: int = 0
    provider_micros: int = 0
    scopes: dict[str, dict[int, int]] = msgspec.field(default_factory=dict[str, dict[int, int]])
    marks: dict[str, BySegment] = msgspec.field(default_factory=dict[str, BySegment])
    counts: BySegment = msgspec.field(default_factory=dict[int, dict[str, int]])
    fault: str = ""
    is_dropped: bool = False

    def editable(self) -> "Shadow":
        """A copy whose counts may be changed; what is told is only ever replaced."""
        marks = {boot: _copied(known) for boot, known in self.marks.items()}
        return msgspec.structs.replace(self, marks=marks, counts=_copied(self.counts))

    def dropped(self, fault: str) -> "Shadow":
        """The same when it has ended: what was told stands, nothing more is kept."""
        return msgspec.structs.replace(
            self, scopes={}, marks={}, counts={}, fault=fault, is_dropped=True
        )


def shadow_begun(
    marks: Mapping[str, BySegment], counts: BySegment, tariff: TariffTerms, start_ms: int
) -> Shadow:
    """The shadow of a session whose content has become known.

    Args:
        marks: What was counted until then by boot, each by its moment.
        counts: Pages and items likewise.
        tariff: The shadow tariff.
        start_ms: First moment of the session.
    """
    return _placed(Shadow(), marks, counts, tariff, start_ms)


def shadow_learned(shadow: Shadow, tariff: TariffTerms, whole: Whole) -> Shadow:
    """The same by other prices, with all that was counted until now in their segments for good."""
    learned = _placed(shadow, shadow.marks, shadow.counts, tariff, whole.start_ms)
    place_rest(learned.marks, learned.counts, whole, tariff)
    return learned


def _placed(
    shadow: Shadow,
    marks: Mapping[str, BySegment],
    counts: BySegment,
    tariff: TariffTerms,
    start_ms: int,
) -> Shadow:
    placed = {boot: marks_by(known, tariff, start_ms) for boot, known in marks.items()}
    return msgspec.structs.replace(
        shadow,
        marks={boot: found for boot, found in placed.items() if found},
        counts=counts_by(counts, tariff, start_ms),
    )


def note_use(
    shadow: Shadow,
    event: UsageEvent,
    tariff: TariffTerms,
    *,
    known: Mapping[str, int],
    start_ms: int,
    sealed_ms: int = SEALED_MS,
) -> None:
    """Notes when an event is counted, where the shadow tariff asks for it.

    Args:
        shadow: Editable; changed in place.
        event: Of the session.
        tariff: The shadow tariff.
        known: Totals of the event's boot before it.
        start_ms: First moment of the session, with it.
        sealed_ms: No event of an earlier moment is taken as in time any more.

    Raises:
        InvalidEvent: The session would have more segments than one may.
        BrokenInvariant: The event lies outside the calendar.
    """
    if not has_segments(tariff):
        return
    if tariff.weeks:
        seal([*shadow.marks.values()], shadow.counts, tariff, sealed_ms)
    if event.meters:
        marks = shadow.marks.setdefault(event.boot or "", {})
        segment = segment_for(marks, tariff, event.event_at_ms)
        for meter, total in sorted(event.meters.items()):
            if meter in tariff.meters:
                if known.get(meter) and not is_marked(marks, meter):
                    # Counted before it mattered when: all of it belongs to the first moment.
                    begun = segment_for(marks, tariff, start_ms)
                    raise_mark(marks, begun, meter, known[meter])
                raise_mark(marks, segment, meter, total)
    name, quantity = "", 1
    if event.type == EventType.PAGE:
        name = f"page:{event.direction or 'forward'}"
    elif event.type == EventType.ITEM and event.item:
        name, quantity = f"item:{event.item}", event.quantity
    if name:
        segment = segment_for(shadow.counts, tariff, event.event_at_ms)
        add_count(shadow.counts, segment, name, quantity)


def shadow_usage(shadow: Shadow, usage: Usage, tariff: TariffTerms) -> Usage:
    """A session's billable use, in the parts that its shadow tariff tells apart."""
    if not usage.is_session:
        return usage
    parts: tuple[Part, ...] = ()
    if shadow.counts or any(shadow.marks.values()):
        whole = Part(usage.start_ms, usage.meters, usage.items, usage.pages)
        parts = with_rest(parts_of([*shadow.marks.values()], shadow.counts), whole, tariff)
    return msgspec.structs.replace(usage, parts=parts)


def _copied(by_segment: BySegment) -> BySegment:
    return {at_ms: counts.copy() for at_ms, counts in by_segment.items()}
