"""Tariffs that use every rule of prices: hours, holidays, tiers, caps, versions.

Invariant: a pure function of the catalogue's number; their windows and versions lie where the
simulated clock passes them, and a version is the same in each catalogue that announces it.
It does not own when catalogues come into force (``workload``).
"""

from collections.abc import Callable
from typing import Any

from cli.sim.clock_market import CALLS, clock_tariffs, from_start, window
from schemas.moment import SECOND_MS

Words = dict[str, Any]
At = Callable[[str], str]
# Two minutes to midnight there when a simulation begins, on a Saturday that ends a month.
MIDNIGHT_ZONE = "America/Chicago"
# Two minutes to where clocks go back from two to one.
TURNING_ZONE = "America/Halifax"
RULED_SESSION_CONTENTS = (
    "night",
    "feast",
    "ladder",
    "turns",
    "shift",
    "capped",
    "quota",
    "bundle",
    "hourly",
    "meter",
    "flow",
)
RULED_LOOSE_CONTENTS = (
    *("ladder", "turns", "capped", "monthly", "club", "quota", "bundle"),
    *("hourly", "meter", "flow"),
)


def ruled_tariffs(number: int, at: At) -> list[Words]:
    """The tariffs.

    Args:
        number: Of the catalogue.
        at: A price in it.
    """
    return [
        _night(at), _feast(at), _ladder(at), _turns(number, at), _shift(number, at), _capped(),
        _monthly(), _quota(), *clock_tariffs(number, at),
    ]  # fmt: skip


def ruled_contents() -> list[Words]:
    """What is sold at them."""
    tariffs = {each: each for each in RULED_SESSION_CONTENTS} | {
        "bundle": "quota",
        "club": "monthly",
        "flow": "meter",
    }
    providers = {
        "feast": "press",
        "capped": "kbs",
        "quota": "site",
        "bundle": "label",
        "club": "label",
        "meter": "site",
        "flow": "label",
    }
    # A tariff beside itself, whose periods must not meet; and one whose prices are announced.
    shadows = {"capped": "capped", "bundle": "turns", "meter": "hourly"}
    return [
        {
            "id": content,
            "provider": providers.get(content, "kbs"),
            "tariff": tariff,
            "time_zone": TURNING_ZONE if content in {"feast", "shift"} else MIDNIGHT_ZONE,
            **({"shadow": shadows[content]} if content in shadows else {}),
        }
        for content, tariff in tariffs.items()
    ]


def _night(at: At) -> Words:
    """Hours of days of the week; increments that begin in one hour and end in another."""
    time = {
        "kind": "time", "price": at("12.5"), "per_s": 60, "first_s": 7, "next_s": 3, "free_s": 2,
        "minimum": "0.9",
        "rates": [
            {
                "name": "rush",
                "price": at("77.777777"),
                "when": [
                    window("weekend", "23:58:04", "23:58:09"),
                    window("weekend", "23:58:15", "23:58:21"),
                    window("sat", "23:58:27", "23:59:30"),
                ],
            },
            {
                "name": "night",
                "price": at("3"),
                "when": [
                    window("weekday weekend", "00:00", "06:00"),
                    window("holiday", "00:00", "24:00"),
                ],
            },
        ],
    }  # fmt: skip
    return {
        "id": "night",
        "provider_ppm": 412_345,
        "holidays": ["2026-11-01"],
        "components": [time],
        "caps": [{"per": "session", "amount": "55.5"}],
        "silence": {"timeout_s": 10, "interval_s": 4, "pays": "half_interval"},
    }


def _feast(at: At) -> Words:
    """A holiday whose hours come twice, and a price that its rates have between them."""
    quiet = [
        window("weekday weekend", "00:00", "24:00"), window("holiday", "00:00", "01:58:11"),
        window("holiday", "01:58:19", "24:00"),
    ]  # fmt: skip
    return {
        "id": "feast",
        "provider_ppm": 250_001,
        "rounding": "down",
        "holidays": ["2026-10-30", "2026-11-01"],
        "components": [
            {"kind": "fee", "price": at("1.5")},
            {
                "kind": "time", "per_s": 7,
                "rates": [
                    {"name": "quiet", "price": at("1"), "when": quiet},
                    {
                        "name": "feast", "price": at("2.3"),
                        "when": [window("holiday", "01:58:11", "01:58:19")],
                    },
                ],
            },
        ],
        "silence": {"timeout_s": 9, "means": "idle", "later": "new_incarnation"},
    }  # fmt: skip


def _ladder(at: At) -> Words:
    """Tiers of both kinds, started increments, two fees, caps one within the other."""
    return {
        "id": "ladder",
        "provider_ppm": 666_667,
        "rounding": "up",
        "components": [
            {"kind": "fee", "price": at("0.5")},
            {"kind": "fee", "price": "0.25", "name": "setup"},
            {
                "kind": "volume", "meter": "bytes", "per": 700, "free": 200, "increment": 64,
                "tiers": [
                    {"up_to": 4_000, "price": at("0.9")},
                    {"up_to": 16_000, "price": at("0.5"), "fee": "1.5"},
                    {"price": at("0.3333333"), "fee": "0.2"},
                ],
            },
            {
                "kind": "volume", "meter": CALLS, "mode": "volume",
                "tiers": [
                    {"up_to": 4, "price": at("0.7")}, {"up_to": 9, "price": at("0.41"), "fee": "1"},
                    {"price": at("0.35")},
                ],
            },
            {"kind": "item", "prices": {"quiz": at("2.5")}},
        ],
        "caps": [{"per": "session", "amount": "16", "of": ["volume", "item"]}],
        "silence": {"timeout_s": 12},
        "charge_errors": False,
    }  # fmt: skip


