"""Use that is still to come: a use with more of each thing, and the moments at which prices change.

Invariant: nothing is priced here; between two of the moments no price of what is counted changes.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from rating.price import Part, Usage
from rating.segments import has_segments, segment_of
from rating.tariff import TariffTerms
from schemas.grants import Units
from schemas.moment import SECOND_MS

# Of a day at most, since no grant holds longer; what changes more often is looked at this often.
MOMENTS_MAX = 32


def with_units(tariff: TariffTerms, usage: Usage, more: Sequence[Units], at_ms: int) -> Usage:
    """A use in which more is used.

    Args:
        tariff: Compiled.
        usage: So far.
        more: Time goes on from its end; the rest is counted at a moment.
        at_ms: That moment.
    """
    meters: dict[str, int] = {}
    items: dict[str, int] = {}
    pages: dict[str, int] = {}
    into = {"volume": meters, "item": items, "page": pages}
    longer_ms = 0
    for each in more:
        if each.kind == "time":
            longer_ms += each.units * SECOND_MS
        elif each.units:
            counts = into[each.kind]
            counts[each.meter] = counts.get(each.meter, 0) + each.units
    part = Part(at_ms, meters, items, pages)
    longer = msgspec.structs.replace(usage, duration_ms=usage.duration_ms + longer_ms)
    return with_part(tariff, longer, part) if meters or items or pages else longer


def with_part(tariff: TariffTerms, usage: Usage, more: Part) -> Usage:
    """A use of which more is counted, at its end or later."""
    meters, pages = _added(usage.meters, more.meters), _added(usage.pages, more.pages)
    items = _added(usage.items, more.items)
    parts: tuple[Part, ...] = ()
    if has_segments(tariff):
        whole = Part(usage.start_ms, usage.meters, usage.items, usage.pages)
        parts = (*(usage.parts or (whole,)), more)
    return msgspec.structs.replace(usage, meters=meters, items=items, pages=pages, parts=parts)


def moments_ahead(
    tariff: TariffTerms, from_ms: int, to_ms: int, cuts: Sequence[int] = ()
) -> Iterator[int]:
    """A moment, and each later one from which on anything counted may have another price.

    Args:
        tariff: Compiled, on the calendar of a zone.
        from_ms: The first.
        to_ms: None is later.
        cuts: Beginnings and ends of the member's passes on the tariff, sorted.

    Raises:
        BrokenInvariant: A moment is outside the calendar.
    """
    yield from_ms
    if not has_segments(tariff):
        return
    last = segment_of(tariff, to_ms, cuts)
    for _ in range(MOMENTS_MAX):
        here = segment_of(tariff, from_ms, cuts)
        if here == last:
            return
        low, high = from_ms, to_ms
        while high - low > 1:
            middle = (low + high) // 2
            if segment_of(tariff, middle, cuts) == here:
                low = middle
            else:
                high = middle
        yield high
        from_ms = high


def _added(known: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    return {name: known.get(name, 0) + more.get(name, 0) for name in {**known, **more}}
