"""Money with conditions through the step: what it pays, what it leaves, when it goes."""

import pytest

from schemas.buckets import Only
from schemas.commands import Command
from schemas.frames import UsageFrame
from schemas.money import AMOUNT_MAX
from tests.support.bench_shard import WON, Bench, event, frame, give_credit, tick, top_up
from wallet.moves import LOTS_MAX

HOUR_S = 3_600
HORIZON_S = 48 * HOUR_S


def lots_of(bench: Bench) -> list[tuple[int, str, int]]:
    """Number, bucket and won of each of ann's lots."""
    wallet = bench.wallet()
    assert wallet is not None
    return [(lot.id, lot.bucket, lot.amount_micros // WON) for lot in wallet.lots]


def moved(bench: Bench) -> list[tuple[str, list[tuple[str, int, int]]]]:
    """Cause of each transfer, and account, won and lot of each of its entries."""
    return [
        (each.cause, [(e.account, e.amount_micros // WON, e.lot) for e in each.entries])
        for each in bench.transfers()
    ]


def use(*, content: str = "news", to_s: int = 10, session: str = "s1") -> UsageFrame:
    """A session of so many seconds."""
    return frame(
        event("session.start", 0, id=f"{session}a", session=session, content=content),
        event("session.heartbeat", to_s, id=f"{session}{to_s}", session=session, content=content),
    )


def test_credit_when_given_then_it_is_a_lot_with_its_conditions(bench: Bench) -> None:
    """It comes from the account that stands for who gives it, and the result names its lot."""
    only = Only(contents=("news",))
    bench.feed(top_up(100), give_credit(50, expires_ms=99_000, only=only, reference="spring"))
    assert lots_of(bench) == [(2, "promotion", 50), (1, "cash", 100)]
    [_, given] = moved(bench)
    assert given == ("credit", [("promotion", -50, 0), ("member/ann/promotion", 50, 2)])
    result = bench.result("g1")
    assert result is not None
    assert (result.outcome, result.lot, result.posted_micros) == ("posted", 2, 150 * WON)
    assert bench.transfers()[-1].reference == "spring"


def test_credit_when_it_may_pay_then_it_pays_before_cash(bench: Bench) -> None:
    """10 s at 30 won: 50 of the promotion, the rest of cash; every entry names its lot."""
    bench.feed(top_up(1_000), give_credit(50), use())
    assert lots_of(bench) == [(1, "cash", 750)]
    assert moved(bench)[-1][1][:2] == [
        ("member/ann/promotion", -50, 2), ("member/ann/cash", -250, 1),
    ]  # fmt: skip


def test_credit_when_for_another_content_then_cash_pays(bench: Bench) -> None:
    """What is meant for the web pays for nothing else."""
    bench.feed(top_up(1_000), give_credit(50, only=Only(contents=("web",))), use())
    assert lots_of(bench) == [(2, "promotion", 50), (1, "cash", 700)]


def test_credit_when_for_items_then_it_pays_no_time(bench: Bench) -> None:
    """10 s and a quiz of 760 won: a credit for items pays the quiz alone."""
    quiz = event("item.use", 10, id="q", item="quiz")
    bench.feed(top_up(2_000), give_credit(1_000, only=Only(kinds=("item",))), use(), frame(quiz))
    assert lots_of(bench) == [(2, "promotion", 240), (1, "cash", 1_700)]


def test_session_when_it_costs_less_than_was_charged_then_what_paid_gets_it_back(
    bench: Bench,
) -> None:
    """An error that costs nothing: 5 won a second for 20 s, of which 60 were a gift."""
    bench.feed(top_up(1_000), give_credit(60), use(content="lost", to_s=20))
    assert lots_of(bench) == [(1, "cash", 960)]
    bench.feed(frame(event("session.error", 20, id="e", content="lost", reason="server")))
    assert lots_of(bench) == [(2, "promotion", 60), (1, "cash", 1_000)]


def test_lot_when_used_after_its_expiry_then_cash_pays(bench: Bench) -> None:
    """Event time decides: what happened before it may still spend it, whenever that comes."""
    bench.feed(top_up(1_000), give_credit(200, expires_ms=20_000))
    after = (
        event("session.start", 30, id="a", session="late"),
        event("session.heartbeat", 31, id="b", session="late"),
    )
    bench.feed(frame(*after), use(to_s=5))
    assert lots_of(bench) == [(2, "promotion", 50), (1, "cash", 970)]


def test_lot_when_the_horizon_has_passed_since_its_expiry_then_it_leaves(bench: Bench) -> None:
    """Not sooner: the rest is breakage, posted with the tick that shows it."""
    bench.feed(top_up(10), give_credit(50, expires_ms=HOUR_S * 1_000), tick(0))
    bench.feed(tick(HORIZON_S + HOUR_S - 1))
    assert lots_of(bench) == [(2, "promotion", 50), (1, "cash", 10)]
    bench.feed(tick(HORIZON_S + HOUR_S))
    assert lots_of(bench) == [(1, "cash", 10)]
    assert moved(bench)[-1] == ("expiry", [("member/ann/promotion", -50, 2), ("breakage", 50, 0)])
    assert bench.transfers()[-1].scope == "lot:2"


def test_lot_when_it_has_left_and_gets_something_back_then_that_leaves_too(bench: Bench) -> None:
    """A gift that ended does not come to life because a use of it turned out to cost nothing."""
    bench.feed(top_up(1_000), give_credit(60, expires_ms=HOUR_S * 1_000), tick(0))
    beats = (
        event("session.heartbeat", at, id=f"h{at}", content="lost", received_at_ms=at * 1_000)
        for at in range(10, HORIZON_S + 3 * HOUR_S, 3_600)
    )
    bench.feed(frame(event("session.start", 0, id="a", content="lost")), *(frame(b) for b in beats))
    bench.feed(tick(HORIZON_S + HOUR_S))
    assert [bucket for _, bucket, _ in lots_of(bench)] == []
    at_s = HORIZON_S + 3 * HOUR_S
    bench.feed(frame(event("session.error", at_s, id="e", content="lost", reason="server")))
    assert lots_of(bench) == [(2, "promotion", 50), (1, "cash", 1_000)]
    bench.reload()
    bench.feed(tick(at_s))
    assert lots_of(bench) == [(1, "cash", 1_000)]
    assert moved(bench)[-1] == ("expiry", [("member/ann/promotion", -50, 2), ("breakage", 50, 0)])


def test_lots_when_they_expire_one_after_the_other_then_each_leaves_in_its_turn(
    bench: Bench,
) -> None:
    """After a lot has left, the next one is waited for; an owner that takes over waits too."""
    for hours in (3, 1, 2):
        bench.feed(give_credit(hours, f"g{hours}", expires_ms=hours * HOUR_S * 1_000))
    bench.feed(tick(0))
    for gone in (1, 2, 3):
        bench.reload()
        bench.feed(tick(HORIZON_S + gone * HOUR_S))
        assert [won for _, _, won in lots_of(bench)] == [*range(gone + 1, 4)]
    assert [entries[0][1] for cause, entries in moved(bench) if cause == "expiry"] == [-1, -2, -3]


def test_servers_when_money_is_for_one_content_then_only_the_other_is_cut_off(
    bench: Bench,
) -> None:
    """Each session is told what there is for it, and goes on when there is something again."""
    bench.feed(give_credit(1_000, only=Only(contents=("news",))))
    bench.feed(use(to_s=2), use(content="again", to_s=2, session="s2"))
    assert [(each.signal, each.session) for each in bench.signals()] == [("cut_off", "s2")]
    assert bench.signals()[0].available_micros == -2 * WON
    bench.feed(give_credit(500, "g2", only=Only(contents=("again",))))
    assert [(each.signal, each.session) for each in bench.signals()[1:]] == [("go_on", "s2")]


REFUSED = [
    (give_credit(0), "amount-invalid"),
    (give_credit(-5), "amount-invalid"),
    (give_credit(5, currency="USD"), "currency-mismatch"),
    (give_credit(5, bucket="cash"), "bucket-invalid"),
    (give_credit(5, bucket="gold"), "bucket-invalid"),
    (give_credit(5, priority=100), "priority-invalid"),
    (give_credit(5, priority=-1), "priority-invalid"),
    (give_credit(5, expires_ms=1), "expiry-invalid"),
    (give_credit(5, only=Only(contents=tuple(f"c{n}" for n in range(21)))), "restriction-invalid"),
    (give_credit(AMOUNT_MAX // WON), "balance-too-large"),
]


@pytest.mark.parametrize(("command", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_credit_when_it_cannot_be_then_nothing_moves_and_the_reason_is_kept(
    bench: Bench, command: Command, reason: str
) -> None:
    """A refusal is a result."""
    bench.feed(tick(10), top_up(1_000))
    bench.feed(command, stamp_ms=5_000)
    result = bench.result("g1")
    assert result is not None
    assert (result.outcome, result.reason) == ("refused", reason)
    assert result.detail
    assert lots_of(bench) == [(1, "cash", 1_000)]


def test_credit_when_the_wallet_is_full_of_conditions_then_it_is_refused(bench: Bench) -> None:
    """A wallet keeps 64 amounts apart, no more."""
    for number in range(LOTS_MAX):
        bench.feed(give_credit(1, f"n{number}", expires_ms=2**45 + number))
    bench.feed(give_credit(1, "more", expires_ms=2**46), top_up(1))
    for key in ("more", "k1"):
        result = bench.result(key)
        assert result is not None
        assert (result.outcome, result.reason) == ("refused", "lots-too-many")


def test_session_when_money_is_for_other_charges_alone_then_it_is_cut_off_without_it(
    bench: Bench,
) -> None:
    """What may only pay for time keeps nobody on who is charged by the byte, but a watcher."""
    bench.feed(top_up(10), give_credit(500, only=Only(kinds=("time",))), tick(0))
    web = event("session.start", 0, session="w", content="web", meters={"bytes": 10 * WON})
    bench.feed(frame(web, event("session.start", 0)))
    assert [(each.signal, each.session) for each in bench.signals()] == [("cut_off", "w")]
    wallet, result = bench.wallet(), bench.result("g1")
    assert wallet is not None
    assert result is not None
    assert (wallet.lots_micros, wallet.debt_micros) == (500 * WON, 0)
    # Of what may be spent on anything it is no part.
    assert result.available_micros == 10 * WON
