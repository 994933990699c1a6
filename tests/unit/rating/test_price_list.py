"""The price list: exact unit prices of every component."""

import pytest

from rating.compiling import compile_tariff
from rating.price import Usage, price
from rating.price_list import UnitPrice, price_list
from schemas.catalogue import (
    Component,
    FlatPrice,
    ItemPrice,
    PagePrice,
    Tariff,
    TimePrice,
    VolumePrice,
)


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        (
            TimePrice("30", per_s=60, first_s=30, next_s=6, free_s=10, minimum="5"),
            [UnitPrice("time", "s", 500_000, 1, 10, 30, 6, 5_000_000)],
        ),
        (TimePrice("1", per_s=7), [UnitPrice("time", "s", 1_000_000, 7)]),
        (
            VolumePrice("bytes", "0.0000005", per=1, free=3),
            [UnitPrice("volume", "bytes", 1, 2, 3)],
        ),
        (
            ItemPrice({"quiz": "850", "map": "1"}),
            [
                UnitPrice("item", "map", 1_000_000),
                UnitPrice("item", "quiz", 850_000_000),
                UnitPrice("item", "*", 0),
            ],
        ),
        (
            PagePrice("50"),
            [UnitPrice("page", "forward", 50_000_000), UnitPrice("page", "jump", 50_000_000)],
        ),
        (FlatPrice("3000", "week"), [UnitPrice("flat", "week", 3_000_000_000)]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_price_list_when_asked_then_has_exact_unit_prices(
    component: Component, expected: list[UnitPrice]
) -> None:
    """So many whole micro-units for so many units, whatever fraction one unit costs."""
    assert list(price_list(compile_tariff("t", Tariff("t", [component])))) == expected


def test_price_list_when_used_just_so_much_then_it_is_the_price() -> None:
    """What the list asks for ``per`` units is what rating charges for them."""
    tariff = compile_tariff("t", Tariff("t", [VolumePrice("bytes", "0.0000004", free=7)]))
    [unit] = price_list(tariff)
    used = Usage(duration_ms=0, meters={"bytes": 7 + 3 * unit.per}, items={}, pages={})
    assert [line.amount_micros for line in price(tariff, used)] == [3 * unit.amount_micros]
