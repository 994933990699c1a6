"""Withdrawals by commands in any order and repeat: books stay whole, nothing is paid twice."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.commands import Command
from tests.support.bench_shard import WON, Bench, event, frame, top_up
from tests.support.withdrawing import account, ask, decide, no_account, offering, sum_on

STATES = ("approved", "rejected", "paid", "failed", "returned")
ORDERS: list[Command] = [
    account(),
    account("two", "a2", proved=False),
    no_account(),
    *(top_up(won, f"t{won}") for won in (50, 70)),
    *(ask(won, f"w{won}") for won in (20, 45, 60)),
    *(decide(to, f"{to}-{n}", number=n) for n in (1, 2, 3) for to in STATES),
    *(decide(to, f"{to}-{n}-again", number=n) for n in (1, 2) for to in ("approved", "paid")),
]
CAUSES_BACK = {"withdrawal_rejected", "withdrawal_failed", "withdrawal_returned"}


@settings(max_examples=150, deadline=None)
@given(
    orders=st.lists(st.sampled_from(ORDERS), min_size=10, max_size=60),
    used_at=st.integers(0, 60),
    grouped=st.integers(1, 7),
)
def test_orders_when_they_come_in_any_order_then_money_is_where_the_states_say(
    orders: list[Command], used_at: int, grouped: int
) -> None:
    """What is aside, outside and kept as a fee follows from the withdrawals' states alone."""
    bench = Bench(offering(approved_up_to="30", fee="1"))
    bench.feed(account(), top_up(40, "t0"))
    for place in range(0, len(orders), grouped):
        if place <= used_at < place + grouped:
            bench.feed(frame(event("session.start", 0), event("session.stop", 1)))
        bench.feed(*orders[place : place + grouped])
    wallet = bench.wallet()
    assert wallet is not None
    asked = wallet.withdrawals
    paid = [each for each in asked if each.state == "paid"]
    assert sum_on(bench, "withdrawals") * WON == wallet.aside_micros
    assert sum_on(bench, "fees") == len(paid)
    came = sum(e.amount_micros for t in bench.transfers() if t.cause == "top_up" for e in t.entries
               if e.account == "world")  # fmt: skip
    left = sum(each.amount_micros - each.fee_micros for each in paid)
    assert sum_on(bench, "world") * WON == came + left
    moves = Counter((t.scope, t.cause) for t in bench.transfers() if "withdrawal:" in t.scope)
    assert not [name for name, count in moves.items() if count > 1]
    ended = Counter(t.scope for t in bench.transfers() if t.cause in CAUSES_BACK)
    assert not [name for name, count in ended.items() if count > 1]
    for transfer in bench.transfers():
        assert not sum(entry.amount_micros for entry in transfer.entries)
    bench.close()


@settings(max_examples=100, deadline=None)
@given(
    tops=st.lists(st.integers(1, 30), min_size=1, max_size=20),
    part=st.integers(1, 100),
    way=st.sampled_from([("rejected",), ("approved", "failed"), ("approved", "paid", "returned")]),
)
def test_money_when_it_comes_back_then_every_lot_is_as_it_was(
    tops: list[int], part: int, way: tuple[str, ...]
) -> None:
    """Of however many lots it was taken."""
    bench = Bench(offering())
    bench.feed(account(), *(top_up(won, f"t{n}") for n, won in enumerate(tops)))
    before = bench.wallet()
    bench.feed(ask(max(1, sum(tops) * part // 100)))
    bench.feed(*(decide(to, to) for to in way))
    after = bench.wallet()
    assert before is not None
    assert after is not None
    assert (after.lots, after.debt_micros) == (before.lots, 0)
    bench.close()
