"""What a content server is granted before it serves, through the step."""

import pytest

from schemas.commands import Command, FreezeWallet, PlaceHold
from schemas.grants import Units
from schemas.moment import HOUR_MS, SECOND_MS
from tests.support.bench_shard import (
    WON,
    Bench,
    event,
    frame,
    send,
    tick,
    top_up,
)
from tests.support.granting import VALID_S, ask, end, granted, order, refused, seconds_of, set_aside


def test_grant_when_there_is_money_then_it_is_whole_and_set_aside(bench: Bench) -> None:
    """20 s at 30 won: 600 won nobody else can spend; nothing is charged, no session is there."""
    bench.feed(top_up(1_000), ask(seconds=20))
    grant = granted(bench)
    assert grant.units == (Units("time", "s", 20),)
    assert (grant.held_micros, grant.is_final) == (600 * WON, False)
    assert grant.expires_ms == VALID_S * SECOND_MS
    result = bench.result("a1")
    assert result is not None
    assert (result.posted_micros, result.available_micros) == (1_000 * WON, 400 * WON)
    assert len(bench.transfers()) == 1
    assert not bench.cdrs()


def test_grant_when_money_is_short_then_it_is_what_that_buys_and_final(bench: Bench) -> None:
    """1,000 won buy 33 s at 30 won; 10 won stay free."""
    bench.feed(top_up(1_000), ask(seconds=60))
    grant = granted(bench)
    assert (seconds_of(grant), grant.held_micros, grant.is_final) == (33, 990 * WON, True)


def test_grant_when_there_is_no_money_then_a_session_is_not_let_in(bench: Bench) -> None:
    """A second would cost 30 won, there are 29; nothing is set aside, nothing begins."""
    bench.feed(top_up(29), ask(seconds=60))
    assert refused(bench) == "insufficient-funds"
    assert set_aside(bench) == {}


def test_grant_when_used_then_what_is_charged_is_set_aside_no_more(bench: Bench) -> None:
    """600 won for 20 s; after 5 s 150 are charged, 450 still stand behind it."""
    bench.feed(top_up(1_000), ask(seconds=20), frame(event("session.start", 0)))
    bench.feed(frame(event("session.heartbeat", 5)))
    assert set_aside(bench) == {"s1": 450}
    wallet = bench.wallet()
    assert wallet is not None
    assert wallet.cash_micros == 850 * WON


def test_update_when_asked_then_units_are_more_than_was_used(bench: Bench) -> None:
    """The new grant takes the place of what was left of the old one."""
    bench.feed(top_up(1_000), ask(seconds=20), frame(event("session.start", 0)))
    bench.feed(frame(event("session.heartbeat", 15)), ask("a2", seconds=20, initial=False))
    grant = granted(bench, "a2")
    # 1,000 - 450 = 550 won buy 18 s.
    assert (seconds_of(grant), grant.is_final, grant.charged_micros) == (18, True, 450 * WON)
    assert set_aside(bench) == {"s1": 540}
    bench.feed(frame(event("session.heartbeat", 33)), ask("a3", seconds=20, initial=False))
    grant = granted(bench, "a3")
    assert (seconds_of(grant), grant.is_final, grant.held_micros) == (0, True, 0)
    wallet = bench.wallet()
    assert wallet is not None
    assert (wallet.cash_micros, wallet.debt_micros) == (10 * WON, 0)


def test_update_when_the_session_is_not_open_then_it_is_refused(bench: Bench) -> None:
    """It was never begun, or it has ended."""
    bench.feed(top_up(1_000), ask(seconds=5, initial=False))
    assert refused(bench) == "session-not-open"
    bench.feed(frame(event("session.start", 0), event("session.stop", 1)))
    bench.feed(ask("a2", seconds=5, initial=False))
    assert refused(bench, "a2") == "session-not-open"


def test_session_when_it_ends_then_nothing_is_set_aside_for_it(bench: Bench) -> None:
    """A stop that its server sends frees the rest, whoever asks."""
    bench.feed(top_up(1_000), ask(seconds=20), frame(event("session.start", 0)))
    bench.feed(frame(event("session.stop", 5)))
    assert set_aside(bench) == {}


def test_session_when_it_falls_silent_then_nothing_is_set_aside_for_it(bench: Bench) -> None:
    """A tick ends it."""
    bench.feed(tick(0), top_up(1_000), ask(seconds=20), frame(event("session.start", 0)))
    bench.feed(tick(60))
    assert [cdr.cause for cdr in bench.cdrs()] == ["network"]
    assert set_aside(bench) == {}


def test_grant_when_it_expires_then_the_rest_is_free_and_late_use_is_booked(bench: Bench) -> None:
    """Nobody began the session in time; when its events come after all, they are charged."""
    bench.feed(tick(0), top_up(1_000), ask(seconds=20))
    bench.feed(tick(VALID_S - 1))
    assert set_aside(bench) == {"s1": 600}
    bench.feed(tick(VALID_S))
    assert set_aside(bench) == {}
    bench.feed(frame(event("session.start", 590), event("session.heartbeat", 600)))
    wallet = bench.wallet()
    assert wallet is not None
    assert wallet.cash_micros == 700 * WON


