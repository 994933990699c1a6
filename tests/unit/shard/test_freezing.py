"""Frozen wallets through the step: what they refuse, what is booked all the same."""

import copy

import pytest

from schemas.commands import Body, Command, FreezeWallet, PlaceHold
from schemas.moment import HOUR_MS
from tests.support.bench_shard import (
    CATALOGUE,
    WON,
    Bench,
    event,
    frame,
    give_credit,
    send,
    top_up,
)


def order(body: Body, key: str) -> Command:
    """A command about ann."""
    return Command("tv", "ann", key, key.encode().ljust(16), 2**50, "operator", body)


def freeze(reason: str = "card stolen", key: str = "f1") -> Command:
    """Freezes ann's wallet, or lets it go."""
    return order(FreezeWallet(reason), key)


def said(bench: Bench, key: str) -> tuple[str, str]:
    """Outcome and reason of a command."""
    result = bench.result(key)
    assert result is not None
    return result.outcome, result.reason


def test_wallet_when_frozen_then_sessions_are_cut_off_and_go_on_afterwards(bench: Bench) -> None:
    """What they use meanwhile is booked; nothing is available."""
    bench.feed(top_up(1_000), frame(event("session.start", 0)))
    bench.feed(freeze())
    assert [each.signal for each in bench.signals()] == ["cut_off"]
    bench.feed(frame(event("session.heartbeat", 2)))
    wallet = bench.wallet()
    assert wallet is not None
    assert (wallet.cash_micros, wallet.frozen) == (940 * WON, "card stolen")
    result = bench.result("f1")
    assert result is not None
    assert (result.outcome, result.posted_micros, result.available_micros) == ("done", 10**9, 0)
    bench.feed(freeze("", "f2"))
    assert [each.signal for each in bench.signals()][-1] == "go_on"
    assert said(bench, "f2") == ("done", "")


@pytest.mark.parametrize(
    ("command", "key"),
    [
        (send(1), "s1"),
        (order(PlaceHold(WON, "KRW", HOUR_MS), "h1"), "h1"),
    ],
)
def test_wallet_when_frozen_then_what_could_wait_is_refused(
    bench: Bench, command: Command, key: str
) -> None:
    """With the operator's reason in the detail."""
    bench.feed(top_up(1_000), freeze(), command)
    assert said(bench, key) == ("refused", "wallet-frozen")
    result = bench.result(key)
    assert result is not None
    assert "card stolen" in result.detail


def test_wallet_when_frozen_then_money_still_comes_in(bench: Bench) -> None:
    """Top-ups and gifts are taken; a member who was never seen can be frozen too."""
    bench.feed(freeze(), top_up(100), give_credit(5))
    wallet = bench.wallet()
    assert wallet is not None
    assert (wallet.lots_micros, wallet.frozen) == (105 * WON, "card stolen")


@pytest.mark.parametrize(
    ("command", "key"),
    [
        (freeze(), "f1"),
        (freeze(""), "f1"),
        (order(PlaceHold(WON, "KRW", HOUR_MS), "h1"), "h1"),
    ],
)
def test_stranger_when_asked_about_then_has_no_wallet_and_is_no_member(
    command: Command, key: str
) -> None:
    """A wallet makes a member of a tenant who registers them, and what members use is booked."""
    catalogue = copy.deepcopy(CATALOGUE)
    catalogue["tenants"][0] |= {"membership": "registered", "credit_limit": "1000"}
    bench = Bench(catalogue)
    bench.feed(command, frame(event("session.start", 0)))
    assert said(bench, key) == ("refused", "member-unknown")
    assert (bench.wallet(), [each.reason for each in bench.dead()]) == (None, ["member-unknown"])
    bench.close()
