"""A card's money into a wallet: once ever, and back to the card where the wallet has no room."""

from collections.abc import Iterator

import msgspec
import pytest

from schemas.buckets import Only
from schemas.commands import FreezeWallet
from schemas.legs import LegKind
from schemas.moment import HOUR_MS
from tests.support.bench_shard import CATALOGUE, WON, event, frame, give_credit, tick
from tests.support.carding import FACE, CardShards, activate, close, redeem, register
from wallet.moves import LOTS_MAX


@pytest.fixture
def two() -> Iterator[CardShards]:
    """Cards 1 to 5 are on sale."""
    shards = CardShards()
    shards.cards.feed(register(1, 2, 3, 4, 5), activate(1, 5))
    yield shards
    shards.close()


def test_card_when_redeemed_then_its_money_is_a_lot_of_the_member(two: CardShards) -> None:
    """Owed to the card's holder, then on its way, then the member's; each part names the card."""
    two.members.feed(redeem(2))
    assert two.books() == {"world": -5 * FACE, "cards": 5 * FACE}
    [ask] = two.legs()
    assert (ask.kind, ask.amount_micros, ask.name) == (LegKind.REDEEM, 0, "card:v1")
    two.carry()
    assert two.books() == {"world": -5 * FACE, "cards": 4 * FACE, "member/ann/card": FACE}
    told = two.told()
    assert (told.outcome, told.posted_micros, told.lot) == ("posted", FACE * WON, 1)
    assert told.card is not None
    assert (told.card.batch, told.card.serial, told.card.amount_micros) == ("b1", 2, FACE * WON)
    [came], sent = two.members.transfers(), two.cards.transfers()[-1]
    assert (came.cause, came.scope, came.reference) == (
        "card_redeemed", "card:b1/000002", "b1/000002",
    )  # fmt: skip
    assert (sent.cause, sent.scope, sent.member) == ("card_sent", "card:b1/000002", "ann")
    assert (two.card(2).member, two.batch().redeemed) == ("ann", 1)


def test_card_when_many_ask_for_it_at_once_then_one_has_it(two: CardShards) -> None:
    """The card's shard takes them in the order of its log, whoever asked first elsewhere."""
    members = [f"m{number}" for number in range(20)]
    two.members.feed(*(redeem(1, "v", member=each) for each in members))
    two.carry()
    reasons = [two.told("v", member=each).reason for each in members]
    assert sorted(reasons) == ["", *["voucher-redeemed"] * 19]
    assert two.books()["cards"] == 4 * FACE


def test_card_when_its_holder_asks_again_then_the_same_answer_or_none(two: CardShards) -> None:
    """The same key changes nothing; another key is another request."""
    assert two.redeem(1) == ""
    first = two.told()
    assert two.redeem(1) == ""
    assert (two.told(), len(two.members.transfers())) == (first, 1)
    assert two.redeem(1, "v2") == "voucher-redeemed"


def test_pin_when_no_card_has_it_then_nothing_is_known(two: CardShards) -> None:
    """Neither wallet nor card is made by a guess."""
    assert two.redeem(77) == "voucher-unknown"
    assert two.members.wallet() is None
    assert two.cards.transfers()[-1].cause == "cards_sold"


def test_leg_of_a_card_when_it_comes_again_then_it_changes_nothing(two: CardShards) -> None:
    """What was carried twice, or of another order, counts once."""
    two.members.feed(redeem(1), redeem(2, "v2"))
    first, second = two.legs()
    two.cards.feed(second, first, first, second, second)
    money = [leg for leg in two.legs() if leg.kind == LegKind.CARD]
    two.members.feed(*money, *money[::-1])
    assert two.books() == {"world": -5 * FACE, "cards": 3 * FACE, "member/ann/card": 2 * FACE}


def test_money_of_a_card_when_the_wallet_has_no_room_then_the_card_is_as_it_was(
    two: CardShards,
) -> None:
    """Another member redeems it; nothing is on its way."""
    for number in range(LOTS_MAX):
        two.members.feed(give_credit(1, f"g{number}", expires_ms=(number + 1) * HOUR_MS))
    assert two.redeem(1) == "lots-too-many"
    assert (two.card(1).member, two.batch().redeemed) == ("", 0)
    books = two.books()
    assert (books["cards"], "transit" in books) == (5 * FACE, False)
    assert [each.cause for each in two.cards.transfers()[-2:]] == ["card_sent", "card_returned"]
    assert two.members.transfers()[-1].cause == "turned_back"
    assert two.redeem(1, member="bob") == ""


