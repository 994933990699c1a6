"""Withdrawals: asked for, approved, paid, or back in their lots; each step once, each refusal."""

from collections.abc import Iterator

import pytest

from schemas.commands import Command, FreezeWallet, PlaceHold
from schemas.frames import Record
from schemas.moment import HOUR_MS
from schemas.withdrawals import ACCOUNTS_MAX, DAY_MS, KEPT_MAX
from tests.support.bench_shard import WON, Bench, event, frame, give_credit, top_up
from tests.support.withdrawing import (
    account,
    ask,
    decide,
    no_account,
    offering,
    sum_on,
    withdrawals,
)


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Ann has 100 won, in lots of 60 and 40, and an account that is proved."""
    one = Bench(offering(approved_up_to="50", per_request="90", per_day="120", fee="2"))
    one.feed(top_up(60, "t1"), top_up(40, "t2"), account())
    yield one
    one.close()


def said(bench: Bench, key: str) -> tuple[str, str]:
    """Outcome and reason of a command."""
    result = bench.result(key)
    assert result is not None
    return result.outcome, result.reason


def lots(bench: Bench) -> list[tuple[int, int]]:
    """Number of each of ann's lots, and what it holds in won."""
    wallet = bench.wallet()
    assert wallet is not None
    return [(lot.id, lot.amount_micros // WON) for lot in wallet.lots]


def test_withdrawal_when_asked_for_then_its_money_is_in_no_lot(bench: Bench) -> None:
    """The oldest lot first; a person has to approve what is beyond the rule."""
    bench.feed(ask(70))
    [asked] = withdrawals(bench)
    assert (asked.state, asked.approver, asked.fee_micros) == ("requested", "", 2 * WON)
    assert [(part.lot, part.amount_micros // WON) for part in asked.parts] == [(1, 60), (2, 10)]
    assert (lots(bench), sum_on(bench, "withdrawals")) == ([(2, 30)], 70)
    moved = bench.transfers()[-1]
    assert (moved.cause, moved.scope, moved.reference) == (
        "withdrawal_requested", "withdrawal:1", "mine-w1",
    )  # fmt: skip
    assert not sum(entry.amount_micros for entry in moved.entries)


def test_withdrawal_when_within_the_rule_then_it_is_approved_at_once(bench: Bench) -> None:
    """What a day comes to counts, so many small ones are no way around it."""
    bench.feed(ask(30), ask(20, "w2"), ask(10, "w3"))
    states = [(each.state, each.approver) for each in withdrawals(bench)]
    assert states == [("approved", "rule"), ("approved", "rule"), ("requested", "")]


def test_withdrawal_when_paid_then_the_money_leaves_and_the_fee_stays(bench: Bench) -> None:
    """The bank's reference is on the transfer; nothing is aside any more."""
    bench.feed(ask(70), decide("approved", "d1"), decide("paid", "d2", said="bank-9"))
    [paid] = withdrawals(bench)
    assert (paid.state, paid.approver, paid.outside) == ("paid", "desk", "bank-9")
    moved = bench.transfers()[-1]
    assert (moved.cause, moved.reference) == ("withdrawal_paid", "bank-9")
    assert sum_on(bench, "withdrawals") == 0
    assert (sum_on(bench, "world"), sum_on(bench, "fees")) == (-32, 2)


@pytest.mark.parametrize(
    "steps",
    [
        (("rejected", "withdrawal_rejected"),),
        (("approved", ""), ("failed", "withdrawal_failed")),
        (("approved", ""), ("paid", "withdrawal_paid"), ("returned", "withdrawal_returned")),
    ],
)
def test_money_when_it_comes_back_then_it_is_in_its_lots(
    bench: Bench, steps: tuple[tuple[str, str], ...]
) -> None:
    """As before the request, the fee with it, and told by its reason."""
    before = lots(bench)
    bench.feed(ask(70))
    for number, (to, _) in enumerate(steps):
        bench.feed(decide(to, f"d{number}", said="no such account"))
    [back] = withdrawals(bench)
    assert (back.state, back.reason, back.parts) == (steps[-1][0], "no such account", ())
    assert (lots(bench), bench.transfers()[-1].cause) == (before, steps[-1][1])
    sums = [sum_on(bench, name) for name in ("withdrawals", "fees", "world")]
    assert sums == [0, 0, -100]


def test_money_when_it_comes_back_into_debt_then_that_is_paid_first(bench: Bench) -> None:
    """Use goes on while the money is aside, and cannot touch it."""
    bench.feed(ask(90), frame(event("session.start", 0), event("session.heartbeat", 1)))
    owing = bench.wallet()
    assert owing is not None
    assert (owing.cash_micros, owing.debt_micros) == (0, 20 * WON)
    bench.feed(decide("rejected", "d1"))
    wallet = bench.wallet()
    assert wallet is not None
    assert (wallet.cash_micros, wallet.debt_micros) == (70 * WON, 0)


STEPS = ("approved", "rejected", "paid", "failed", "returned")
OPEN_TO = {
    "requested": {"approved", "rejected"},
    "approved": {"paid", "failed"},
    "paid": {"returned"},
    "rejected": set[str](),
    "failed": set[str](),
    "returned": set[str](),
}
WAYS = {
    "requested": (),
    "approved": ("approved",),
    "paid": ("approved", "paid"),
    "rejected": ("rejected",),
    "failed": ("approved", "failed"),
    "returned": ("approved", "paid", "returned"),
}


@pytest.mark.parametrize("state", WAYS)
@pytest.mark.parametrize("to", STEPS)
def test_step_when_taken_from_a_state_then_only_those_of_that_state_are(
    bench: Bench, state: str, to: str
) -> None:
    """So nothing is paid twice, nor given back after it was paid but by a return."""
    bench.feed(ask(70), *(decide(each, f"way-{each}") for each in WAYS[state]))
    count = len(bench.transfers())
    bench.feed(decide(to, "step"))
    if to in OPEN_TO[state]:
        assert withdrawals(bench)[0].state == to
    else:
        assert said(bench, "step") == ("refused", "withdrawal-state")
        assert (withdrawals(bench)[0].state, len(bench.transfers())) == (state, count)


@pytest.mark.parametrize(
    ("before", "command", "reason"),
    [
        ((), ask(0, "x"), "amount-invalid"),
        ((), ask(2, "x"), "amount-invalid"),
        ((), ask(10, "x", currency="USD"), "currency-mismatch"),
        ((), ask(91, "x"), "withdrawal-limit"),
        ((top_up(100, "t3"), ask(90)), ask(31, "x"), "withdrawal-limit"),
        ((), ask(10, "x", to="other"), "account-unknown"),
        ((account("new", "a2", proved=False),), ask(10, "x", to="new"), "account-unproved"),
        ((no_account(),), ask(10, "x"), "account-unknown"),
        ((ask(70), no_account()), decide("approved", "x"), "account-unknown"),
        ((ask(80),), ask(30, "x"), "insufficient-funds"),
        ((), decide("paid", "x", number=7), "withdrawal-unknown"),
        ((ask(70),), decide("approved", "x", said="r" * 257), "reference-invalid"),
        ((), no_account("other", "x"), "account-unknown"),
        ((), account("a" * 129, "x"), "account-invalid"),
        (
            tuple(account(f"n{n}", f"n{n}") for n in range(ACCOUNTS_MAX - 1)),
            account("more", "x"),
            "accounts-too-many",
        ),
    ],
)
def test_command_when_it_cannot_be_done_then_the_refusal_is_its_result(
    bench: Bench, before: tuple[Record, ...], command: Command, reason: str
) -> None:
    """Nothing moves by it."""
    bench.feed(*before)
    kept, count = bench.wallet(), len(bench.transfers())
    bench.feed(command)
    assert said(bench, "x") == ("refused", reason)
    assert (bench.wallet(), len(bench.transfers())) == (kept, count)


def test_wallet_when_frozen_then_nothing_is_asked_or_approved_and_a_payment_is_told(
    bench: Bench,
) -> None:
    """What the bank has done is a fact."""
    freeze = Command("tv", "ann", "f", b"f" * 16, 2**50, "desk", FreezeWallet("stolen"))
    bench.feed(ask(20), ask(60, "w2"), freeze, ask(5, "w3"), decide("approved", "d2", number=2))
    assert (said(bench, "w3"), said(bench, "d2")) == (("refused", "wallet-frozen"),) * 2
    bench.feed(decide("paid", "d1"))
    assert said(bench, "d1") == ("posted", "")


def test_withdrawal_when_money_is_held_or_sessions_run_then_what_they_need_stays(
    bench: Bench,
) -> None:
    """The hold's 20 won; of the open session the 100 won at which its tariff warns."""
    hold = Command("tv", "ann", "h", b"h" * 16, 2**50, "d", PlaceHold(20 * WON, "KRW", HOUR_MS))
    bench.feed(hold, ask(81, "w1"), ask(80, "w2"))
    assert (said(bench, "w1"), said(bench, "w2")) == (
        ("refused", "insufficient-funds"), ("posted", ""),
    )  # fmt: skip
    bench.feed(top_up(100, "t3"), frame(event("session.start", 0)), ask(10, "w3"))
    assert said(bench, "w3") == ("refused", "insufficient-funds")


def test_points_when_the_tenant_lets_them_leave_then_they_do_and_come_back_with_their_end() -> None:
    """What ends sooner leaves first; what is for something does not, nor what has no leave."""
    bench = Bench(offering(buckets=["cash", "points"]))
    day = give_credit(30, "g1", bucket="points", expires_ms=DAY_MS)
    bench.feed(top_up(20), account(), day, give_credit(9, "g2", bucket="card"), ask(51, "w0"))
    bench.feed(ask(35))
    assert (said(bench, "w0"), said(bench, "w1")) == (
        ("refused", "insufficient-funds"), ("posted", ""),
    )  # fmt: skip
    [asked] = withdrawals(bench)
    assert [(p.bucket, p.amount_micros // WON) for p in asked.parts] == [
        ("points", 30),
        ("cash", 5),
    ]
    bench.feed(decide("rejected", "d1"))
    wallet = bench.wallet()
    assert wallet is not None
    found = [(lot.bucket, lot.amount_micros // WON, lot.expires_ms) for lot in wallet.lots]
    assert found == [("points", 30, DAY_MS), ("card", 9, 0), ("cash", 20, 0)]
    bench.close()


def test_command_when_it_comes_again_then_it_changes_nothing(bench: Bench) -> None:
    """Whatever the same key asks; the state survives that memory is lost."""
    bench.feed(ask(70), ask(5, "w1"), decide("approved", "d1"), decide("rejected", "d1"))
    bench.reload()
    bench.feed(ask(70), decide("paid", "d2"), decide("paid", "d2"), decide("paid", "d3"))
    assert [each.state for each in withdrawals(bench)] == ["paid"]
    assert (sum_on(bench, "world"), said(bench, "d3")[1]) == (-32, "withdrawal-state")


def test_withdrawals_when_there_are_many_then_only_ended_ones_of_before_are_forgotten() -> None:
    """A day has at most so many; the next day the oldest makes room, but for one that goes on."""
    bench = Bench(offering(approved_up_to="1"))
    bench.feed(top_up(100), account())
    for number in range(KEPT_MAX):
        bench.feed(ask(1, f"w{number}"), stamp_ms=1)
    bench.feed(decide("rejected", "r2", number=2), ask(1, "more"), stamp_ms=2)
    assert said(bench, "more") == ("refused", "withdrawals-too-many")
    bench.feed(ask(1, "later"), stamp_ms=1 + DAY_MS)
    numbers = [each.id for each in withdrawals(bench)]
    assert (numbers[:2], numbers[-1]) == ([1, 3], KEPT_MAX + 1)
    bench.close()
