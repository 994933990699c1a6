"""Money set aside, through the step: placed, captured, released, expired, and told."""

from typing import Any

import pytest

from schemas.buckets import Only
from schemas.commands import Body, CaptureHold, Command, PlaceHold, ReleaseHold
from schemas.holds import Hold
from schemas.moment import HOUR_MS
from tests.support.bench_shard import WON, Bench, event, frame, give_credit, tick, top_up
from wallet.available import available
from wallet.holds import HOLDS_MAX
from wallet.lots import Use

HORIZON_S = 48 * 3_600


def order(body: Body, key: str) -> Command:
    """A command of ann's."""
    return Command("tv", "ann", key, key.encode().ljust(16), 2**50, "gateway", body)


def place(won: int, key: str = "h1", **fields: Any) -> Command:  # noqa: ANN401 -- fields of a command
    """A hold for an hour."""
    said: dict[str, Any] = {"currency": "KRW", "valid_ms": HOUR_MS} | fields
    return order(PlaceHold(won * WON, **said), key)


def capture(won: int, key: str = "c1", *, hold: int = 1, final: bool = True) -> Command:
    """A capture."""
    return order(CaptureHold(hold, won * WON, final), key)


def release(key: str = "r1", *, hold: int = 1) -> Command:
    """A release."""
    return order(ReleaseHold(hold), key)


def said(bench: Bench, key: str) -> tuple[str, str]:
    """Outcome and reason of a command."""
    result = bench.result(key)
    assert result is not None
    return result.outcome, result.reason


def left(bench: Bench, *, content: str = "news", provider: str = "kbs") -> int:
    """What ann may spend on something, in won."""
    wallet = bench.wallet()
    assert wallet is not None
    return available(wallet, 0, Use(0, content, provider)) // WON


def holds(bench: Bench) -> tuple[Hold, ...]:
    """Ann's holds."""
    wallet = bench.wallet()
    assert wallet is not None
    return wallet.holds


def entries(bench: Bench) -> dict[str, int]:
    """Account and won of each entry of the last transfer."""
    last = bench.transfers()[-1]
    return {entry.account: entry.amount_micros // WON for entry in last.entries}


def test_hold_when_placed_then_nothing_moves_and_nobody_else_can_spend_it(bench: Bench) -> None:
    """The answer tells its number; what is available is less, what is posted is not."""
    bench.feed(top_up(100), place(60, reference="request-1"), place(50, "h2"))
    assert (said(bench, "h1"), said(bench, "h2")) == (
        ("done", ""),
        ("refused", "insufficient-funds"),
    )
    result = bench.result("h1")
    assert result is not None
    assert (result.posted_micros, result.available_micros) == (100 * WON, 40 * WON)
    assert result.hold == Hold(1, 60 * WON, 0, HOUR_MS, reference="request-1")
    assert [transfer.cause for transfer in bench.transfers()] == ["top_up"]


def test_hold_when_captured_in_parts_then_each_is_posted_and_the_last_frees_the_rest(
    bench: Bench,
) -> None:
    """Of a content its provider has the tariff's share, of all parts together: 70 % of 50."""
    bench.feed(top_up(100), place(60, content="news"))
    bench.feed(capture(1, "c1", final=False), capture(2, "c2", final=False))
    assert holds(bench)[0].left_micros == 57 * WON
    bench.feed(capture(47, "c3"))
    assert (holds(bench), left(bench)) == ((), 50)
    paid = [t for t in bench.transfers() if t.cause == "capture"]
    assert [t.scope for t in paid] == ["hold:1"] * 3
    assert sum(e.amount_micros for t in paid for e in t.entries if e.account == "provider/kbs") == (
        35 * WON
    )
    assert all(not sum(e.amount_micros for e in t.entries) for t in paid)
    assert [(line.kind, line.amount_micros // WON) for t in paid for line in t.lines] == [
        ("capture", 1), ("capture", 2), ("capture", 47),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"member/ann/cash": -10, "platform": 10}),
        ({"provider": "shop"}, {"member/ann/cash": -10, "provider/shop": 10}),
        ({"content": "news"}, {"member/ann/cash": -10, "provider/kbs": 7, "platform": 3}),
    ],
)
def test_capture_when_posted_then_the_payee_gets_it(
    bench: Bench, fields: dict[str, Any], expected: dict[str, int]
) -> None:
    """Nobody named: the platform; a provider: all of it; a content: its share."""
    bench.feed(top_up(100), place(60, **fields), capture(10))
    assert entries(bench) == expected


def test_capture_when_asked_again_under_its_key_then_it_is_done_once(bench: Bench) -> None:
    """The stored result is what it was; the hold has not become less."""
    bench.feed(top_up(100), place(60), capture(10, final=False), capture(10, final=False))
    assert holds(bench)[0].left_micros == 50 * WON
    assert len(bench.transfers()) == 2


