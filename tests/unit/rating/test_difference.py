"""What changed between two prices, and how they are rounded and shared."""

import pytest

from rating.difference import difference
from rating.rounding import ROUNDINGS, RoundingName
from rating.share import provider_share
from schemas.ledger import ChargeLine

TIME = ChargeLine("time", "ms", 60_000, 30)
MORE_TIME = ChargeLine("time", "ms", 90_000, 45)
BYTES = ChargeLine("volume", "bytes", 10, 1)
LESS_TIME = ChargeLine("time", "ms", -60_000, -30)
LESS_BYTES = ChargeLine("volume", "bytes", -10, -1)
NO_COST = ChargeLine("volume", "bytes", 20, 1)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ((), (), ()),
        ((), (TIME, BYTES), (TIME, BYTES)),
        ((TIME, BYTES), (TIME, BYTES), ()),
        ((TIME,), (MORE_TIME,), (ChargeLine("time", "ms", 30_000, 15),)),
        ((MORE_TIME,), (TIME,), (ChargeLine("time", "ms", -30_000, -15),)),
        ((BYTES,), (NO_COST,), (ChargeLine("volume", "bytes", 10, 0),)),
        ((TIME,), (BYTES, MORE_TIME), (BYTES, ChargeLine("time", "ms", 30_000, 15))),
        ((TIME, BYTES), (), (LESS_TIME, LESS_BYTES)),
        ((TIME, BYTES), (TIME,), (LESS_BYTES,)),
    ],
)
def test_difference_when_prices_change_then_only_the_change_is_listed(
    old: tuple[ChargeLine, ...], new: tuple[ChargeLine, ...], expected: tuple[ChargeLine, ...]
) -> None:
    """Lines come in the new price's order, then what it no longer has."""
    assert difference(old, new) == expected


@pytest.mark.parametrize(
    ("name", "numerator", "denominator", "expected"),
    [
        ("half_up", 0, 3, 0),
        ("half_up", 1, 2, 1),
        ("half_up", 1, 3, 0),
        ("half_up", 5, 2, 3),
        ("half_up", 2**53, 1, 2**53),
        ("down", 5, 3, 1),
        ("down", 6, 3, 2),
        ("up", 4, 3, 2),
        ("up", 6, 3, 2),
        ("up", 0, 3, 0),
    ],
)
def test_rounding_when_named_then_it_does_what_its_name_says(
    name: RoundingName, numerator: int, denominator: int, expected: int
) -> None:
    """Each rounding is exact for whole numbers and differs only between them."""
    assert ROUNDINGS[name](numerator, denominator) == expected


@pytest.mark.parametrize(
    ("total", "ppm", "expected"),
    [
        (0, 700_000, 0),
        (1, 999_999, 0),  # 0.999999 is cut off
        (10, 700_000, 7),
        (10, 750_000, 7),  # 7.5 is cut off
        (-10, 750_000, -7),  # toward zero on both sides
        (2**53 - 1, 1_000_000, 2**53 - 1),
        (2**53 - 1, 0, 0),
        (148_340_808_399, 700_000, 103_838_565_879),  # 103,838,565,879.3
    ],
)
def test_share_when_taken_then_the_rest_stays_with_the_platform(
    total: int, ppm: int, expected: int
) -> None:
    """The share is cut off toward zero."""
    assert provider_share(total, ppm) == expected
