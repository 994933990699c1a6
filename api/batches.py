"""Batches of prepaid cards: orders about them to every shard, and what they came to.

Invariant: an order is done in each shard once, under the caller's key; a figure is the sum over
all shards, each as its own log has it, and no decision rests on it.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from api.asking import Desk, ask, hash_of_request
from api.problems import Problem, refuse
from schemas.card_orders import CardOrder
from schemas.cards import NOBODY, CardTerms
from schemas.commands import Command, Outcome
from schemas.ids import SEPARATOR, ShardId
from shard.cards import batch_field
from shard.port import Field, Kind
from shard.redis_store import Client, RedisStore
from shard.runs import count_in
from shard.stored import Batch, Serials, decode_as

UNKNOWN = "batch-unknown"
SHARDS_AT_ONCE = 32


class BatchFigures(NamedTuple):
    """What a batch came to, in all shards.

    Args:
        terms: Of its cards.
        made: Cards.
        activated: Of them, on sale at any time.
        redeemed: Of them.
        blocked: Cards that cannot be redeemed now, those that were before with them.
        written_off: Cards that expired unredeemed and are owed for no more.
    """

    terms: CardTerms
    made: int
    activated: int
    redeemed: int
    blocked: int
    written_off: int

    @property
    def owed_micros(self) -> int:
        """What is owed for its cards: the batch's part of the account ``cards``."""
        left = self.activated - self.redeemed - self.written_off
        return left * self.terms.amount_micros


class Batches(Protocol):
    """Batches as the shards have them; every method raises ``RecoverableError``."""

    async def names(self, tenant: str) -> list[str]:
        """Names of a tenant's batches, in order."""
        ...

    async def figures(self, tenant: str, batch: str) -> BatchFigures | None:
        """What a batch came to; None where no shard has any card of it."""
        ...


class RedisBatches:
    """See ``Batches``.

    Args:
        client: Shared by the process; this class never closes it.
        shards: Stored number of shards.
    """

    def __init__(self, client: Client, shards: int) -> None:
        self._stores = [RedisStore(client, ShardId(shard)) for shard in range(shards)]

    async def names(self, tenant: str) -> list[str]:
        """See ``Batches``; batches are few, so each shard's are read whole."""
        found: set[str] = set()
        for store in self._stores:
            for field in await store.load_all(Kind.BATCHES):
                owner, _, name = field.decode().partition(SEPARATOR)
                if owner == tenant:
                    found.add(name)
        return sorted(found)

    async def figures(self, tenant: str, batch: str) -> BatchFigures | None:
        """See ``Batches``."""
        field: list[Field] = [batch_field(tenant, batch)]
        wanted: dict[str, list[Field]] = {Kind.BATCHES: field, Kind.SERIALS: field}
        parts: list[tuple[Batch, Serials]] = []
        for store in self._stores:
            found = await store.load(wanted)
            [value], [serials] = found[Kind.BATCHES], found[Kind.SERIALS]
            if value is not None and serials is not None:
                parts.append((decode_as(Batch, value), decode_as(Serials, serials)))
        return _summed(parts) if parts else None


async def order_cards(
    desk: Desk, shards: int, order: CardOrder, *, tenant: str, key: str, actor: str
) -> int:
    """Has every shard do what an operator says of a batch.

    Args:
        desk: How shards are asked.
        shards: How many there are.
        order: What.
        tenant: Whose batch.
        key: Names the order; asked again with it, shards that did it answer as before.
        actor: Who says so.

    Returns:
        How many cards it changed.

    Raises:
        Problem: A shard refused it, none has any card of the batch, or an outcome is unknown.
        RecoverableError: A part could not be reached; what is done stays done.
    """
    turns = asyncio.Semaphore(SHARDS_AT_ONCE)
    said: dict[str, str | int] = {"order": msgspec.json.encode(order).decode()}
    request_hash = hash_of_request("POST", "cards", tenant, said)

    async def one(shard: int) -> int | None:
        async with turns:
            command = Command(
                tenant=tenant,
                member=NOBODY,
                key=key,
                request_hash=request_hash,
                deadline_ms=desk.clock.wall_ms() + desk.limits.command_timeout_ms,
                actor=actor,
                body=order,
            )
            result, _ = await ask(desk, command, shard=shard)
            if result.outcome in {Outcome.POSTED, Outcome.DONE}:
                return result.cards
            if result.reason != UNKNOWN:
                refuse(result)
            return None

    found = await asyncio.gather(*map(one, range(shards)))
    if all(cards is None for cards in found):
        raise unknown_batch(order.batch)
    return sum(cards or 0 for cards in found)


def unknown_batch(name: str) -> Problem:
    """No shard has any card of a batch."""
    return Problem(UNKNOWN, f"there is no batch {name!r}; see GET /v1/card-batches")


def _summed(parts: Sequence[tuple[Batch, Serials]]) -> BatchFigures:
    batches = [batch for batch, _ in parts]
    return BatchFigures(
        terms=batches[0].terms,
        made=sum(each.made for each in batches),
        activated=sum(each.activated for each in batches),
        redeemed=sum(each.redeemed for each in batches),
        blocked=sum(count_in(batch.blocked, serials.numbers) for batch, serials in parts),
        written_off=sum(each.activated - each.redeemed for each in batches if each.closed_ms),
    )