def test_money_of_a_card_when_it_comes_back_after_the_write_off_then_nobody_is_owed_it() -> None:
    """The batch was closed while the money was on its way."""
    two = CardShards()
    two.cards.feed(register(1, 2, expires_ms=1_000), activate(1, 2))
    for number in range(LOTS_MAX):
        two.members.feed(give_credit(1, f"g{number}", expires_ms=(number + 1) * HOUR_MS))
    two.members.feed(redeem(1))
    [ask] = two.legs()
    two.cards.feed(ask, close(), stamp_ms=1_000)
    two.carry(stamp_ms=1_001)
    books = two.books()
    assert (books["breakage"], "cards" in books, "transit" in books) == (2 * FACE, False, False)
    two.close()


def test_card_when_asked_for_in_time_then_its_shard_may_be_late() -> None:
    """What counts is when the member's shard took the request."""
    two = CardShards()
    two.cards.feed(register(1, 2, expires_ms=1_000), activate(1, 2))
    two.members.feed(redeem(1), stamp_ms=999)
    two.members.feed(redeem(2, "v2"), stamp_ms=1_000)
    two.carry(stamp_ms=5_000)
    assert (two.told().reason, two.told("v2").reason) == ("", "voucher-expired")
    two.close()


def test_card_when_asked_for_in_time_but_written_off_then_it_has_expired() -> None:
    """What nobody is owed any more is nobody's to redeem, however late its shard was."""
    two = CardShards()
    two.cards.feed(register(1, expires_ms=1_000), activate(1, 1))
    two.members.feed(redeem(1), stamp_ms=999)
    two.cards.feed(close(), stamp_ms=1_000)
    two.carry(stamp_ms=1_001)
    assert (two.told().reason, two.books()) == (
        "voucher-expired", {"world": -FACE, "breakage": FACE},
    )  # fmt: skip
    two.close()


def test_money_of_a_card_when_its_validity_ends_then_it_is_breakage() -> None:
    """A validity counts from when the money came; what is left leaves after the horizon."""
    two = CardShards()
    two.cards.feed(register(1, valid_ms=HOUR_MS, only=Only(("news",))), activate(1, 1))
    two.members.feed(tick(0), tick(1))
    two.members.feed(redeem(1))
    two.carry(stamp_ms=500)
    told = two.told()
    assert told.card is not None
    assert told.card.expires_ms == HOUR_MS + 500
    wallet = two.members.wallet()
    assert wallet is not None
    [lot] = wallet.lots
    assert (lot.bucket, lot.expires_ms, lot.only) == ("card", HOUR_MS + 500, Only(("news",)))
    two.members.feed(tick(3_600 * 49 + 2))
    assert two.books() == {"world": -FACE, "breakage": FACE}
    two.close()


def test_debt_when_a_card_is_redeemed_then_it_is_paid_first(two: CardShards) -> None:
    """As with every money that somebody paid; no lot is left of it."""
    two.members.feed(
        frame(event("session.start", 1), event("session.heartbeat", 3)),
    )
    assert two.redeem(1) == ""
    wallet = two.members.wallet()
    assert wallet is not None
    assert (wallet.debt_micros, wallet.lots, two.told().lot) == (10 * WON, (), 0)


def test_card_when_a_stranger_redeems_it_then_it_is_not_asked_for() -> None:
    """A closed tenant knows its members."""
    tenant = {**CATALOGUE["tenants"][0], "membership": "registered", "members": [{"id": "ann"}]}
    two = CardShards({"tenants": [tenant]})
    two.cards.feed(register(1), activate(1, 1))
    assert two.redeem(1, member="eve") == "member-unknown"
    assert two.legs() == []
    assert two.redeem(1) == ""
    two.close()


def test_wallet_when_it_is_frozen_then_a_card_still_comes_in(two: CardShards) -> None:
    """Money that comes in is taken, as a top-up is."""
    frozen = redeem(9, "f")
    two.members.feed(msgspec.structs.replace(frozen, body=FreezeWallet("stolen")))
    assert two.redeem(1) == ""
