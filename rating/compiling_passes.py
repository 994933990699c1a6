"""Passes of a tariff from text.

Invariant: passes are bought by use or by their members, not both in one tariff; all that can be
bought cover the same, and what they cover has a price outside them.
"""

from collections.abc import Sequence
from typing import get_args

from rating.components import ComponentTerms, FlatTerms, is_free, rate_names, track_of
from rating.counted_price import PASS_RATE
from rating.written import amount
from schemas.errors import InvalidDocument
from schemas.tariff import FlatPrice, PriceKind

_ALL: frozenset[str] = frozenset(get_args(PriceKind))


def compile_pass(path: str, component: FlatPrice) -> FlatTerms:
    """A pass as numbers.

    Args:
        path: Where it stands, for messages.
        component: As written.

    Raises:
        InvalidDocument: A field of bought passes on one that use buys, a bought pass that costs
            or covers nothing.
    """
    price = amount(f"{path}.price", component.price)
    if component.starts == "use":
        said = {"rolling": component.rolling, "renews": component.renews}
        for name, is_said in (said | {"covers": component.covers is not None}).items():
            if is_said:
                raise InvalidDocument(
                    f"{path}.{name}: is of passes that members buy; write 'starts': 'purchase' too"
                )
        return FlatTerms(price, component.period, component.price)
    if not price:
        raise InvalidDocument(f"{path}.price: a pass that is bought costs more than 0")
    covers = _ALL if component.covers is None else frozenset[str](component.covers)
    if not covers:
        raise InvalidDocument(f"{path}.covers: is empty; name kinds, or leave it out for all")
    return FlatTerms(
        price_micros=price,
        period=component.period,
        text=component.price,
        is_bought=True,
        is_rolling=component.rolling,
        renews=component.renews,
        covers=covers,
    )


def check_passes(path: str, written: Sequence[Sequence[ComponentTerms]]) -> frozenset[str]:
    """Whether the passes of a tariff go together, and with its other prices.

    Args:
        path: Of the tariff, for messages.
        written: Components of each version.

    Returns:
        Kinds that a bought pass covers; empty where none can be bought.

    Raises:
        InvalidDocument: They do not.
    """
    sold = [
        (f"{_place(path, version)}[{place}]", part)
        for version, components in enumerate(written)
        for place, part in enumerate(components)
        if isinstance(part, FlatTerms)
    ]
    bought = [(where, part) for where, part in sold if part.is_bought]
    if not bought:
        return frozenset()
    for where, part in sold:
        if not part.is_bought:
            raise InvalidDocument(
                f"{where}.starts: other passes of the tariff are bought by their members; let "
                "this one be so too, or put it into another tariff"
            )
        if part.covers != bought[0][1].covers:
            raise InvalidDocument(
                f"{where}.covers: another pass of the tariff covers other kinds; let all cover "
                "the same, or put it into another tariff"
            )
    covers = bought[0][1].covers
    for version, components in enumerate(written):
        _check_outside(_place(path, version), components, covers)
    return covers


def _check_outside(path: str, components: Sequence[ComponentTerms], covers: frozenset[str]) -> None:
    """Use outside a pass must cost something, or nobody would need one."""
    covered = [part for part in components if track_of(part)[0] in covers]
    has_pass = any(isinstance(part, FlatTerms) for part in components)
    if has_pass and all(map(is_free, covered)):
        raise InvalidDocument(
            f"{path}: nothing that the pass covers costs anything outside it; price use outside "
            "it with a component of the kinds in 'covers'"
        )
    for part in covered:
        if PASS_RATE in rate_names(part):
            raise InvalidDocument(
                f"{path}: a rate named {PASS_RATE!r} would be taken for covered use; rename it"
            )


def _place(path: str, version: int) -> str:
    return f"{path}.versions[{version - 1}].components" if version else f"{path}.components"
