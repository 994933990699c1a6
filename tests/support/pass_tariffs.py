"""Tariffs whose passes members buy, near the beginning of time, where test benches live.

Owns: the documents. Invariant: each compiles; one covers all that is used, the other time alone.
"""

from typing import Any

CLUBS: list[dict[str, Any]] = [
    {
        "id": "club",
        "provider_ppm": 333_333,
        "components": [
            {"kind": "fee", "price": "3"},
            {"kind": "time", "price": "30", "per_s": 7, "first_s": 11, "next_s": 4, "free_s": 3,
             "minimum": "20",
             "rates": [{"name": "night", "price": "7",
                        "when": [{"from": "00:00", "to": "09:00:10", "days": ["every"]}]}]},
            {"kind": "volume", "meter": "bytes", "per": 7, "free": 100, "increment": 64,
             "tiers": [{"up_to": 5_000, "price": "0.03", "fee": "1"}, {"price": "0.000001"}]},
            {"kind": "page", "price": "2", "direction": "both"},
            {"kind": "item", "prices": {"quiz": "4"}, "other": "1"},
            {"kind": "flat", "price": "40", "period": "day", "starts": "purchase", "rolling": True,
             "renews": True},
            {"kind": "flat", "price": "90", "period": "week", "starts": "purchase"},
        ],
        "caps": [{"per": "session", "amount": "700"}],
    },
    {
        "id": "gym",
        "provider_ppm": 500_000,
        "components": [
            {"kind": "time", "price": "1", "per_s": 1},
            {"kind": "volume", "meter": "bytes", "price": "0.01", "period": "day"},
            {"kind": "page", "price": "2"},
            {"kind": "flat", "price": "5", "period": "day", "starts": "purchase", "renews": True,
             "covers": ["time", "volume"]},
            {"kind": "flat", "price": "60", "period": "month", "starts": "purchase",
             "rolling": True, "covers": ["time", "volume"]},
        ],
        "caps": [{"per": "day", "amount": "800"}],
    },
]  # fmt: skip
PERIODS = {"club": ("day", "week"), "gym": ("day", "month")}
CONTENTS = [f"{tariff['id']}-{provider}" for tariff in CLUBS for provider in "pq"]


def add_clubs(tenant: dict[str, Any], silence: dict[str, Any]) -> None:
    """Adds these tariffs to a tenant, each sold by two providers in Seoul."""
    for tariff in CLUBS:
        tenant["tariffs"].append(tariff | {"silence": silence})
    for content in CONTENTS:
        name, provider = content.split("-")
        tenant["contents"].append(
            {"id": content, "provider": provider, "tariff": name, "time_zone": "Asia/Seoul"}
        )
