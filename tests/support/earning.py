"""Tariffs by which members earn, and the contents that have them."""

from copy import deepcopy
from typing import Any

from tests.support.bench_shard import CATALOGUE

TARIFFS: list[dict[str, Any]] = [
    {
        "id": "chat",
        "provider_ppm": 200_000,
        "components": [
            {"kind": "time", "price": "10", "per_s": 1},
            {"kind": "item", "prices": {"rose": "100"}},
        ],
        "silence": {"timeout_s": 60, "pays": "last_event"},
        "charge_errors": False,
        "earns": {"who": "payee", "ppm": 700_000},
    },
    {
        "id": "ads",
        "provider_ppm": 100_000,
        "components": [{"kind": "time", "price": "5", "per_s": 1}],
        "caps": [{"per": "day", "amount": "100"}],
        "silence": {"timeout_s": 60},
        "sponsor": "acme",
        "earns": {"who": "member", "ppm": 400_000, "bucket": "points", "valid_days": 30},
    },
    {
        "id": "cashback",
        "components": [{"kind": "time", "price": "10", "per_s": 1}],
        "silence": {"timeout_s": 60},
        "charge_errors": False,
        "earns": {"who": "member", "ppm": 50_000, "bucket": "points"},
    },
]


def catalogue() -> dict[str, Any]:
    """The bench's, with a content for each of these tariffs."""
    found = deepcopy(CATALOGUE)
    tenant = found["tenants"][0]
    tenant["tariffs"] += deepcopy(TARIFFS)
    tenant["contents"] += [
        {"id": each["id"], "provider": "studio", "tariff": each["id"]} for each in TARIFFS
    ]
    return found
