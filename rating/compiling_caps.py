"""Caps of a tariff from text.

Invariant: at most one cap for a session and one for each kind of period; none is below what a
component that it covers costs at least.
"""

from collections.abc import Sequence
from typing import get_args

from rating.components import CapTerms, ComponentTerms, TimeTerms, VolumeTerms, track_of
from rating.written import amount
from schemas.errors import InvalidDocument
from schemas.tariff import Cap, PriceKind

_ALL: frozenset[str] = frozenset(get_args(PriceKind))


def compile_caps(
    path: str, caps: Sequence[Cap], written: Sequence[Sequence[ComponentTerms]]
) -> tuple[CapTerms, ...]:
    """Caps, that of the session first.

    Args:
        path: Of the tariff, for messages.
        caps: As written.
        written: Components of each version.

    Raises:
        InvalidDocument: Two caps of one period, one that covers nothing, or one below a minimum.
    """
    compiled: list[CapTerms] = []
    for place, cap in enumerate(caps):
        where = f"{path}.caps[{place}]"
        period = None if cap.per == "session" else cap.per
        if any(each.period == period for each in compiled):
            raise InvalidDocument(f"{where}.per: {cap.per!r} has a cap already; make them one")
        kinds = _ALL if cap.of is None else frozenset[str](cap.of)
        terms = CapTerms(period, amount(f"{where}.amount", cap.amount), kinds, cap.amount)
        _check(where, terms, written)
        compiled.append(terms)
    return tuple(sorted(compiled, key=lambda each: each.period is not None))


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
