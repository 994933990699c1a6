"""Tariffs whose passes members buy: days that end with midnight, weeks, months that roll.

Invariant: a pure function of the catalogue's number; a day's pass ends, and renews, while a
simulation runs. It does not own who buys what (``workload``).
"""

from collections.abc import Callable
from typing import Any

from cli.sim.clock_market import rush_hours
from cli.sim.ruled_market import MIDNIGHT_ZONE

Words = dict[str, Any]
PASS_CONTENTS = ("hall", "gym")
# Content, period, and whether the buyer says that it renews; some of it is not sold.
PASSES: tuple[tuple[str, str, bool | None], ...] = (
    ("hall", "day", None),
    ("hall", "day", None),
    ("hall", "day", False),
    ("hall", "month", None),
    ("hall", "month", True),
    ("hall", "week", None),
    ("gym", "week", None),
    ("gym", "day", None),
    ("nowhere", "day", None),
)


def pass_tariffs(at: Callable[[str], str]) -> list[Words]:
    """The tariffs.

    Args:
        at: A price in a catalogue.
    """

    def sold(period: str, price: str, **more: object) -> Words:
        return {
            "kind": "flat", "period": period, "price": at(price), "starts": "purchase", **more,
        }  # fmt: skip

    rush = rush_hours()
    return [
        {
            "id": "hall",
            "provider_ppm": 400_001,
            "components": [
                {"kind": "time", "price": at("2"), "per_s": 1},
                {
                    "kind": "volume", "meter": "bytes", "price": at("0.001"), "free": 300,
                    "rates": [{"name": "rush", "price": at("0.003"), "when": rush}],
                },
                {
                    "kind": "item", "other": at("0.5"),
                    "rates": [{"name": "rush", "other": at("0.2"), "when": rush}],
                },
                {"kind": "page", "price": at("0.7"), "direction": "both"},
                {"kind": "fee", "price": at("0.3")},
                sold("day", "60", renews=True),
                sold("month", "110", rolling=True),
            ],
            "silence": {"timeout_s": 12, "interval_s": 4, "pays": "half_interval"},
        },
        {
            "id": "gym",
            "provider_ppm": 250_000,
            "components": [
                {
                    "kind": "time", "price": at("1.5"), "per_s": 1, "first_s": 5, "next_s": 3,
                    "free_s": 1, "minimum": "2",
                },
                {"kind": "volume", "meter": "bytes", "price": at("0.002")},
                sold("week", "40", renews=True, covers=["time"]),
                sold("day", "9", rolling=True, renews=True, covers=["time"]),
            ],
            "caps": [{"per": "day", "amount": "25"}],
            "silence": {"timeout_s": 10, "interval_s": 3, "later": "new_incarnation"},
        },
    ]  # fmt: skip


def pass_contents() -> list[Words]:
    """What is sold at them."""
    return [
        {"id": content, "provider": provider, "tariff": content, "time_zone": MIDNIGHT_ZONE}
        for content, provider in zip(PASS_CONTENTS, ("press", "label"), strict=True)
    ]
