"""Cards of a batch as commands to their shards."""

from pathlib import Path

from cli.cards.making import Wanted, registrations
from schemas.card_orders import RegisterCards
from schemas.cards import CARDS_PER_RECORD_MAX, NOBODY, CardTerms, card_shard
from schemas.frames import FRAME_BYTES_MAX, encode_record
from schemas.pins import card_of_pin, pin_of

SHARDS = 3
WANTED = Wanted("tv", "b", 5_000, CardTerms(1, "KRW"), (), Path("x"))


def test_cards_when_told_to_shards_then_each_is_told_to_its_own_once() -> None:
    """No record is too large, keys differ within a shard, serials are those of the export."""
    cards = [card_of_pin(bytes(32), "tv", pin_of("A", f"{n:014d}")) for n in range(WANTED.cards)]
    told: dict[bytes, int] = {}
    keys: set[tuple[int, str]] = set()
    for shard, command in registrations(WANTED, cards, SHARDS):
        body = command.body
        assert isinstance(body, RegisterCards)
        assert (command.member, body.batch, body.terms) == (NOBODY, "b", WANTED.terms)
        assert 0 < len(body.cards) <= CARDS_PER_RECORD_MAX
        assert len(encode_record(command)) < FRAME_BYTES_MAX
        assert all(card_shard(card, SHARDS) == shard for _, card in body.cards)
        assert (shard, command.key) not in keys
        keys.add((shard, command.key))
        told |= {card: serial for serial, card in body.cards}
    assert [told[card] for card in cards] == [*range(1, WANTED.cards + 1)]
    assert len(keys) > SHARDS
