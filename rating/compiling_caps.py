"""Caps of a tariff from text.

Invariant: at most one cap for a session and one for each kind of period; none is below what a
component that it covers costs at least.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import get_args

from rating.components import CapTerms, ComponentTerms, TimeTerms, VolumeTerms, track_of
from rating.periods import PeriodKind
from rating.written import amount
from schemas.errors import InvalidDocument
from schemas.tariff import Cap, PriceKind

_LENGTHS: tuple[PeriodKind | None, ...] = (None, "day", "week", "month")
_ALL: frozenset[str] = frozenset(get_args(PriceKind))


def compile_caps(
    path: str, caps: Sequence[Cap], written: Sequence[Sequence[ComponentTerms]]
) -> tuple[CapTerms, ...]:
    """Caps from the shortest to the longest; each counts what those before it left.

    Args:
        path: Of the tariff, for messages.
        caps: As written.
        written: Components of each version.

    Raises:
        InvalidDocument: Two caps of one period, one that covers nothing, one below a minimum, a
            longer one that covers only part of a shorter one, or a week's beside a month's.
    """
    compiled: list[CapTerms] = []
    for place, cap in enumerate(caps):
        where = f"{path}.caps[{place}]"
        period = None if cap.per == "session" else cap.per
        if any(each.period == period for each in compiled):
            raise InvalidDocument(f"{where}.per: {cap.per!r} has a cap already; make them one")
        kinds = _ALL if cap.of is None else frozenset[str](cap.of)
        covers = kinds | {"minimum"} if "time" in kinds else kinds
        most = amount(f"{where}.amount", cap.amount)
        terms = CapTerms(period, most, kinds, covers, cap.amount)
        _check(where, terms, written)
        compiled.append(terms)
    ordered = sorted(compiled, key=lambda each: _LENGTHS.index(each.period))
    for shorter, longer in pairwise(ordered):
        _check_nested(path, shorter, longer)
    return tuple(ordered)


def _check_nested(path: str, shorter: CapTerms, longer: CapTerms) -> None:
    """What a shorter cap takes back must be money that the longer one counts."""
    if shorter.period == "week":
        raise InvalidDocument(f"{path}.caps: a week may lie in two months; cap one or the other")
    if not shorter.kinds <= longer.kinds:
        raise InvalidDocument(
            f"{path}.caps: the cap per {longer.period} covers only part of what the cap per "
            f"{shorter.period or 'session'} does; let it cover all of that"
        )


def _check(path: str, cap: CapTerms, written: Sequence[Sequence[ComponentTerms]]) -> None:
    covered = [
        part for components in written for part in components if track_of(part)[0] in cap.kinds
    ]
    if not any(not (isinstance(part, VolumeTerms) and part.period) for part in covered):
        raise InvalidDocument(
            f"{path}.of: nothing that counts over a session is of these kinds; name those it covers"
        )
    for part in covered:
        if isinstance(part, TimeTerms) and part.minimum_micros > cap.amount_micros:
            raise InvalidDocument(
                f"{path}.amount: {cap.text} is below the minimum of time; raise it or lower that"
            )
