"""What is on sale in the simulation: versions of one catalogue, whose prices differ.

Invariant: a version's document is a pure function of its number; every kind of price, every
meaning of silence and a shadow of each kind of scope is in it. The auditor reads the same
documents, in their own words.
"""

from decimal import Decimal
from functools import cache
from typing import Any

import msgspec

from cli.sim.agreeing import token_rules
from cli.sim.clock_market import CALLS
from cli.sim.pass_market import PASS_CONTENTS, pass_contents, pass_tariffs
from cli.sim.ruled_market import (
    MIDNIGHT_ZONE,
    RULED_LOOSE_CONTENTS,
    RULED_SESSION_CONTENTS,
    ruled_contents,
    ruled_tariffs,
)
from rating.catalogue import Catalogue, compile_catalogue
from schemas.catalogue import digest_of, document_from_json

VERSIONS_MAX = 6
SESSION_CONTENTS = {
    "tv": (
        *("news", "web", "again", "daily", "lost", "book", "film", "seat", "stream", "game"),
        *(*RULED_SESSION_CONTENTS, *PASS_CONTENTS),
    ),
    "fm": (
        *("radio", "music", "album", "encore", "booth", "stage"),
        *("guild", "guild", "guild", "vault", "vault", *RULED_SESSION_CONTENTS),
        *PASS_CONTENTS,
    ),
}
LOOSE_CONTENTS = {
    "tv": ("web", "book", "daily", *RULED_LOOSE_CONTENTS, *PASS_CONTENTS),
    "fm": ("music", "album", "vault", "vault", *RULED_LOOSE_CONTENTS, *PASS_CONTENTS),
}
MANAGER = "boss"
MEMBERS_MAX = 100
# Whom no tenant that registers its members knows.
STRANGER = "stranger"
METERS = ("bytes", CALLS)
ITEMS = ("quiz", "map")


def _price(text: str, version: int) -> str:
    """A tenth dearer with each version."""
    return str(Decimal(text) * (9 + version) / 10)


def _by_use(version: int) -> list[dict[str, Any]]:
    """Tariffs of what is used: volume, items, pages."""

    def at(text: str) -> str:
        return _price(text, version)

    return [
        {
            "id": "bytes",
            "provider_ppm": 333_333,
            "low_balance": "150",
            "components": [
                {"kind": "volume", "meter": "bytes", "price": at("0.001"), "per": 700, "free": 500},
                {"kind": "item", "other": at("0.25")},
            ],
            "silence": {"timeout_s": 15, "means": "idle"},
        },
        {
            "id": "pages",
            "provider_ppm": 250_000,
            "low_balance": "120",
            "rounding": "down",
            "components": [
                {"kind": "page", "price": at("0.7"), "direction": "both"},
                {"kind": "item", "prices": {"map": at("3")}, "other": at("0.1")},
            ],
            "silence": {"timeout_s": 12},
        },
        {
            "id": "pass",
            "provider_ppm": 500_000,
            "components": [{"kind": "flat", "price": "3000", "period": "day"}],
            "silence": {"timeout_s": 9, "pays": "nothing"},
            "limits": {"input_s": 7},
        },
    ]


def _by_time(version: int) -> list[dict[str, Any]]:
    """Tariffs of how long it is used."""

    def at(text: str) -> str:
        return _price(text, version)

    return [
        {
            "id": "second",
            "provider_ppm": 700_001,
            "low_balance": "100",
            "components": [
                {"kind": "time", "price": at("30"), "per_s": 1},
                {"kind": "item", "prices": {"quiz": at("7.60")}},
            ],
            "silence": {"timeout_s": 10, "interval_s": 2},
        },
        {
            "id": "again",
            "provider_ppm": 123_457,
            "low_balance": "60",
            "components": [{"kind": "time", "price": at("1"), "per_s": 7}],
            "silence": {
                "timeout_s": 8, "interval_s": 3, "pays": "half_interval",
                "later": "new_incarnation",
            },
        },
        {
            "id": "lost",
            "provider_ppm": 10_000,
            "components": [{"kind": "time", "price": at("5"), "per_s": 3}],
            "silence": {"timeout_s": 10, "pays": "nothing"},
            "charge_errors": False,
        },
        {
            "id": "minute",
            "provider_ppm": 999_999,
            "low_balance": "200",
            "rounding": "up",
            "components": [
                {
                    "kind": "time", "price": at("0.9"), "per_s": 60, "first_s": 30, "next_s": 6,
                    "free_s": 3, "minimum": "0.2",
                },
                {"kind": "page", "price": at("0.00003")},
            ],
            "silence": {"timeout_s": 11, "interval_s": 5, "pays": "half_interval"},
        },
    ]  # fmt: skip