REFUSED: list[tuple[Command, str]] = [
    (place(0, "x"), "amount-invalid"),
    (place(-1, "x"), "amount-invalid"),
    (place(41, "x"), "insufficient-funds"),
    (place(1, "x", currency="USD"), "currency-mismatch"),
    (place(1, "x", valid_ms=0), "validity-invalid"),
    (place(1, "x", valid_ms=31 * 24 * HOUR_MS), "validity-invalid"),
    (place(1, "x", content="nothing"), "content-unknown"),
    (place(1, "x", reference="r" * 257), "reference-invalid"),
    (capture(61, "x"), "amount-too-large"),
    (capture(0, "x"), "amount-invalid"),
    (capture(1, "x", hold=2), "hold-unknown"),
    (release("x", hold=2), "hold-unknown"),
]


@pytest.mark.parametrize(("command", "reason"), REFUSED)
def test_hold_when_it_cannot_be_then_nothing_changes_and_the_reason_is_kept(
    bench: Bench, command: Command, reason: str
) -> None:
    """A refusal is a result."""
    bench.feed(top_up(100), place(60))
    before = bench.wallet()
    bench.feed(command)
    assert said(bench, "x") == ("refused", reason)
    assert bench.wallet() == before


def test_hold_when_released_then_its_money_is_free_at_once(bench: Bench) -> None:
    """Nothing was posted; a second release finds nothing."""
    bench.feed(top_up(100), place(60), release("r1"), release("r2"))
    assert (said(bench, "r1"), said(bench, "r2")) == (("done", ""), ("refused", "hold-unknown"))
    assert left(bench) == 100


def test_hold_when_its_time_is_over_then_the_rest_is_free_and_late_use_is_still_booked(
    bench: Bench,
) -> None:
    """By the tick that shows it; what comes late is taken even into debt, for a horizon."""
    bench.feed(top_up(100), tick(0), place(60, valid_ms=10_000), capture(5, "c0", final=False))
    bench.feed(tick(9))
    assert left(bench) == 40
    bench.reload()
    bench.feed(tick(10))
    assert left(bench) == 95
    bench.feed(frame(event("session.start", 0), event("session.heartbeat", 3)))
    bench.feed(capture(55, "late"))
    assert said(bench, "late") == ("posted", "")
    assert entries(bench) == {"member/ann/cash": -5, "member/ann/debt": -50, "platform": 55}


def test_hold_when_a_horizon_has_passed_since_then_it_is_forgotten(bench: Bench) -> None:
    """What comes so late is refused, and told why."""
    bench.feed(top_up(100), tick(0), place(60, valid_ms=10_000))
    bench.feed(tick(10), tick(HORIZON_S + 9))
    assert len(holds(bench)) == 1
    bench.feed(tick(HORIZON_S + 10), capture(1, "late"))
    assert (holds(bench), said(bench, "late")) == ((), ("refused", "hold-unknown"))


def test_servers_when_money_is_set_aside_or_free_again_then_are_told(bench: Bench) -> None:
    """A hold that takes the rest cuts sessions off; its end lets them go on."""
    bench.feed(top_up(100), tick(0), frame(event("session.start", 0, received_at_ms=10**7)))
    bench.feed(place(100, valid_ms=5_000))
    assert [each.signal for each in bench.signals()][-1] == "cut_off"
    bench.feed(tick(5))
    assert [each.signal for each in bench.signals()][-1] == "go_on"


def test_hold_when_money_is_meant_for_something_then_it_covers_that_first(bench: Bench) -> None:
    """60 for news and 100 of cash: holding 70 for news leaves 90 of cash for others."""
    bench.feed(top_up(100), give_credit(60, only=Only(contents=("news",))))
    bench.feed(place(70, content="news"))
    assert left(bench) == 90
    assert left(bench, content="again") == 90
    bench.feed(place(91, "h2", content="again"), place(90, "h3", content="again"))
    assert said(bench, "h2") == ("refused", "insufficient-funds")
    assert said(bench, "h3") == ("done", "")


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"expires_ms": HOUR_MS}, "refused"),
        ({"expires_ms": HOUR_MS + 1}, "done"),
        ({"only": Only(kinds=("time",))}, "refused"),
        ({"only": Only(kinds=("capture",))}, "done"),
    ],
)
def test_hold_when_money_cannot_pay_for_it_then_it_does_not_cover_it(
    bench: Bench, fields: dict[str, Any], outcome: str
) -> None:
    """What ends before the hold does, or is for other charges, is none that can be set aside."""
    bench.feed(give_credit(60, **fields), place(60))
    assert said(bench, "h1")[0] == outcome


def test_holds_when_there_are_too_many_then_one_that_is_over_makes_room(bench: Bench) -> None:
    """64 live ones are the most."""
    bench.feed(top_up(1_000), tick(0))
    bench.feed(*(place(1, f"n{number}", valid_ms=10_000) for number in range(HOLDS_MAX)))
    bench.feed(place(1, "more"))
    assert said(bench, "more") == ("refused", "holds-too-many")
    bench.feed(tick(10), place(1, "again"))
    assert said(bench, "again") == ("done", "")
    assert [hold.id for hold in holds(bench)] == [*range(2, HOLDS_MAX + 2)]
