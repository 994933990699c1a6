"""The benchmark's catalogue: twenty tariffs of all kinds and as many contents as asked.

Invariant: the same numbers give the same bytes, so a second run puts nothing new into force.
"""

import random
from typing import Any

import msgspec

TENANT = "bench"
# Whose members have no money: each use is a debit, and a word to its server to stop.
PROBED = "bench-probed"
PROBE_CONTENT = "probe"
PROBE_MICROS = 10_000_000
# Above what any member of a run can use up: the load is rating and debits, not cut-offs.
CREDIT_LIMIT = "100000000"
PROVIDERS = 50
_SEED = 20_261_124


def _time(price: str, per_s: int, first_s: int, next_s: int, **more: object) -> dict[str, Any]:
    return {
        "kind": "time", "price": price, "per_s": per_s, "first_s": first_s, "next_s": next_s, **more
    }  # fmt: skip


def _volume(meter: str, price: str, per: int, free: int = 0) -> dict[str, Any]:
    return {"kind": "volume", "meter": meter, "price": price, "per": per, "free": free}


_ITEMS = {"kind": "item", "prices": {"quiz": "850", "sticker": "100"}, "other": "10"}
_FORWARD = {"kind": "page", "price": "50", "direction": "forward"}
_BOTH_WAYS = {"kind": "page", "price": "20", "direction": "both"}

_COMPONENTS: tuple[list[dict[str, Any]], ...] = (
    [_time("30", 60, 1, 1)],
    [_time("30", 60, 60, 60)],
    [_time("12", 10, 30, 6)],
    [_time("0.5", 1, 1, 1, free_s=15)],
    [_time("60", 60, 10, 10, minimum="5")],
    [_volume("bytes", "0.000001", 1)],
    [_volume("bytes", "1", 1_000_000, 10_000_000)],
    [_volume("tokens", "3", 1_000)],
    [_volume("bytes", "0.000002", 1), _volume("tokens", "15", 1_000)],
    [_ITEMS],
    [_FORWARD],
    [_BOTH_WAYS],
    [{"kind": "flat", "price": "1000", "period": "day"}],
    [{"kind": "flat", "price": "5000", "period": "week"}],
    [{"kind": "flat", "price": "15000", "period": "month"}],
    [_time("30", 60, 1, 1), _volume("bytes", "0.000001", 1)],
    [_time("30", 1, 1, 1), _ITEMS],
    [_FORWARD, _ITEMS],
    [_time("10", 60, 1, 1), _volume("bytes", "1", 1_000_000), _FORWARD, _ITEMS],
    [{"kind": "flat", "price": "500", "period": "day"}, _volume("tokens", "1", 1_000)],
)
TARIFFS = len(_COMPONENTS)


def bench_catalogue(contents: int, *, is_probed: bool = False) -> bytes:
    """The catalogue as JSON.

    Args:
        contents: How many; their tariffs go round.
        is_probed: Whether the tenant of the probes is in it.
    """
    chance = random.Random(_SEED)  # noqa: S311 -- reproducible on purpose
    tariffs = [
        {
            "id": f"tariff-{number}",
            "components": components,
            "provider_ppm": 500_000 + 10_000 * number,
            "low_balance": "100",
            # Longer than a run: what is measured is use, not the end of all sessions at once.
            "silence": {"timeout_s": 3_600, "interval_s": 10},
        }
        for number, components in enumerate(_COMPONENTS)
    ]
    on_sale = [
        {
            "id": f"content-{number}",
            "provider": f"provider-{chance.randrange(PROVIDERS)}",
            "tariff": f"tariff-{number % TARIFFS}",
            "time_zone": "Asia/Seoul",
        }
        for number in range(contents)
    ]
    tenant = {
        "id": TENANT,
        "currency": "KRW",
        "credit_limit": CREDIT_LIMIT,
        "tariffs": tariffs,
        "contents": on_sale,
    }
    return msgspec.json.encode({"tenants": [tenant, _probed()] if is_probed else [tenant]})


def _probed() -> dict[str, Any]:
    tariff = {
        "id": "items",
        "components": [{"kind": "item", "other": str(PROBE_MICROS // 1_000_000)}],
        "silence": {"timeout_s": 3_600, "interval_s": 10},
    }
    content = {"id": PROBE_CONTENT, "provider": "provider-0", "tariff": "items"}
    return {"id": PROBED, "currency": "KRW", "tariffs": [tariff], "contents": [content]}
