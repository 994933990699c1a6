"""Tariffs that use what a tariff can say, near the beginning of time, where test benches live.

Owns: the documents. Invariant: each compiles, and its boundaries lie within the first days of 1970.
"""

from typing import Any

_NIGHT = {
    "name": "night",
    "price": "7",
    "when": [
        {"from": "00:00", "to": "00:01", "days": ["weekday", "weekend"]},
        {"from": "09:00:10", "to": "13:00", "days": ["every"]},
    ],
}
_LATE = [{"from": "09:00:40", "to": "10:00"}]
_NOON = [{"from": "13:00", "to": "14:00"}]

RICH: list[dict[str, Any]] = [
    {
        "id": "clock",
        "components": [
            {"kind": "fee", "price": "3"},
            {"kind": "time", "price": "30", "per_s": 7, "first_s": 11, "next_s": 4, "free_s": 3,
             "minimum": "20", "rates": [_NIGHT]},
        ],
        "holidays": ["1970-01-02"],
        "provider_ppm": 333_333,
    },
    {
        "id": "steps",
        "components": [
            {"kind": "volume", "meter": "bytes", "per": 7, "free": 100, "increment": 64,
             "tiers": [{"up_to": 5_000, "price": "0.03", "fee": "1"}, {"price": "0.000001"}]},
            {"kind": "page", "price": "2", "direction": "both"},
            {"kind": "item", "prices": {"quiz": "4"}, "other": "1"},
            {"kind": "time", "price": "1", "per_s": 1},
        ],
        "caps": [{"per": "session", "amount": "900"}],
        "versions": [
            {"from": "1970-01-01T00:00:20Z", "provider_ppm": 500_000,
             "components": [{"kind": "volume", "meter": "bytes", "price": "0.01"},
                            {"kind": "time", "price": "2", "per_s": 1, "next_s": 5}]},
            {"from": "1970-01-03T00:00:00Z",
             "components": [{"kind": "page", "price": "5"}, {"kind": "fee", "price": "1"}]},
        ],
        "provider_ppm": 123_457,
    },
    {
        "id": "daily",
        "components": [
            {"kind": "time", "price": "1", "per_s": 1, "next_s": 60, "first_s": 60},
            {"kind": "volume", "meter": "bytes", "price": "0.0003"},
            {"kind": "item", "other": "11"},
        ],
        "caps": [{"per": "day", "amount": "400", "of": ["time", "item"]},
                 {"per": "session", "amount": "350", "of": ["time"]},
                 {"per": "week", "amount": "700"}],
        "provider_ppm": 700_001,
    },
    {
        "id": "monthly",
        "components": [
            {"kind": "volume", "meter": "bytes", "free": 1_000, "period": "month",
             "tiers": [{"up_to": 10**6, "price": "0.0001"}, {"price": "0.00001", "fee": "5"}]},
            {"kind": "time", "price": "1", "per_s": 1},
        ],
        "provider_ppm": 999_999,
    },
    {
        "id": "hours",
        "components": [
            {"kind": "volume", "meter": "bytes", "per": 7, "free": 100, "increment": 64,
             "tiers": [{"up_to": 500_000, "price": "0.03", "fee": "1"}, {"price": "0.001"}],
             "rates": [{"name": "night", "prices": ["0.05", "0.001"], "when": _NIGHT["when"]}]},
            {"kind": "item", "other": "1",
             "rates": [{"name": "night", "prices": {"quiz": "3"}, "when": _NIGHT["when"]}]},
            {"kind": "page", "price": "2", "direction": "both",
             "rates": [{"name": "late", "price": "0.5", "when": _LATE}]},
        ],
        "holidays": ["1970-01-02"],
        "versions": [
            {"from": "1970-01-02T00:00:20Z", "provider_ppm": 500_000,
             "components": [{"kind": "volume", "meter": "bytes", "price": "0.01", "rates": [
                 {"name": "night", "price": "0.02", "when": [{"from": "00:00", "to": "12:00"}]}]}]},
        ],
        "caps": [{"per": "session", "amount": "4000"}],
        "provider_ppm": 222_223,
    },
    {
        "id": "hours-daily",
        "components": [
            {"kind": "volume", "meter": "bytes", "price": "0.0002", "free": 1_000, "period": "day",
             "rates": [{"name": "night", "price": "0.0003", "when": _NIGHT["when"]},
                       {"name": "noon", "price": "0.0001", "when": _NOON}]},
            {"kind": "item", "prices": {"quiz": "7"},
             "rates": [{"name": "night", "other": "2", "when": _NIGHT["when"]}]},
        ],
        "holidays": ["1970-01-02"],
        "caps": [{"per": "day", "amount": "20"}],
        "provider_ppm": 700_001,
    },
]  # fmt: skip


def add_rich(
    tenant: dict[str, Any], silences: list[dict[str, Any]], *, zone: str = "Asia/Seoul"
) -> None:
    """Adds the tariffs to a tenant, each with two contents of two providers.

    Args:
        tenant: Of a catalogue document; changed.
        silences: What silence means, taken by the tariffs in turn.
        zone: Of the contents.
    """
    for number, tariff in enumerate(RICH):
        tenant["tariffs"].append(tariff | {"silence": silences[number % len(silences)]})
        for provider in ("p", "q"):
            tenant["contents"].append(
                {"id": f"{tariff['id']}-{provider}", "provider": provider, "time_zone": zone,
                 "tariff": tariff["id"]}
            )  # fmt: skip
