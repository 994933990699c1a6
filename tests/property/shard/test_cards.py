"""Prepaid cards in any order, doubled, grouped, replayed: one redemption ever, books that agree."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.commands import Command
from schemas.legs import Leg
from tests.support.carding import (
    FACE,
    CardShards,
    activate,
    block,
    close,
    redeem,
    register,
)

CARDS = 4
MEMBERS = ("ann", "bob", "eve")
EXPIRY_MS = 1_000


def _activate(first: int, more: int, key: int) -> Command:
    return activate(first, first + more, f"a{key}")


def _block(serial: int, key: int, is_blocked: int) -> Command:
    return block(serial, serial, f"x{key}", is_blocked=bool(is_blocked))


def _close(key: int) -> Command:
    return close(f"c{key}")


def _redeem(serial: int, key: int, member: str) -> Command:
    return redeem(serial, f"v{key}", member=member)


serials, keys = st.integers(1, CARDS), st.integers(0, 5)
orders = st.one_of(
    st.builds(_activate, serials, st.integers(0, CARDS), keys),
    st.builds(_block, serials, keys, st.integers(0, 1)),
    st.builds(_close, st.integers(0, 2)),
)
wishes = st.builds(_redeem, st.integers(1, CARDS + 1), keys, st.sampled_from(MEMBERS))
# What happens next: a command, or the carrier brings a number of the legs, perhaps twice.
steps = st.lists(
    st.one_of(orders, wishes, st.tuples(st.integers(1, 3), st.booleans())), max_size=40
)


class World(CardShards):
    """Legs are carried when the test says so, and each shard's carrier may bring them again."""

    def __init__(self) -> None:
        super().__init__()
        self.at_ms = 0
        self._next = [0, 0]
        self.cards.feed(register(*range(1, CARDS + 1), expires_ms=EXPIRY_MS))

    def bring(self, count: int, *, doubles: bool) -> bool:
        """Carries some legs of each shard; whether there was any."""
        any_left = False
        for number, shard in enumerate((self.members, self.cards)):
            begin = self._next[number]
            legs: list[Leg] = shard.legs()[begin : begin + count]
            self._next[number] += len(legs)
            any_left = any_left or bool(legs)
            again = shard.legs()[max(0, begin - 2) : begin + count] if doubles else legs
            for leg in again:
                (self.members, self.cards)[leg.target].feed(leg, stamp_ms=self.at_ms)
        return any_left


@settings(max_examples=150, deadline=None)
@given(steps, st.integers(1, 200))
def test_cards_when_anything_happens_then_each_is_redeemed_at_most_once(
    said: list[Command | tuple[int, bool]], pace_ms: int
) -> None:
    """What members got, what is owed, what was written off: together what was sold."""
    world = World()
    for each in said:
        world.at_ms += pace_ms
        if isinstance(each, Command):
            shard = world.members if each.member else world.cards
            shard.feed(each, stamp_ms=world.at_ms)
        else:
            world.bring(each[0], doubles=each[1])
    while world.bring(3, doubles=True):
        pass
    books = world.books()
    assert sum(books.values()) == 0
    assert "transit" not in books
    redeemed = Counter(
        entry.reference for entry in world.members.transfers() if entry.cause == "card_redeemed"
    )
    assert all(times == 1 for times in redeemed.values())
    batch = world.batch()
    assert (
        batch.redeemed == len(redeemed) == sum(bool(world.card(n + 1).member) for n in range(CARDS))
    )
    assert sum(won for name, won in books.items() if name.startswith("member/")) == (
        len(redeemed) * FACE
    )
    owed = 0 if batch.closed_ms else batch.activated - batch.redeemed
    assert books.get("cards", 0) == owed * FACE
    assert books.get("world", 0) == -batch.activated * FACE
    _assert_replayed(world)
    world.close()


def _assert_replayed(world: World) -> None:
    """The same logs, one batch of records each, give the same bytes and the same store."""
    twin = CardShards()
    for old, new in ((world.members, twin.members), (world.cards, twin.cards)):
        new.log = old.log[:1]
        new.take(old.log[1:])
        assert new.chains() == old.chains()
        assert new.store.contents() == old.store.contents()
    twin.close()
