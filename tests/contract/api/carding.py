"""Prepaid cards of a small system, made as the command line makes them."""

import random

from schemas.card_orders import RegisterCards
from schemas.cards import NOBODY, CardTerms, card_shard
from schemas.commands import Command
from schemas.moment import DAY_MS
from schemas.pins import ALPHABET, RANDOM_SYMBOLS, pin_of
from tests.contract.api.conftest import Api
from tests.contract.api.shards import NOW_MS, SHARDS
from tests.support.bench_shard import WON

FACE = 50
TERMS = CardTerms(FACE * WON, "KRW", expires_ms=NOW_MS + DAY_MS, valid_ms=30 * DAY_MS)


def pins(count: int, *, series: str = "B", seed: int = 1) -> list[str]:
    """PINs that no test run makes anew."""
    chance = random.Random(seed)
    return [
        pin_of(series, "".join(chance.choices(ALPHABET, k=RANDOM_SYMBOLS))) for _ in range(count)
    ]


async def make(
    api: Api,
    made: list[str],
    *,
    batch: str = "spring",
    terms: CardTerms = TERMS,
    tenant: str = "tv",
) -> None:
    """Registers cards as ``ncash cards make`` does."""
    by_shard: dict[int, list[tuple[int, bytes]]] = {}
    for serial, pin in enumerate(made, 1):
        card = api.services.card_secrets.card_of(tenant, pin)
        by_shard.setdefault(card_shard(card, SHARDS), []).append((serial, card))
    for shard, cards in by_shard.items():
        body = RegisterCards(batch, TERMS, tuple(cards))
        key = f"make/{batch}/{shard}"
        await api.shards.append(shard, Command(tenant, NOBODY, key, b"", 2**60, "ops", body))
