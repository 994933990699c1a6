"""Money between members, over two shards: legs out of the one, into the other, and back."""

from collections.abc import Iterator

import msgspec
import pytest

from schemas.buckets import Only
from schemas.commands import Command, PlaceHold
from schemas.legs import LegKind, arrival_key
from schemas.moment import HOUR_MS
from tests.support.bench_shard import (
    CATALOGUE,
    WON,
    Bench,
    event,
    frame,
    give_credit,
    send,
    tick,
    top_up,
)
from tests.support.pair import Pair
from wallet.moves import LOTS_MAX


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Ann has 100 won."""
    both = Pair()
    both.shards[0].feed(top_up(100), tick(0))
    yield both
    both.close()


def said(bench: Bench, key: str = "s1") -> tuple[str, str]:
    """Outcome and reason of a command."""
    result = bench.result(key)
    assert result is not None
    return result.outcome, result.reason


def test_money_when_sent_then_it_is_on_its_way_until_the_other_shard_has_it(pair: Pair) -> None:
    """Each side balances against transit, and names the other member and the whole transfer."""
    sender, receiver = pair.shards
    sender.feed(send(60, memo="lunch"))
    assert (said(sender), pair.cash(), pair.transit()) == (("sent", ""), (40, 0), 60)
    [leg] = sender.legs()
    assert (leg.source, leg.target, leg.number, leg.kind, leg.name) == (0, 1, 0, "send", "0-1")
    pair.carry()
    assert (pair.cash(), pair.transit()) == ((40, 60), 0)
    out, came = sender.transfers()[-1], receiver.transfers()[-1]
    assert (out.cause, out.peer, out.scope, out.reference) == (
        "sent", "bob", "transfer:0-1", "lunch",
    )  # fmt: skip
    assert (came.cause, came.peer, came.scope, came.member) == (
        "received", "ann", "transfer:0-1", "bob",
    )  # fmt: skip
    for transfer in (out, came):
        assert not sum(entry.amount_micros for entry in transfer.entries)


def arrived(bench: Bench, name: str = "0-1", member: str = "bob") -> tuple[str, str]:
    """How a transfer ended at the receiver's."""
    result = bench.result(arrival_key(name), member=member)
    assert result is not None
    return result.outcome, result.reason


def test_leg_when_it_comes_again_or_too_early_then_it_changes_nothing(pair: Pair) -> None:
    """Only the next number of its source is taken, each once."""
    sender, receiver = pair.shards
    sender.feed(*(send(10, f"s{number}") for number in range(3)))
    first, second, third = sender.legs()
    receiver.feed(second, third, first, first, third)
    assert pair.cash() == (70, 10)
    receiver.reload()
    receiver.feed(first, second, second, third, first)
    assert (pair.cash(), pair.transit()) == ((70, 30), 0)


def test_legs_when_of_several_pairs_then_each_pair_has_its_own_numbers(pair: Pair) -> None:
    """To itself a shard sends legs too."""
    sender = pair.shards[0]
    sender.feed(send(10, "s1"), send(10, "s2", to="eve", target=0), send(10, "s3"))
    assert [(leg.target, leg.number) for leg in sender.legs()] == [(1, 0), (0, 0), (1, 1)]
    pair.carry()
    eve = sender.wallet("eve")
    assert eve is not None
    assert (eve.cash_micros, pair.cash(), pair.transit()) == (10 * WON, (70, 20), 0)


CLOSED = {
    "tenants": [CATALOGUE["tenants"][0] | {"membership": "registered", "members": [{"id": "ann"}]}]
}


def test_money_when_the_receiver_is_none_then_it_returns(pair: Pair) -> None:
    """The refusal is the answer, the money is back, and nothing is on its way."""
    sender, receiver = pair.shards
    receiver.publish(CLOSED)
    sender.feed(send(60))
    pair.carry()
    assert (pair.cash(), pair.transit()) == ((100, 0), 0)
    assert arrived(receiver) == ("refused", "member-unknown")
    assert [leg.kind for leg in receiver.legs()] == [LegKind.RETURN]
    back = sender.transfers()[-1]
    assert (back.cause, back.reference, back.peer) == ("returned", "member-unknown", "bob")
    assert receiver.transfers()[-1].cause == "turned_back"


def test_money_when_the_senders_wallet_cannot_take_it_back_then_it_waits_for_an_operator(
    pair: Pair,
) -> None:
    """A returning leg is always taken."""
    sender, receiver = pair.shards
    receiver.publish(CLOSED)
    sender.feed(send(60), top_up(9_007_199_254 - 40, "full"))
    pair.carry()
    assert pair.transit() == 0
    assert [e.account for e in sender.transfers()[-1].entries] == ["transit", "unclaimed"]


