"""Tariffs whose volumes, items and pages have prices by the clock, alone and with all else.

Invariant: a pure function of the catalogue's number; the windows lie where the simulated clock
passes them, and a version is the same in each catalogue that announces it.
"""

from collections.abc import Callable
from typing import Any

from cli.sim.world import START_MS
from schemas.moment import SECOND_MS, text_from_ms

Words = dict[str, Any]
At = Callable[[str], str]
CALLS = "calls"


def _second(second: int) -> str:
    return f"23:{58 + second // 60}:{second % 60:02d}"


_RUSHES = [(_second(at), _second(at + 4)) for at in range(1, 110, 9)]


def clock_tariffs(number: int, at: At) -> list[Words]:
    """The tariffs.

    Args:
        number: Of the catalogue.
        at: A price in it.
    """
    return [_hourly(number, at), _meter()]


def window(days: str, start: str, to: str) -> Words:
    """Hours of some days."""
    return {"days": days.split(), "from": start, "to": to}


def from_start(after_ms: int) -> str:
    """A moment of the simulation, as a document has it."""
    return text_from_ms(START_MS + after_ms)


def rush_hours() -> list[Words]:
    """Four seconds of each nine of the two minutes before midnight."""
    return [window("weekend", *each) for each in _RUSHES]


def _outside_rush() -> list[Words]:
    """All that these leave of the week."""
    ends = ["00:00", *(edge for each in _RUSHES for edge in each), "24:00"]
    between = zip(ends[::2], ends[1::2], strict=True)
    weekend = [window("weekend", *each) for each in between]
    return [window("weekday holiday", "00:00", "24:00"), *weekend]


def _small_hours() -> list[Words]:
    return [window("weekday weekend", "00:00", "06:00"), window("holiday", "00:00", "24:00")]


def _hourly(number: int, at: At) -> Words:
    """Hours of what is counted, with all else that a volume may have; a version in between."""
    rush, night = rush_hours(), _small_hours()
    tiers = [{"up_to": 3, "price": at("0.6")}, {"price": at("0.4"), "fee": "0.5"}]
    calls: Words = {
        "kind": "volume", "meter": CALLS, "mode": "volume", "tiers": tiers,
        "rates": [{"name": "rush", "prices": [at("0.9"), at("0.4")], "when": rush}],
    }  # fmt: skip
    components: list[Words] = [
        {
            "kind": "volume", "meter": "bytes", "price": at("0.8"), "per": 700, "free": 400,
            "rates": [
                {"name": "rush", "price": at("1.7777777"), "when": rush},
                {"name": "night", "price": at("0.3"), "when": night},
            ],
        },
        calls,
        {
            "kind": "item", "prices": {"quiz": at("2")}, "other": at("0.7"),
            "rates": [{"name": "rush", "prices": {"map": at("3.1")}, "when": rush}],
        },
        {
            "kind": "page",
            "rates": [
                {"name": "rush", "price": at("0.9"), "when": rush},
                {"name": "calm", "price": at("0.2"), "when": _outside_rush()},
            ],
        },
    ]  # fmt: skip
    later: list[Words] = [
        {
            "kind": "volume", "meter": "bytes", "per": 700,
            "tiers": [{"up_to": 6_000, "price": "0.5", "fee": "0.1"}, {"price": "0.2"}],
            "rates": [{"name": "rush", "prices": ["0.9", "0.2"], "when": rush[::2]}],
        },
        {"kind": "item", "other": "0.8", "rates": [{"name": "late", "other": "1", "when": night}]},
    ]  # fmt: skip
    return {
        "id": "hourly",
        "provider_ppm": 432_101,
        "holidays": ["2026-11-01"],
        "components": components,
        "caps": [{"per": "session", "amount": "21", "of": ["volume", "page"]}],
        "versions": [
            {
                "from": from_start(40 * SECOND_MS + 500),
                "provider_ppm": 600_001,
                "components": later,
            }
        ][: number - 1],
        "silence": {"timeout_s": 11, "interval_s": 4},
    }


def _meter() -> Words:
    """Hours of volumes of calendar periods, shared by two providers."""
    rush, night = rush_hours(), _small_hours()
    return {
        "id": "meter",
        "provider_ppm": 543_210,
        "rounding": "down",
        "holidays": ["2026-11-01"],
        "components": [
            {
                "kind": "volume", "meter": "bytes", "per": 900, "free": 2_000, "increment": 30,
                "period": "day",
                "tiers": [{"up_to": 9_000, "price": "0.7"}, {"price": "0.3", "fee": "1"}],
                "rates": [
                    {"name": "rush", "prices": ["1.3", "0.3"], "when": rush},
                    {"name": "night", "prices": ["0.1", "0.1"], "when": night},
                ],
            },
            {
                "kind": "volume", "meter": CALLS, "free": 2, "period": "month", "price": "0.25",
                "rates": [{"name": "rush", "price": "0.3333333", "when": rush}],
            },
            {"kind": "page", "price": "0.1", "rates": [{"name": "r", "price": "0", "when": rush}]},
        ],
        "caps": [{"per": "day", "amount": "9", "of": ["page"]}],
        "silence": {"timeout_s": 12},
    }  # fmt: skip
