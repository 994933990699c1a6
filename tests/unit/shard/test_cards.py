"""Batches of prepaid cards: made, on sale, blocked, written off; and what is owed for them."""

from collections.abc import Iterator

import msgspec
import pytest

from schemas.buckets import Only
from schemas.card_orders import RegisterCards
from schemas.cards import BATCH_CARDS_MAX, CARDS_PER_RECORD_MAX, RUNS_MAX, CardTerms
from schemas.money import AMOUNT_MAX
from tests.support.carding import (
    FACE,
    TERMS,
    CardShards,
    activate,
    block,
    close,
    hash_of,
    order,
    register,
)


@pytest.fixture
def two() -> Iterator[CardShards]:
    """Cards 1, 2, 3, 5 and 8 of a batch are of the second shard; none is on sale."""
    shards = CardShards()
    shards.cards.feed(register(1, 2, 3, 5, 8))
    yield shards
    shards.close()


def said(two: CardShards, key: str) -> tuple[str, str, int]:
    """Outcome, reason and cards of an order."""
    result = two.cards.result(key, member="")
    assert result is not None
    return result.outcome, result.reason, result.cards


def test_batch_when_made_then_nothing_is_owed_and_nothing_can_be_redeemed(two: CardShards) -> None:
    """Cards that nobody bought are paper."""
    assert said(two, "r1") == ("done", "", 5)
    assert (two.books(), two.batch().made) == ({}, 5)
    assert two.redeem(1) == "voucher-inactive"


def test_cards_when_activated_then_what_they_are_worth_is_owed_once(two: CardShards) -> None:
    """Only this shard's cards count; a stretch that was on sale already adds nothing."""
    two.cards.feed(activate(2, 5))
    assert said(two, "a1") == ("posted", "", 3)
    assert two.books() == {"world": -3 * FACE, "cards": 3 * FACE}
    two.cards.feed(activate(3, 5, "a2"), activate(1, 100, "a3"), activate(2, 5))
    assert said(two, "a2") == ("done", "", 0)
    assert said(two, "a3") == ("posted", "", 2)
    assert two.books() == {"world": -5 * FACE, "cards": 5 * FACE}
    [first, last] = two.cards.transfers()
    assert (first.cause, first.member, first.reference) == ("cards_sold", "", "b1: 3")
    assert (last.scope, last.key, last.actor) == ("cards:b1", "a3", "desk")
    assert two.batch().active == ((1, 100),)


def test_cards_when_blocked_then_they_stay_owed_and_can_be_let_go(two: CardShards) -> None:
    """A block moves no money: whoever bought the card may yet be right."""
    two.cards.feed(activate(1, 8), block(2, 5))
    assert said(two, "x1") == ("done", "", 3)
    assert two.books()["cards"] == 5 * FACE
    assert two.redeem(3) == "voucher-blocked"
    two.cards.feed(block(3, 3, "x2", is_blocked=False))
    assert two.redeem(3, "v2") == ""
    assert two.redeem(5, "v3") == "voucher-blocked"