def test_money_when_it_comes_into_debt_then_that_is_paid_first(pair: Pair) -> None:
    """As with any money that somebody paid; servers are told to let go on."""
    receiver = pair.shards[1]
    receiver.feed(
        frame(
            event("session.start", 0, subject="bob"),
            event("session.heartbeat", 1, subject="bob"),
        )
    )
    assert [each.signal for each in receiver.signals()] == ["cut_off"]
    pair.shards[0].feed(send(60))
    pair.carry()
    bob = receiver.wallet("bob")
    assert bob is not None
    assert (bob.cash_micros, bob.debt_micros) == (30 * WON, 0)
    assert [each.signal for each in receiver.signals()][-1] == "go_on"


REFUSED: list[tuple[Command, str]] = [
    (send(101, "x"), "insufficient-funds"),
    (send(0, "x"), "amount-invalid"),
    (send(-1, "x"), "amount-invalid"),
    (send(1, "x", currency="USD"), "currency-mismatch"),
    (send(1, "x", to="ann", target=0), "same-member"),
    (send(1, "x", memo="m" * 257), "memo-invalid"),
]


@pytest.mark.parametrize(("command", "reason"), REFUSED)
def test_money_when_it_cannot_be_sent_then_nothing_moves(
    pair: Pair, command: Command, reason: str
) -> None:
    """A refusal is a result; no leg goes out."""
    sender = pair.shards[0]
    sender.feed(command)
    assert (said(sender, "x"), sender.legs(), pair.cash()) == (("refused", reason), [], (100, 0))


def test_money_when_given_set_aside_owed_or_needed_then_it_stays(pair: Pair) -> None:
    """Of 100 won and a gift of 500: 20 are held, 30 are used, and a session's mark of 100 stays."""
    sender = pair.shards[0]
    hold = Command("tv", "ann", "h", b"h" * 16, 2**50, "d", PlaceHold(20 * WON, "KRW", HOUR_MS))
    sender.feed(top_up(100, "more"), give_credit(500, only=Only(contents=("web",))), hold)
    sender.feed(frame(event("session.start", 0), event("session.heartbeat", 1)))
    sender.feed(send(51, "too-much"), send(50, "all"))
    assert said(sender, "too-much") == ("refused", "insufficient-funds")
    assert said(sender, "all") == ("sent", "")


def test_money_when_asked_again_under_its_key_then_it_is_sent_once(pair: Pair) -> None:
    """One transfer, one leg."""
    sender = pair.shards[0]
    sender.feed(send(60), send(60))
    sender.reload()
    sender.feed(send(60))
    assert (len(sender.legs()), pair.cash()) == (1, (40, 0))


@pytest.mark.parametrize(
    "gift",
    [
        pytest.param(give_credit(100, expires_ms=HOUR_MS // 2), id="ends before the hold"),
        pytest.param(give_credit(100, only=Only(kinds=("time",))), id="is for other charges"),
    ],
)
def test_money_when_a_hold_needs_the_cash_then_a_gift_is_no_stand_in_for_it(
    pair: Pair, gift: Command
) -> None:
    """The gift may be spent now, but the hold could not be captured of it to its end."""
    sender = pair.shards[0]
    hold = Command("tv", "ann", "h1", b"h1", 2**50, "desk", PlaceHold(60_000_000, "KRW", HOUR_MS))
    sender.feed(gift, hold)
    sender.feed(send(41, "too-much"), send(40, "all"))
    assert said(sender, "too-much") == ("refused", "insufficient-funds")
    assert said(sender, "all") == ("sent", "")


def test_money_when_it_pays_debt_then_the_result_names_a_lot_only_where_there_is_one(
    pair: Pair,
) -> None:
    """Of 60 sent to who owes 50, the first 40 are no lot."""
    sender, receiver = pair.shards
    use = event("item.use", 0, session=None, subject="bob", item="quiz")
    receiver.feed(top_up(710, member="bob"), frame(use))
    sender.feed(send(40, "s1"), send(20, "s2"))
    pair.carry()
    results = [receiver.result(arrival_key(name), member="bob") for name in ("0-1", "0-2")]
    assert [None if each is None else (each.posted_micros, each.lot) for each in results] == [
        (-10_000_000, 0), (10_000_000, 2),
    ]  # fmt: skip


def fill(bench: Bench, count: int, member: str = "ann") -> None:
    """So many gifts, each of conditions of its own."""
    for number in range(count):
        gift = give_credit(1, f"g{number}", expires_ms=HOUR_MS + number)
        bench.feed(msgspec.structs.replace(gift, member=member))


def test_money_when_the_receiver_keeps_too_much_apart_then_goes_back_and_says_so(
    pair: Pair,
) -> None:
    """The balance is not too large; and the sender has it again, be there room or not."""
    sender, receiver = pair.shards
    fill(receiver, LOTS_MAX, "bob")
    sender.feed(send(100))
    fill(sender, LOTS_MAX)
    pair.carry()
    assert arrived(receiver) == ("refused", "lots-too-many")
    assert (pair.cash(), pair.transit()) == ((100, 0), 0)
