"""What tariffs, passes, consent and limits make of a grant."""

from copy import deepcopy

import pytest

from schemas.commands import AskGrant
from schemas.consent import Consent
from schemas.grants import Grant, Units
from schemas.moment import SECOND_MS
from tests.support.bench_shard import (
    CATALOGUE,
    WON,
    Bench,
    buy_pass,
    event,
    frame,
    give_credit,
    tick,
    top_up,
)
from tests.support.granting import (
    VALID_S,
    ask,
    granted,
    order,
    refused,
    seconds_of,
    set_aside,
    with_tariff,
)


def test_grant_when_a_pass_is_due_then_it_is_set_aside_too(bench: Bench) -> None:
    """The first use of a day costs 3,000 won, whatever is used; then it is paid and free."""
    wanted = (Units("page", "forward", 3),)
    bench.feed(top_up(2_999), ask(content="daily", wanted=wanted))
    assert refused(bench) == "insufficient-funds"
    bench.feed(top_up(1, "k2"), ask("a2", content="daily", wanted=wanted))
    assert (granted(bench, "a2").units, set_aside(bench)) == (wanted, {"s1": 3_000})
    bench.feed(frame(event("session.start", 1, content="daily")))
    assert set_aside(bench) == {}
    bench.feed(ask("a3", content="daily", wanted=wanted, initial=False))
    assert granted(bench, "a3").held_micros == 0


def test_grant_when_the_tariff_says_so_then_it_is_of_that_size_and_says_what_follows() -> None:
    """Without a wish the tariff's own numbers hold."""
    rules = {"time_s": 7, "valid_s": 30, "threshold_percent": 10, "final_unit": "redirect",
             "redirect_to": "https://pay.example/", "on_failure": "continue"}  # fmt: skip
    bench = Bench(with_tariff(grants=rules))
    bench.feed(top_up(1_000), ask())
    assert granted(bench) == Grant(
        (Units("time", "s", 7),), 210 * WON, 30_000, threshold_percent=10,
        final_unit="redirect", redirect_to="https://pay.example/", on_failure="continue",
    )  # fmt: skip
    bench.close()


def test_grant_when_items_are_wanted_then_time_is_granted_with_them(bench: Bench) -> None:
    """Serving takes time, and the tariff charges it: 2 quizzes of 760 won, and 300 s of 30."""
    bench.feed(top_up(20_000), ask(wanted=(Units("item", "quiz", 2),)))
    grant = granted(bench)
    assert grant.units == (Units("time", "s", 300), Units("item", "quiz", 2))
    assert grant.held_micros == (9_000 + 1_520) * WON


def test_grant_when_a_dearer_hour_lies_ahead_then_it_is_sized_for_that() -> None:
    """A page costs 10 won now and 25 from 00:01 on, while the grant holds."""
    pages = {
        "kind": "page",
        "price": "10",
        "rates": [{"name": "late", "price": "25", "when": [{"from": "00:01", "to": "00:02"}]}],
    }
    bench = Bench(with_tariff(components=[pages]))
    bench.feed(top_up(1_000), ask(wanted=(Units("page", "forward", 10),)))
    assert granted(bench).held_micros == 250 * WON
    bench.close()


def test_grant_when_prices_change_while_it_holds_then_each_thing_is_paid_at_its_dearest() -> None:
    """A quiz costs 760 won until second 10, a byte 1 won from then on: nobody knows the order."""
    later = {
        "from": "1970-01-01T00:00:10Z",
        "components": [{"kind": "volume", "meter": "bytes", "price": "1"}],
    }
    quiz = {"kind": "item", "prices": {"quiz": "760"}}
    bench = Bench(with_tariff(components=[quiz], versions=[later]))
    bench.feed(top_up(1_000))
    bench.feed(ask(wanted=(Units("item", "quiz", 1), Units("volume", "bytes", 100))))
    assert granted(bench).held_micros == 860 * WON
    bench.close()


