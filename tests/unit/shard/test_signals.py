"""What content servers are told when something else than their own events moves the wallet."""

import copy
from typing import Any

from tests.support.bench_shard import CATALOGUE, WON, Bench, event, frame, tick, top_up


def without(content: str) -> dict[str, Any]:
    """The catalogue after a content was withdrawn."""
    fewer = copy.deepcopy(CATALOGUE)
    tenant = fewer["tenants"][0]
    tenant["contents"] = [each for each in tenant["contents"] if each["id"] != content]
    return fewer


def test_session_when_its_content_is_withdrawn_then_it_is_still_cut_off(bench: Bench) -> None:
    """A session goes on by the terms it began under, so it also ends by them."""
    bench.feed(top_up(100), frame(event("session.start", 0, id="a")))
    bench.publish(without("news"))
    bench.feed(frame(event("session.heartbeat", 5, id="b")))
    assert [signal.signal for signal in bench.signals()] == ["low_balance", "cut_off"]


def test_tick_when_silence_gives_money_back_then_the_others_may_go_on(bench: Bench) -> None:
    """A vanished session that pays nothing lifts the wallet above zero: the cut one is told."""
    bench.feed(top_up(100), tick(0))
    bench.feed(
        frame(
            event("session.start", 0, id="l0", session="lost", content="lost"),
            event("session.start", 0, id="n0", session="news"),
        )
    )
    lost = event(
        "session.heartbeat", 19, id="l1", session="lost", content="lost", received_at_ms=1_000
    )
    news = event("session.heartbeat", 1, id="n1", session="news", received_at_ms=12_000)
    bench.feed(frame(lost), frame(news))
    assert bench.signals()[-1].signal == "cut_off"
    bench.feed(tick(12))
    wallet = bench.wallet()
    assert wallet is not None
    assert (wallet.cash_micros, wallet.debt_micros) == (70 * WON, 0)
    assert [(s.signal, s.session) for s in bench.signals()][-1] == ("go_on", "news")


def test_tick_when_silence_takes_the_last_money_then_the_others_are_cut_off(bench: Bench) -> None:
    """Half an interval more empties the wallet: the session that goes on is told."""
    bench.feed(top_up(42), tick(0))
    bench.feed(
        frame(
            event("session.start", 0, id="a0", session="half", content="again"),
            event("session.start", 10, id="n0", session="on", received_at_ms=10_000),
        )
    )
    bench.feed(frame(event("session.heartbeat", 11, id="n1", session="on")))
    told = len(bench.signals())
    wallet = bench.wallet()
    assert wallet is not None
    assert wallet.cash_micros == 12 * WON
    bench.feed(frame(event("session.heartbeat", 10, id="a1", session="half", content="again",
                           received_at_ms=0)))  # fmt: skip
    bench.feed(tick(10))
    assert [(s.signal, s.session) for s in bench.signals()[told:]][-1] == ("cut_off", "on")


def test_low_balance_when_a_newer_catalogue_has_no_mark_then_the_sessions_own_counts(
    bench: Bench,
) -> None:
    """Terms that a session began under say when its server is warned, whatever came since."""
    bench.feed(top_up(200), frame(event("session.start", 0, id="a")))
    silent = copy.deepcopy(CATALOGUE)
    for tariff in silent["tenants"][0]["tariffs"]:
        tariff.pop("low_balance", None)
    bench.publish(silent)
    bench.feed(frame(event("session.heartbeat", 4, id="b")))
    assert [signal.signal for signal in bench.signals()] == ["low_balance"]


def test_low_balance_when_told_then_says_what_can_still_be_used(bench: Bench) -> None:
    """Eighty won at thirty a second are two seconds; other signals say nothing."""
    bench.feed(top_up(200), frame(event("session.start", 0, id="a")))
    bench.feed(frame(event("session.heartbeat", 4, id="b")))
    bench.feed(frame(event("session.heartbeat", 9, id="c")))
    [low, cut] = bench.signals()
    assert low.available_micros == 80 * WON
    assert [(each.kind, each.meter, each.units) for each in low.remaining] == [("time", "s", 2)]
    assert cut.remaining == ()