def _by_limit(version: int) -> list[dict[str, Any]]:
    """Tariffs that limit sessions at once and time without input."""
    time = {"kind": "time", "price": _price("2", version), "per_s": 3}
    return [
        {
            "id": "seat",
            "provider_ppm": 400_000,
            "components": [time],
            "silence": {"timeout_s": 10, "interval_s": 2},
            "limits": {"sessions": 1 + version % 2, "input_s": 6},
        },
        {
            "id": "stream",
            "provider_ppm": 600_000,
            "components": [time, {"kind": "item", "other": _price("1", version)}],
            "silence": {"timeout_s": 12, "interval_s": 4, "pays": "half_interval"},
            "limits": {"sessions": 1 + version % 2, "when_full": "end_oldest", "input_s": 9},
        },
        {
            "id": "game",
            "provider_ppm": 800_000,
            "components": [time],
            "silence": {"timeout_s": 14, "interval_s": 3, "later": "new_incarnation"},
            "limits": {"sessions": 1, "when_full": "end_oldest", "input_s": 5},
        },
        {
            "id": "table",
            "provider_ppm": 0,
            "components": [time],
            "silence": {"timeout_s": 9, "interval_s": 3, "later": "new_incarnation"},
            "limits": {"sessions": 1, "when_full": "refuse"},
        },
        {
            "id": "crowd",
            "provider_ppm": 50_000,
            "components": [time],
            "silence": {"timeout_s": 9},
            "limits": {"sessions": 1, "when_full": "allow", "input_s": 8},
        },
    ]


def _tariffs(version: int) -> list[dict[str, Any]]:
    def at(text: str) -> str:
        return _price(text, version)

    ruled = [*ruled_tariffs(version, at), *pass_tariffs(at)]
    return [*_by_time(version), *_by_use(version), *_by_limit(version), *ruled]


def _registered() -> dict[str, Any]:
    members = [{"id": f"m{number}"} for number in range(MEMBERS_MAX)]
    return {"membership": "registered", "members": members}


@cache
def document(version: int) -> dict[str, Any]:
    """A version as people would write it; not to be changed."""
    tariffs = _tariffs(version)
    return {
        "tenants": [
            {
                "id": "tv",
                "currency": "KRW",
                "horizon_h": 1,
                "credit_limit": "50",
                "tariffs": tariffs,
                "contents": [
                    {"id": "news", "provider": "kbs", "tariff": "second", "managers": [MANAGER]},
                    {"id": "web", "provider": "site", "tariff": "bytes", "shadow": "quota"},
                    {"id": "again", "provider": "kbs", "tariff": "again"},
                    {
                        "id": "daily", "provider": "press", "tariff": "pass",
                        "time_zone": MIDNIGHT_ZONE,
                    },
                    {"id": "lost", "provider": "kbs", "tariff": "lost"},
                    {"id": "book", "provider": "press", "tariff": "pages", "shadow": "bytes"},
                    {
                        "id": "film", "provider": "site", "tariff": "minute", "shadow": "pass",
                        "time_zone": MIDNIGHT_ZONE,
                    },
                    {"id": "seat", "provider": "site", "tariff": "seat"},
                    {"id": "stream", "provider": "kbs", "tariff": "stream"},
                    {"id": "game", "provider": "press", "tariff": "game"},
                    *ruled_contents(),
                    *pass_contents(),
                ],
            },
            {
                "id": "fm",
                "currency": "KRW",
                "horizon_h": 1,
                "remember": "increments",
                **_registered(),
                "tariffs": tariffs,
                "contents": [
                    {"id": "radio", "provider": "kbs", "tariff": "second"},
                    {"id": "music", "provider": "label", "tariff": "bytes"},
                    {"id": "album", "provider": "label", "tariff": "pages"},
                    {"id": "encore", "provider": "kbs", "tariff": "again", "shadow": "lost"},
                    {"id": "booth", "provider": "label", "tariff": "crowd"},
                    {"id": "stage", "provider": "kbs", "tariff": "table"},
                    {
                        "id": "guild", "provider": "kbs", "tariff": "second",
                        "consent": {"require": "either"},
                    },
                    {
                        "id": "vault", "provider": "label", "tariff": "bytes",
                        "consent": {"require": "mandate"},
                    },
                    *ruled_contents(),
                    *pass_contents(),
                ],
                "tokens": token_rules(),
            },
        ]
    }  # fmt: skip


@cache
def tariff_of(tenant: str, content: str) -> str:
    """The tariff of a content, which is the same in every version."""
    sold = next(each for each in document(1)["tenants"] if each["id"] == tenant)["contents"]
    return str(next(each["tariff"] for each in sold if each["id"] == content))


@cache
def digest(version: int) -> str:
    """The name of a version's body."""
    return digest_of(_body(version))


def newest() -> Catalogue:
    """The catalogue as edges know it; what it says of consent is the same in every version."""
    return _compiled(VERSIONS_MAX)


async def bodies(wanted: str) -> Catalogue:
    """The compiled catalogue of a body; see ``shard.loading.Bodies``."""
    for version in range(1, VERSIONS_MAX + 1):
        if digest(version) == wanted:
            return _compiled(version)
    raise KeyError(wanted)


def _body(version: int) -> bytes:
    return msgspec.json.encode(document(version))


@cache
def _compiled(version: int) -> Catalogue:
    return compile_catalogue(document_from_json(_body(version)))