def test_batch_when_expired_then_its_rest_is_written_off_by_order_and_once(
    two: CardShards,
) -> None:
    """Cards are refused from the moment on; the money is the platform's when somebody says so."""
    two.cards.feed(register(20, 21, 22, batch="b1", key="late"))
    assert said(two, "late")[0] == "done"
    shards = CardShards()
    shards.cards.feed(register(1, 2, 3, expires_ms=1_000), activate(1, 2))
    assert shards.redeem(1) == ""
    shards.cards.feed(close("soon"), stamp_ms=999)
    assert said(shards, "soon")[1] == "batch-not-expired"
    shards.cards.feed(close(), close("again"), activate(3, 3, "a9"), stamp_ms=1_000)
    assert said(shards, "c1") == ("posted", "", 1)
    assert said(shards, "again") == ("done", "", 0)
    assert said(shards, "a9")[1] == "batch-closed"
    assert shards.books() == {"world": -2 * FACE, "breakage": FACE, "member/ann/card": FACE}
    assert shards.redeem(2, "v2") == "voucher-expired"
    shards.close()


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (register(1, key="k", batch="other"), "card-exists"),
        (register(8, key="k"), "serials-invalid"),
        (register(9, 9, key="k"), "serials-invalid"),
        (register(0, key="k"), "serials-invalid"),
        (register(BATCH_CARDS_MAX + 1, key="k"), "serials-invalid"),
        (register(key="k"), "serials-invalid"),
        (register(*range(10, 11 + CARDS_PER_RECORD_MAX), key="k"), "serials-invalid"),
        (register(9, key="k", amount_micros=7), "batch-exists"),
        (register(9, key="k", batch=""), "batch-invalid"),
        (register(9, key="k", batch="a\x1fb"), "batch-invalid"),
        (register(9, key="k", batch="n", amount_micros=0), "amount-invalid"),
        (register(9, key="k", batch="n", currency="USD"), "currency-mismatch"),
        (register(9, key="k", batch="n", valid_ms=-1), "expiry-invalid"),
        (register(9, key="k", batch="n", priority=100), "priority-invalid"),
        (
            register(9, key="k", batch="n", only=Only(tuple(f"c{n}" for n in range(21)))),
            "restriction-invalid",
        ),
        (register(9, 10, key="k", batch="n", amount_micros=AMOUNT_MAX), "batch-too-large"),
        (activate(1, 8, "k", batch="none"), "batch-unknown"),
        (activate(0, 8, "k"), "serials-invalid"),
        (activate(8, 1, "k"), "serials-invalid"),
        (block(1, BATCH_CARDS_MAX + 1, "k"), "serials-invalid"),
        (close("k"), "batch-not-expired"),
    ],
)  # fmt: skip
def test_order_when_it_cannot_be_done_then_it_is_refused_whole(
    two: CardShards, command: object, reason: str
) -> None:
    """The batch is as it was, and the reason is a stable word."""
    before = two.batch()
    two.cards.feed(command)  # type: ignore[arg-type]  # cases are commands
    assert said(two, "k") == ("refused", reason, 0)
    assert (two.batch(), two.books()) == (before, {})


def test_cards_when_two_have_one_pin_then_neither_is_made(two: CardShards) -> None:
    """Serial numbers differ, the hash is the same."""
    body = RegisterCards("n", TERMS, ((1, hash_of(70)), (2, hash_of(70))))
    two.cards.feed(order(body, "k"))
    assert said(two, "k")[1] == "card-exists"


def test_batch_when_it_is_on_sale_then_no_card_is_added(two: CardShards) -> None:
    """What was said to be on sale is what was made then."""
    two.cards.feed(activate(1, 1), register(9, key="k"))
    assert said(two, "k")[1] == "batch-exists"


def test_batch_when_sold_in_too_many_pieces_then_the_next_is_refused(two: CardShards) -> None:
    """A redemption reads the stretches, so they are bounded."""
    for number in range(RUNS_MAX):
        two.cards.feed(activate(2 * number + 1, 2 * number + 1, f"a{number}"))
    two.cards.feed(activate(2 * RUNS_MAX + 1, 2 * RUNS_MAX + 1, "k"))
    assert said(two, "k")[1] == "serials-scattered"
    two.cards.feed(activate(1, 2 * RUNS_MAX + 1, "whole"))
    assert two.batch().active == ((1, 2 * RUNS_MAX + 1),)


def test_state_when_loaded_anew_then_cards_are_as_they_were(two: CardShards) -> None:
    """All of it is in the store."""
    two.cards.feed(activate(1, 3), block(2, 2))
    two.cards.reload()
    assert two.redeem(2) == "voucher-blocked"
    assert two.redeem(3, "v2") == ""
    assert (two.batch().redeemed, two.card(3).member) == (1, "ann")


def test_terms_when_stored_then_nothing_of_them_is_lost(two: CardShards) -> None:
    """Expiry, validity, priority and restriction stand with the batch."""
    terms = CardTerms(7, "KRW", 10**12, 10**9, 3, Only(("news",), ("kbs",), ("time",)))
    two.cards.feed(order(RegisterCards("n", terms, ((1, hash_of(99)),)), "k"))
    assert said(two, "k")[0] == "done"
    two.cards.feed(
        order(RegisterCards("n", msgspec.structs.replace(terms), ((2, hash_of(98)),)), "l")
    )
    assert said(two, "l") == ("done", "", 1)