def test_grant_when_money_ends_before_it_or_is_for_other_things_then_that_does_not_count(
    bench: Bench,
) -> None:
    """60 won that expire while the grant holds buy nothing of it."""
    bench.feed(top_up(60), give_credit(600, expires_ms=300_000), ask(seconds=10))
    assert (seconds_of(granted(bench)), granted(bench).is_final) == (2, True)


def test_grant_when_a_bought_pass_covers_use_then_nothing_is_set_aside() -> None:
    """What costs nothing is granted whole."""
    day = {"kind": "flat", "price": "500", "period": "day", "starts": "purchase"}
    time = {"kind": "time", "price": "30", "per_s": 1}
    bench = Bench(with_tariff(components=[day, time]))
    bench.feed(top_up(500), buy_pass("news"), ask(seconds=100, at_s=1))
    assert (seconds_of(granted(bench)), granted(bench).held_micros) == (100, 0)
    bench.close()


def test_grant_when_a_daily_cap_is_near_then_no_more_than_that_is_set_aside() -> None:
    """The cap of 100 won stands over all sessions of the day: 60 are spent."""
    caps = [{"per": "day", "amount": "100"}]
    bench = Bench(with_tariff(caps=caps))
    bench.feed(top_up(1_000), frame(event("session.start", 0, session="s0")))
    bench.feed(frame(event("session.stop", 2, session="s0")), ask(seconds=100, at_s=3))
    assert (seconds_of(granted(bench)), granted(bench).held_micros) == (100, 40 * WON)
    bench.close()


@pytest.mark.parametrize("late_s", [0, 86_000, 86_401, 5 * 86_400])
def test_grant_when_asked_long_after_its_moment_then_the_shard_goes_on(late_s: int) -> None:
    """What it would have to look at and was not loaded is never asked for: it is refused."""
    caps = [{"per": "day", "amount": "100"}]
    bench = Bench(with_tariff(caps=caps, grants={"valid_s": 86_400, "time_s": 86_400}))
    bench.feed(top_up(1_000), frame(event("session.start", 0)))
    bench.feed(frame(event("session.heartbeat", late_s)))
    bench.feed(ask(at_s=0, initial=False), stamp_ms=late_s * SECOND_MS)
    result = bench.result("a1")
    assert result is not None
    assert result.reason == ("" if late_s <= 86_400 else "use-impossible")
    bench.close()


def test_grant_when_the_member_holds_too_many_sessions_then_it_is_refused() -> None:
    """As the start itself would be."""
    bench = Bench(with_tariff(limits={"sessions": 1}))
    bench.feed(top_up(1_000), frame(event("session.start", 0)), ask(seconds=5, session="s2"))
    assert refused(bench) == "session-limit"
    bench.close()


def test_grant_when_consent_is_asked_for_and_there_is_none_then_it_is_refused() -> None:
    """A mandate that the member never gave is none."""
    words = deepcopy(CATALOGUE)
    words["tenants"][0]["consent"] = {"require": "mandate"}
    bench = Bench(words)
    bench.feed(top_up(1_000), ask(seconds=5))
    assert refused(bench) == "consent-missing"
    body = AskGrant("vod", "s1", "news", 0, (), is_initial=True, consent=Consent("mandate", "m1"))
    bench.feed(order(body, "a2"))
    assert refused(bench, "a2") == "consent-unknown"
    bench.close()


def test_grant_when_the_state_is_loaded_again_then_all_of_it_is_there(bench: Bench) -> None:
    """What stands behind it, and when it ends, is in the store."""
    bench.feed(tick(0), top_up(1_000), ask(seconds=20))
    bench.reload()
    bench.feed(ask("a2", seconds=30, session="s2"))
    assert set_aside(bench) == {"s1": 600, "s2": 390}
    bench.feed(tick(VALID_S))
    assert set_aside(bench) == {}
