"""One whole stack for the end-to-end tests: real Kafka, Redis, chDB and all of our processes."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from cli.keyfile import ensure_card_secrets
from cli.publishing import publish_body
from cli.sample import CATALOGUE, sample_bytes
from runtime.embedded.services import ncash_services
from runtime.embedded.stack import EmbeddedStack
from runtime.settings import Settings
from tests.support.issuing import AUDIENCE, ISSUER, SigningKey

KILLED = ("worker-1", "edge", "warehouse", "kafka", "collect-kafka", "redis-wiped", "redis-cut")
# Takes only registered members; otherwise the demo's tenant.
CLUB = "club"
# Asks that its members agreed.
ASKING = "asking"
LIVE_TENANTS = ("demo", CLUB, ASKING)
# Keys of the tenant demo that may not do everything.
NARROW_KEYS: tuple[dict[str, Any], ...] = (
    {"id": "reader", "scopes": ["wallet:read"]},
    {"id": "one-source", "scopes": ["usage:write"], "sources": ["only-this"]},
)
SIGNING = SigningKey("2026-01")
ASKING_TENANT: dict[str, Any] = {
    "id": ASKING,
    "currency": "KRW",
    "tariffs": [{"id": "minute", "components": [{"kind": "time", "price": "60", "per_s": 60}]}],
    "contents": [{"id": "film", "provider": "kbs", "tariff": "minute"}],
    "consent": {"require": "either"},
    "tokens": {"issuer": ISSUER, "audience": AUDIENCE, "keys": [SIGNING.jwk]},
}
ORDERS = ("web-first", "llm-first", "together")
VARIANTS = (
    *("plain", "twice", "shuffled", "halves", "calm", "priced", "corrected", "rebuilt"),
    *ORDERS,
    *KILLED,
)
LATE_TENANT = "web-late"
# A tariff of the tenant demo that sells passes, at 1 won a byte outside them.
GYM = {
    "id": "gym",
    "provider_ppm": 500_000,
    "components": [
        {"kind": "volume", "meter": "bytes", "price": "1"},
        {"kind": "flat", "price": "100", "period": "day", "starts": "purchase", "rolling": True,
         "renews": True},
    ],
}  # fmt: skip


class Whole(NamedTuple):
    """A running stack and how to send to it.

    Args:
        stack: Its parts.
        settings: How to reach it.
        url: Of the edge.
    """

    stack: EmbeddedStack
    settings: Settings
    url: str


def tenant_of(recording: str, variant: str) -> str:
    """Each variant of a recording is played by a tenant of its own, at the same prices."""
    return f"{recording}-{variant}"


def key_of(key_id: str) -> str:
    """The key with an id, which is its tenant's but for the narrow ones; tests have no secrets."""
    return f"key-of-{key_id}"


def _digest(key_id: str) -> str:
    return sha256(key_of(key_id).encode()).hexdigest()


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """The stack, with the sample's recorded tenants once for each variant."""
    folder: Path = tmp_path_factory.mktemp("whole")
    catalogue: dict[str, Any] = msgspec.json.decode(sample_bytes(CATALOGUE))
    demo, *recorded = catalogue["tenants"]
    demo["tariffs"].append(GYM)
    demo["contents"].append({"id": "gym", "provider": "gym", "tariff": "gym"})
    catalogue["tenants"].append({**demo, "id": CLUB, "membership": "registered"})
    catalogue["tenants"].append(ASKING_TENANT)
    catalogue["tenants"] += [
        {**each, "id": tenant_of(each["id"], variant)} for each in recorded for variant in VARIANTS
    ]
    [web] = [each for each in recorded if each["id"] == "web"]
    catalogue["tenants"].append({**web, "id": LATE_TENANT, "horizon_h": 24})
    keys = [
        {
            "id": each["id"],
            "sha256": _digest(each["id"]),
            "tenant": each["id"],
            "sources": ["*"],
            "scopes": ["admin"],
            "clock": "live" if each["id"] in LIVE_TENANTS else "recorded",
        }
        for each in catalogue["tenants"]
    ]
    keys += [{**keys[0], **narrow, "sha256": _digest(narrow["id"])} for narrow in NARROW_KEYS]
    (folder / "keys.json").write_bytes(msgspec.json.encode(keys))
    wanted = Settings(
        keys_file=folder / "keys.json",
        cards_file=ensure_card_secrets(folder),
        data_dir=folder / "data",
    )
    with EmbeddedStack(folder / "data", services=ncash_services, settings=wanted) as stack:
        publish_body(stack.settings, msgspec.json.encode(catalogue))
        settings = stack.settings
        yield Whole(stack, settings, f"http://{settings.api_host}:{settings.api_port}")