def _turns(number: int, at: At) -> Words:
    """Versions that come into force while sessions go on, the more the later the catalogue."""
    versions = [
        {
            "from": from_start(6 * SECOND_MS),
            "provider_ppm": 100_003,
            "components": [
                {"kind": "time", "price": "25", "next_s": 4, "minimum": "1"},
                {"kind": "volume", "meter": "bytes", "price": "0.002", "free": 1_000, "per": 3},
                {"kind": "page", "price": "0.4", "direction": "both"},
                {"kind": "fee", "price": "0.75"},
            ],
        },
        {
            "from": from_start(14 * SECOND_MS + 250),
            "provider_ppm": 900_001,
            "components": [
                {
                    "kind": "volume", "meter": "bytes", "per": 700, "increment": 50,
                    "tiers": [{"up_to": 5_000, "price": "0.2", "fee": "0.3"}, {"price": "0.7"}],
                },
                {"kind": "time", "price": "31", "first_s": 9, "next_s": 1},
                {"kind": "item", "other": "0.9"},
            ],
        },
        {
            "from": from_start(22 * SECOND_MS),
            "provider_ppm": 333_333,
            "components": [
                {"kind": "time", "price": "7", "per_s": 11, "next_s": 2},
                {"kind": "fee", "price": "0.35"},
                {"kind": "page", "price": "0.3"},
            ],
        },
        {
            "from": from_start(35 * SECOND_MS),
            "provider_ppm": 500_000,
            "components": [{"kind": "time", "price": "19", "next_s": 5, "free_s": 1}],
        },
    ]  # fmt: skip
    return {
        "id": "turns",
        "provider_ppm": 555_555,
        "components": [
            {"kind": "fee", "price": at("0.6")},
            {"kind": "time", "price": at("10"), "first_s": 5, "next_s": 2, "free_s": 1},
            {"kind": "volume", "meter": "bytes", "price": at("0.0007")},
            {"kind": "page", "price": at("0.2")},
            {"kind": "item", "prices": {"quiz": at("0.5")}},
        ],
        "caps": [{"per": "session", "amount": "42", "of": ["time", "volume", "fee"]}],
        "versions": versions[: number + 1],
        "silence": {"timeout_s": 14, "interval_s": 3, "pays": "half_interval"},
    }


def _shift(number: int, at: At) -> Words:
    """Hours and versions together, announced by later catalogues; in the last time has no price."""
    rates = [
        {
            "name": "turn",
            "price": "23.1",
            "when": [
                window("every", "01:58:08", "01:58:16"),
                window("holiday sun", "01:58:20", "03:30"),
            ],
        }
    ]  # fmt: skip
    versions = [
        {
            "from": from_start(11 * SECOND_MS + 500),
            "provider_ppm": 222_222,
            "components": [{"kind": "time", "price": "14.4", "next_s": 3, "rates": rates}],
        },
        {
            "from": from_start(29 * SECOND_MS),
            "provider_ppm": 777_777,
            "components": [{"kind": "volume", "meter": "bytes", "price": "0.0011"}],
        },
    ]
    return {
        "id": "shift",
        "provider_ppm": 1,
        "rounding": "down",
        "components": [
            {"kind": "time", "price": at("9"), "first_s": 4, "next_s": 6, "rates": rates},
            {"kind": "volume", "meter": "bytes", "price": at("0.0009"), "free": 300},
        ],
        "versions": versions[: number - 1],
        "silence": {"timeout_s": 11, "later": "new_incarnation"},
    }


def _capped() -> Words:
    """The most that a day comes to, whatever sessions it has."""
    return {
        "id": "capped",
        "provider_ppm": 345_678,
        "components": [
            {"kind": "fee", "price": "0.4"},
            {"kind": "time", "price": "30", "next_s": 3, "minimum": "0.8"},
            {"kind": "item", "other": "1.1"},
            {"kind": "volume", "meter": "bytes", "price": "0.0001"},
        ],
        "caps": [{"per": "day", "amount": "12", "of": ["time", "fee"]}],
        "silence": {"timeout_s": 13},
    }


def _monthly() -> Words:
    """The most that a month comes to, of what the cap of each session leaves; two providers'."""
    return {
        "id": "monthly",
        "provider_ppm": 505_050,
        "rounding": "up",
        "components": [
            {"kind": "time", "price": "11.1", "per_s": 7, "free_s": 2},
            {"kind": "volume", "meter": "bytes", "price": "0.0003333", "increment": 9},
            {"kind": "page", "price": "0.6"},
        ],
        "caps": [
            {"per": "session", "amount": "9.5", "of": ["time"]},
            {"per": "month", "amount": "17.7"},
        ],
        "silence": {"timeout_s": 12, "interval_s": 6, "pays": "half_interval"},
    }


def _quota() -> Words:
    """Volumes of calendar periods, of two providers' contents."""
    return {
        "id": "quota",
        "provider_ppm": 654_321,
        "components": [
            {
                "kind": "volume", "meter": "bytes", "per": 700, "free": 3_000, "increment": 100,
                "period": "day",
                "tiers": [{"up_to": 15_000, "price": "0.8"}, {"price": "0.25", "fee": "2"}],
            },
            {"kind": "volume", "meter": CALLS, "price": "0.3", "free": 3, "period": "week"},
            {"kind": "page", "price": "0.15"},
        ],
        "caps": [{"per": "day", "amount": "25"}],
        "silence": {"timeout_s": 10},
    }  # fmt: skip
