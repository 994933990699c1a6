"""Prepaid cards on shards of the test bench: orders, redemptions, and what the books owe."""

from collections.abc import Sequence
from typing import Any

import msgspec

from schemas.card_orders import ActivateCards, BlockCards, CardOrder, CloseCards, RegisterCards
from schemas.card_orders import RedeemCard as Redeem
from schemas.cards import NOBODY, CardTerms, redemption_name
from schemas.commands import Command, Result
from schemas.ids import ShardId
from schemas.legs import Leg, arrival_key
from shard.cards import batch_field, card_field
from shard.port import Kind
from shard.stored import Batch, Card, decode_as
from tests.support.bench_shard import CATALOGUE, WON, Bench

FACE = 50
TERMS = CardTerms(FACE * WON, "KRW")
BATCH = "b1"
CARDS_SHARD = 1


def hash_of(serial: int) -> bytes:
    """What stands for the hash of a card's PIN."""
    return serial.to_bytes(32)


def order(body: CardOrder, key: str) -> Command:
    """An operator's order."""
    return Command("tv", NOBODY, key, key.encode().ljust(16), 2**50, "desk", body)


def register(*serials: int, batch: str = BATCH, key: str = "r1", **terms: Any) -> Command:  # noqa: ANN401 -- fields of terms
    """Cards of a batch are made."""
    own = msgspec.structs.replace(TERMS, **terms)
    cards = tuple((serial, hash_of(serial)) for serial in serials)
    return order(RegisterCards(batch, own, cards), key)


def activate(first: int, last: int, key: str = "a1", *, batch: str = BATCH) -> Command:
    """Cards are on sale."""
    return order(ActivateCards(batch, first, last), key)


def block(first: int, last: int, key: str = "x1", *, is_blocked: bool = True) -> Command:
    """Cards are blocked, or let go."""
    return order(BlockCards(BATCH, first, last, is_blocked), key)


def close(key: str = "c1") -> Command:
    """An expired batch is written off."""
    return order(CloseCards(BATCH), key)


def redeem(serial: int, key: str = "v1", *, member: str = "ann") -> Command:
    """A member redeems a card."""
    body = Redeem(hash_of(serial), CARDS_SHARD)
    return Command("tv", member, key, key.encode().ljust(16), 2**50, "app", body)


class CardShards:
    """Two shards: members are of the first, cards of the second."""

    def __init__(self, catalogue: dict[str, Any] = CATALOGUE) -> None:
        self.members = Bench(catalogue)
        self.cards = Bench(catalogue, shard=ShardId(CARDS_SHARD))
        self._carried = [0, 0]

    def close(self) -> None:
        """Ends both."""
        self.members.close()
        self.cards.close()

    def legs(self) -> list[Leg]:
        """Legs that were put out and not yet carried."""
        found: list[Leg] = []
        for number, shard in enumerate((self.members, self.cards)):
            found += shard.legs()[self._carried[number] :]
        return found

    def carry(self, *, stamp_ms: int = 0) -> None:
        """Puts each leg that was put out into its target's log, until there is none left."""
        shards: Sequence[Bench] = (self.members, self.cards)
        while waiting := self.legs():
            self._carried = [len(each.legs()) for each in shards]
            for leg in waiting:
                shards[leg.target].feed(leg, stamp_ms=stamp_ms)

    def redeem(self, serial: int, key: str = "v1", *, member: str = "ann") -> str:
        """A member redeems a card, to the end; why not, or an empty text."""
        self.members.feed(redeem(serial, key, member=member))
        self.carry()
        return self.told(key, member=member).reason

    def told(self, key: str = "v1", *, member: str = "ann") -> Result:
        """How a redemption ended."""
        asked = self.members.result(key, member=member)
        assert asked is not None
        if asked.outcome != "sent":
            return asked
        result = self.members.result(arrival_key(redemption_name(key)), member=member)
        assert result is not None
        return result

    def books(self) -> dict[str, int]:
        """Every account's sum over both shards, in won; those at zero left out."""
        found: dict[str, int] = {}
        for shard in (self.members, self.cards):
            for transfer in shard.transfers():
                for entry in transfer.entries:
                    found[entry.account] = found.get(entry.account, 0) + entry.amount_micros
        return {name: sum_ // WON for name, sum_ in found.items() if sum_}

    def batch(self) -> Batch:
        """The batch as it is stored."""
        value = self.cards.run(self.cards.store.load({Kind.BATCHES: [batch_field("tv", BATCH)]}))
        [stored] = value[Kind.BATCHES]
        assert stored is not None
        return decode_as(Batch, stored)

    def card(self, serial: int) -> Card:
        """A card as it is stored."""
        field = card_field("tv", hash_of(serial))
        [stored] = self.cards.run(self.cards.store.load({Kind.CARDS: [field]}))[Kind.CARDS]
        assert stored is not None
        return decode_as(Card, stored)
