"""Tariffs of every kind, for measuring what it costs to rate under each.

Owns: the documents, from the plainest to the worst that a tenant may think of.
"""

from typing import Any

_NIGHT = {"name": "night", "price": "10", "when": [{"from": "22:00", "to": "24:00"}]}
_EARLY = {"name": "early", "price": "5", "when": [{"from": "00:00", "to": "06:00"}]}
_WEEKEND = {"name": "weekend", "price": "20", "when": [
    {"days": ["weekend", "holiday"], "from": "06:00", "to": "22:00"}]}  # fmt: skip
_SECONDS = {"kind": "time", "price": "30"}
_MINUTES = {"kind": "time", "price": "30", "first_s": 60, "next_s": 60}
_CLOCK = {"kind": "time", "price": "30", "first_s": 60, "next_s": 60, "free_s": 120,
          "rates": [_NIGHT, _EARLY, _WEEKEND]}  # fmt: skip
_BYTES = {"kind": "volume", "meter": "bytes", "price": "1", "per": 1_000_000}
_TOKENS = {"kind": "volume", "meter": "tokens", "price": "15", "per": 1_000}
_STEPS = [{"up_to": 10**7, "price": "3"}, {"up_to": 10**9, "price": "2"}, {"price": "1"}]
_LADDER = {"kind": "volume", "meter": "bytes", "per": 1_000_000, "tiers": _STEPS}
_MONTHLY = {"kind": "volume", "meter": "tokens", "per": 1_000, "tiers": _STEPS, "period": "month"}
_HOLIDAYS = ["2026-10-03", "2026-10-09", "2026-12-25"]
_NEXT = [{"from": f"2026-10-{day:02d}T00:00:00+09:00", "components": [_SECONDS, _BYTES]}
         for day in (5, 12, 19)]  # fmt: skip

TARIFFS: dict[str, dict[str, Any]] = {
    "seconds": {"components": [_SECONDS]},
    "minutes": {"components": [_MINUTES]},
    "30/6, minimum": {
        "components": [{**_SECONDS, "first_s": 30, "next_s": 6, "minimum": "20"}]
    },
    "bytes": {"components": [_BYTES]},
    "tokens, two meters": {"components": [_BYTES, _TOKENS]},
    "package": {"components": [{**_BYTES, "free": 10**8, "increment": 1_000_000}]},
    "tiers": {"components": [_LADDER]},
    "tiers by total": {"components": [{**_LADDER, "mode": "volume"}]},
    "pages": {"components": [{"kind": "page", "price": "50"}]},
    "items": {"components": [{"kind": "item", "other": "10"}]},
    "day pass": {"components": [{"kind": "flat", "price": "1000", "period": "day"}]},
    "fee and minutes": {"components": [{"kind": "fee", "price": "100"}, _MINUTES]},
    "by the clock": {"components": [_CLOCK], "holidays": _HOLIDAYS},
    "bytes by the clock": {
        "components": [{**_BYTES, "free": 10**6, "rates": [_NIGHT, _EARLY, _WEEKEND]}],
        "holidays": _HOLIDAYS,
    },
    "minutes, session cap": {
        "components": [_MINUTES], "caps": [{"per": "session", "amount": "5000"}],
    },
    "minutes, day cap": {"components": [_MINUTES], "caps": [{"per": "day", "amount": "5000"}]},
    "three versions": {"components": [_MINUTES, _BYTES], "versions": _NEXT},
    "tokens by the month": {"components": [_MONTHLY]},
    "fee, clock, bytes": {
        "components": [{"kind": "fee", "price": "100"}, _CLOCK, _BYTES], "holidays": _HOLIDAYS,
    },
    "fee, clock, day cap, tiers": {
        "components": [{"kind": "fee", "price": "100"}, _CLOCK, _LADDER],
        "caps": [{"per": "day", "amount": "9000"}], "holidays": _HOLIDAYS,
    },
    "all at once": {
        "components": [{"kind": "fee", "price": "100"}, _CLOCK, _LADDER, _MONTHLY,
                       {"kind": "page", "price": "5"}],
        "caps": [{"per": "session", "amount": "5000"}, {"per": "day", "amount": "9000"},
                 {"per": "month", "amount": "90000"}],
        "holidays": _HOLIDAYS, "versions": _NEXT,
    },
}  # fmt: skip