def test_grant_when_its_session_is_heard_of_then_it_holds_on(bench: Bench) -> None:
    """Each heartbeat renews it: it holds for its validity from the last one on."""
    bench.feed(tick(0), top_up(100_000), ask(seconds=3_000))
    for at_s in range(0, 1_000, 9):
        kind = "session.heartbeat" if at_s else "session.start"
        bench.feed(frame(event(kind, at_s)), tick(at_s))
    assert set_aside(bench) == {"s1": 90_000 - 999 * 30}


def test_grants_when_two_sessions_ask_then_each_gets_an_equal_part(bench: Bench) -> None:
    """Half of 1,200 won each, whoever asks first; only for the second is there no more."""
    bench.feed(top_up(1_200), frame(event("session.start", 0)))
    bench.feed(frame(event("session.start", 0, session="s2")))
    bench.feed(ask(seconds=100), ask("a2", seconds=100, session="s2"))
    assert set_aside(bench) == {"s1": 600, "s2": 600}
    assert [granted(bench, key).is_final for key in ("a1", "a2")] == [False, True]


def test_grants_when_an_equal_part_buys_nothing_then_one_gets_the_least_that_is_something(
    bench: Bench,
) -> None:
    """40 won of three sessions: 13 each buy no second; the first that asks gets one."""
    bench.feed(top_up(40), frame(*(event("session.start", 0, session=f"s{n}") for n in (1, 2, 3))))
    bench.feed(*(ask(f"a{n}", seconds=100, session=f"s{n}") for n in (1, 2, 3)))
    assert set_aside(bench) == {"s1": 30}
    assert [seconds_of(granted(bench, f"a{n}")) for n in (1, 2, 3)] == [1, 0, 0]


def test_session_without_grant_when_all_is_set_aside_then_it_is_cut_off_and_the_other_is_not(
    bench: Bench,
) -> None:
    """What stands behind one session's grant is there for that one alone."""
    bench.feed(top_up(600), ask(seconds=20), frame(event("session.start", 0)))
    bench.feed(frame(event("session.start", 1, session="s2")))
    bench.feed(frame(event("session.heartbeat", 2)))
    cut = [each.session for each in bench.signals() if each.signal == "cut_off"]
    assert set(cut) == {"s2"}


def test_money_behind_a_grant_when_somebody_else_wants_it_then_it_is_not_to_be_had(
    bench: Bench,
) -> None:
    """Neither a hold, nor a pass, nor another member gets it."""
    bench.feed(top_up(1_000), ask(seconds=30))
    bench.feed(order(PlaceHold(200 * WON, "KRW", HOUR_MS), "h1"), send(200))
    assert refused(bench, "h1") == "insufficient-funds"
    assert refused(bench, "s1") == "insufficient-funds"


def test_grant_when_asked_again_under_its_key_then_it_is_the_same(bench: Bench) -> None:
    """The first decides, whatever has changed."""
    bench.feed(top_up(1_000), ask(seconds=20), ask(seconds=20))
    assert set_aside(bench) == {"s1": 600}
    bench.feed(end(), ask(seconds=20))
    assert set_aside(bench) == {}


def test_end_when_the_session_never_began_then_what_was_set_aside_is_free(bench: Bench) -> None:
    """Its server granted and served nothing."""
    bench.feed(top_up(1_000), ask(seconds=20), end())
    assert set_aside(bench) == {}
    assert granted(bench, "e1").charged_micros == 0


def test_end_when_the_session_has_stopped_then_it_tells_what_it_cost(bench: Bench) -> None:
    """The stop came before it in the log."""
    bench.feed(top_up(1_000), ask(seconds=20), frame(event("session.start", 0)))
    bench.feed(frame(event("session.stop", 7)), end())
    assert granted(bench, "e1").charged_micros == 210 * WON


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (ask(content="nothing"), "content-unknown"),
        (ask(wanted=(Units("time", "s", 0),)), "units-invalid"),
        (ask(wanted=(Units("time", "s", 86_401),)), "units-invalid"),
        (ask(wanted=(Units("volume", "bytes", 2**41),)), "units-invalid"),
        (ask(wanted=tuple(Units("item", f"i{n}", 1) for n in range(17))), "units-invalid"),
        (ask(content="web"), "units-invalid"),
        (ask(content="daily"), "units-invalid"),
    ],
)
def test_grant_when_it_cannot_be_then_it_says_why(
    bench: Bench, command: Command, reason: str
) -> None:
    """Too much, of nothing on sale, or of a tariff that does not say what to grant."""
    bench.feed(top_up(1_000), command)
    assert refused(bench) == reason


def test_grant_when_the_wallet_is_frozen_then_no_session_is_let_in(bench: Bench) -> None:
    """Whatever it holds."""
    bench.feed(top_up(1_000), order(FreezeWallet("card stolen"), "f1"), ask(seconds=5))
    assert refused(bench) == "wallet-frozen"


def test_grant_when_the_content_is_another_than_the_session_s_then_it_is_refused(
    bench: Bench,
) -> None:
    """A session has one content for ever."""
    bench.feed(top_up(1_000), frame(event("session.start", 0)), ask(content="again", seconds=5))
    assert refused(bench) == "content-changed"
