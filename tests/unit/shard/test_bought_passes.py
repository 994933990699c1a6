"""Passes that members buy: sold at once or not at all, what they cover, renewed in log time."""

from collections.abc import Iterator
from typing import Any

import pytest

from schemas.commands import Command, FreezeWallet, Outcome
from schemas.moment import DAY_MS, HOUR_MS
from tests.support.bench_shard import (
    WON,
    Bench,
    buy_pass,
    cancel_pass,
    event,
    frame,
    give_credit,
    tick,
    top_up,
)

DAY_S = 86_400
HOUR_S = 3_600
NOON_S = 10 * DAY_S + 12 * HOUR_S
NOON_MS = NOON_S * 1000


def tariff(name: str, *passes: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 -- fields of a document
    """A tariff of one won a second and a byte, with passes on sale."""
    return {
        "id": name,
        "provider_ppm": 500_000,
        "components": [
            {"kind": "time", "price": "1", "per_s": 1},
            {"kind": "volume", "meter": "bytes", "price": "1"},
            *({"kind": "flat", "starts": "purchase"} | each for each in passes),
        ],
        "silence": {"timeout_s": 10**6},
    } | more


def catalogue(**prices: str) -> dict[str, Any]:
    """One tenant in UTC: rolling days that renew, calendar days and months that do not."""
    day = {"price": prices.get("day", "100"), "period": "day", "rolling": True, "renews": True}
    plain: list[dict[str, Any]] = [
        {"price": "50", "period": "day"},
        {"price": "900", "period": "month", "rolling": True},
    ]
    tariffs = [
        tariff("club", day),
        tariff("plain", *plain),
        tariff("capped", plain[0], caps=[{"per": "day", "amount": "30"}]),
    ]
    contents = [{"id": each["id"], "provider": "p", "tariff": each["id"]} for each in tariffs]
    return {
        "tenants": [
            {
                "id": "tv",
                "currency": "KRW",
                "credit_limit": "1000",
                "tariffs": tariffs,
                "contents": contents,
            }
        ]
    }


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A shard that sells passes, ten days into 1970."""
    shard = Bench(catalogue())
    shard.feed(top_up(1_000), tick(NOON_S - 5), stamp_ms=NOON_MS - 5_000)
    yield shard
    shard.close()


def spent(bench: Bench) -> int:
    """What the member spent of 1,000 won, in whole won; every transfer sums to zero."""
    for transfer in bench.transfers():
        assert sum(entry.amount_micros for entry in transfer.entries) == 0
    wallet = bench.wallet()
    assert wallet is not None
    return 1_000 - (wallet.cash_micros - wallet.debt_micros) // WON


def test_pass_when_bought_with_money_that_ends_before_it_begins_then_that_pays(
    bench: Bench,
) -> None:
    """Money is spent when the pass is bought, so a pass paid ahead makes no debt."""
    bench.feed(
        give_credit(120, expires_ms=NOON_MS + HOUR_MS),
        buy_pass("club"),
        buy_pass("club", "p2"),
        stamp_ms=NOON_MS,
    )
    first, second = bench.bought("club")
    assert second.from_ms == first.to_ms > NOON_MS + HOUR_MS
    assert spent(bench) == 80
    assert [entry.amount_micros // WON for entry in bench.transfers()[-1].entries][:2] == [-20, -80]


def test_pass_when_the_wallet_is_frozen_then_it_is_not_sold(bench: Bench) -> None:
    """Nor does one renew itself: that is tried again, as without money."""
    bench.feed(buy_pass("club"), stamp_ms=NOON_MS)
    still = Command("tv", "ann", "f", b"f" * 16, 2**50, "desk", FreezeWallet("looked into"))
    bench.feed(still, buy_pass("plain", "p2"), tick(NOON_S + DAY_S), stamp_ms=NOON_MS)
    result = bench.result("p2")
    assert result is not None
    assert (result.outcome, result.reason) == ("refused", "wallet-frozen")
    assert len(bench.bought("club")) == 1
    go = Command("tv", "ann", "g", b"g" * 16, 2**50, "desk", FreezeWallet(""))
    bench.feed(go, tick(NOON_S + DAY_S + HOUR_S), stamp_ms=NOON_MS)
    assert len(bench.bought("club")) == 2


def test_pass_when_bought_then_paid_at_once_with_the_providers_part(bench: Bench) -> None:
    """The transfer names the pass, the key and the moments that it covers."""
    bench.feed(buy_pass("plain"), stamp_ms=NOON_MS)
    (sold,) = bench.bought("plain")
    paid = bench.transfers()[-1]
    assert (paid.cause, paid.key, paid.actor) == ("pass", "p1", "desk")
    assert paid.scope == f"pass:plain:{sold.id}"
    assert {entry.account: entry.amount_micros // WON for entry in paid.entries} == {
        "member/ann/cash": -50, "provider/p": 25, "platform": 25,
    }  # fmt: skip
    (line,) = paid.lines
    assert (line.kind, line.meter, line.from_ms, line.to_ms) == (
        "flat", "day", NOON_MS, 11 * DAY_MS,
    )  # fmt: skip
    assert (sold.from_ms, sold.to_ms, sold.renews) == (NOON_MS, 11 * DAY_MS, False)
    result = bench.result("p1")
    assert result is not None
    assert (result.outcome, result.bought) == (Outcome.POSTED, sold)
    assert result.ledger_sequence == int(sold.id.split("-")[1])


def test_pass_when_bought_again_with_its_key_then_nothing_happens(bench: Bench) -> None:
    """A key names one purchase for ever."""
    bench.feed(buy_pass("plain"), buy_pass("plain"), stamp_ms=NOON_MS)
    assert len(bench.bought("plain")) == 1
    assert spent(bench) == 50


@pytest.mark.parametrize(
    ("content", "fields", "reason"),
    [
        ("plain", {"period": "month"}, "insufficient-funds"),
        ("plain", {"period": "week"}, "pass-not-sold"),
        ("plain", {"renews": True}, "pass-renews-not"),
        ("nothing", {}, "content-unknown"),
    ],
)
def test_pass_when_it_cannot_be_sold_then_refused_and_nothing_moves(
    bench: Bench, content: str, fields: dict[str, Any], reason: str
) -> None:
    """Credit is not for passes: 200 won and a credit of 1,000 do not buy one for 900."""
    bench.feed(buy_pass("plain", "first"), stamp_ms=NOON_MS)
    bench.feed(*(buy_pass("plain", f"x{n}") for n in range(15)), stamp_ms=NOON_MS)
    before = spent(bench)
    bench.feed(buy_pass(content, **fields), stamp_ms=NOON_MS)
    result = bench.result("p1")
    assert result is not None
    assert (result.outcome, result.reason) == (Outcome.REFUSED, reason)
    assert spent(bench) == before == 800


def test_pass_when_one_runs_then_the_next_begins_at_its_end(bench: Bench) -> None:
    """Passes are paid ahead, of whatever period: none covers what another does."""
    bench.feed(buy_pass("plain", "a"), buy_pass("plain", "b"), stamp_ms=NOON_MS)
    bench.reload()
    bench.feed(top_up(1_000, "more"), stamp_ms=NOON_MS)
    bench.feed(buy_pass("plain", "c", period="month"), stamp_ms=NOON_MS)
    found = [(each.from_ms, each.to_ms) for each in bench.bought("plain")]
    day = DAY_MS
    assert found == [(NOON_MS, 11 * day), (11 * day, 12 * day), (12 * day, 43 * day)]


def test_session_when_a_pass_begins_in_it_then_only_what_is_outside_costs(bench: Bench) -> None:
    """30 s before noon and 70 bytes reported before the purchase cost 100; the rest is told."""
    bench.feed(frame(event("session.start", NOON_S - 30, content="plain", meters={"bytes": 70})))
    bench.feed(buy_pass("plain"), stamp_ms=NOON_MS)
    bench.reload()
    for at_s, total in ((-10, 60), (5, 200), (20, 300)):
        beat = event("session.heartbeat", NOON_S + at_s, content="plain", meters={"bytes": total})
        bench.feed(frame(beat))
    assert spent(bench) == 50 + 30 + 70
    bench.feed(frame(event("session.stop", 11 * DAY_S + 1, content="plain")))
    covered: dict[str, int] = {}
    for transfer in bench.transfers():
        for line in transfer.lines:
            if line.rate == "pass":
                assert not line.amount_micros
                covered[line.kind] = covered.get(line.kind, 0) + line.quantity
    assert covered == {"time": 12 * HOUR_S * 1000, "volume": 230}
    assert spent(bench) == 50 + 30 + 70 + 1


def test_session_when_an_event_came_before_the_purchase_then_its_counts_stay_charged(
    bench: Bench,
) -> None:
    """The purchase is a decision in the log: counts merged before it are not taken back."""
    bench.feed(frame(event("session.start", NOON_S, content="plain")))
    bench.feed(
        frame(event("session.heartbeat", NOON_S + 8, content="plain", meters={"bytes": 9})),
        buy_pass("plain"),
        stamp_ms=NOON_MS + 5_000,
    )
    bench.feed(
        frame(event("session.heartbeat", NOON_S + 10, content="plain", meters={"bytes": 20}))
    )
    # Of time every moment counts for itself: 5 s before the pass.
    assert spent(bench) == 50 + 9 + 5


def test_report_when_inside_a_pass_then_it_costs_nothing(bench: Bench) -> None:
    """Use outside sessions is priced by its own moment."""
    bench.feed(buy_pass("plain"), stamp_ms=NOON_MS)
    for number, at_s in enumerate((-1, 0, 12 * HOUR_S - 1, 12 * HOUR_S)):
        report = event(
            "usage.report", NOON_S + at_s, id=f"r{number}", session=None, content="plain",
            meters={"bytes": 10},
        )  # fmt: skip
        bench.feed(frame(report))
    assert spent(bench) == 50 + 2 * 10


def test_cap_when_a_pass_covers_use_then_it_counts_only_what_costs(bench: Bench) -> None:
    """25 s before the pass and an hour in it leave room for 5 won under the day's cap of 30."""
    bench.feed(frame(event("session.start", NOON_S - 25, content="capped")))
    bench.feed(buy_pass("capped"), stamp_ms=NOON_MS)
    bench.feed(frame(event("session.stop", NOON_S + HOUR_S, content="capped")))
    assert spent(bench) == 50 + 25
    (counter,) = bench.counters().values()
    assert counter.brought == {"p": 25 * WON}
    report = {"session": None, "content": "capped", "meters": {"bytes": 10}}
    bench.feed(frame(event("usage.report", NOON_S - 60, **report)))
    assert spent(bench) == 50 + 30


def test_pass_when_it_took_the_last_money_then_covered_use_goes_on() -> None:
    """Nobody is cut off inside a pass; where it ends, use without money is."""
    bench = Bench(catalogue())
    bench.feed(top_up(50), tick(NOON_S - 5), stamp_ms=NOON_MS)
    club = event("session.start", NOON_S, content="plain", session="other", subject="ann")
    bench.publish(_without_credit())
    bench.feed(buy_pass("plain"), stamp_ms=NOON_MS)
    bench.feed(frame(club), stamp_ms=NOON_MS)
    bench.feed(
        frame(event("session.heartbeat", NOON_S + 9, content="plain", session="other")),
        stamp_ms=NOON_MS + 9_000,
    )
    assert bench.signals() == []
    end_s = 11 * DAY_S
    bench.feed(
        frame(event("session.heartbeat", end_s + 1, content="plain", session="other")),
        stamp_ms=end_s * 1000 + 1_000,
    )
    assert [signal.signal for signal in bench.signals()] == ["cut_off"]
    bench.close()


def _without_credit() -> dict[str, Any]:
    document = catalogue()
    document["tenants"][0]["credit_limit"] = "0"
    return document


def test_pass_when_it_renews_then_each_tick_behind_its_end_buys_the_next(bench: Bench) -> None:
    """The next begins where the last ended, at the price in force then, loaded anew or not."""
    bench.feed(buy_pass("club"), stamp_ms=NOON_MS)
    (first,) = bench.bought("club")
    assert (first.renews_at_ms, first.to_ms) == (NOON_MS + DAY_MS,) * 2
    bench.feed(tick(NOON_S + DAY_S - 1), stamp_ms=NOON_MS + DAY_MS)
    assert len(bench.bought("club")) == 1
    bench.publish(catalogue(day="120"))
    bench.reload()
    bench.feed(tick(NOON_S + DAY_S), stamp_ms=NOON_MS + DAY_MS)
    old, new = bench.bought("club")
    assert (old.renews, new.from_ms, new.to_ms) == (False, old.to_ms, old.to_ms + DAY_MS)
    paid = bench.transfers()[-1]
    assert (paid.cause, paid.key, paid.reference) == ("pass", "", first.id)
    assert spent(bench) == 220
    bench.feed(tick(NOON_S + 3 * DAY_S + 1), stamp_ms=NOON_MS + 3 * DAY_MS)
    assert spent(bench) == 220 + 2 * 120


def test_pass_when_money_is_missing_then_it_is_tried_each_hour_and_has_a_hole(
    bench: Bench,
) -> None:
    """Without money there is no pass; the one that is paid at last begins at that moment."""
    bench.feed(buy_pass("club"), stamp_ms=NOON_MS)
    bench.feed(*(buy_pass("plain", f"x{n}") for n in range(17)), stamp_ms=NOON_MS)
    assert spent(bench) == 950
    bench.feed(tick(NOON_S + DAY_S + 2 * HOUR_S - 1), stamp_ms=NOON_MS + DAY_MS)
    (only,) = bench.bought("club")
    assert only.renews_at_ms == only.to_ms + 2 * HOUR_MS
    bench.feed(top_up(100, "more"), stamp_ms=NOON_MS + DAY_MS)
    bench.reload()
    bench.feed(tick(NOON_S + DAY_S + 2 * HOUR_S), stamp_ms=NOON_MS + DAY_MS)
    _, new = bench.bought("club")
    assert new.from_ms == only.to_ms + 2 * HOUR_MS
    assert new.renews


def test_pass_when_money_is_missing_for_three_days_then_it_lapses(bench: Bench) -> None:
    """After 72 hours nobody tries again, and money that comes later stays where it is."""
    bench.feed(buy_pass("club"), stamp_ms=NOON_MS)
    bench.feed(*(buy_pass("plain", f"x{n}") for n in range(17)), stamp_ms=NOON_MS)
    bench.feed(tick(NOON_S + DAY_S + 72 * HOUR_S - 1), stamp_ms=NOON_MS)
    assert bench.bought("club")[-1].renews
    bench.feed(tick(NOON_S + DAY_S + 72 * HOUR_S), stamp_ms=NOON_MS)
    bench.feed(top_up(500, "more"), tick(NOON_S + 9 * DAY_S), stamp_ms=NOON_MS)
    (only,) = bench.bought("club")
    assert not only.renews


def test_pass_when_cancelled_then_it_runs_to_its_end_and_no_other_follows(bench: Bench) -> None:
    """Cancelling says how the pass is now, twice the same; an unknown one is refused."""
    bench.feed(buy_pass("club"), stamp_ms=NOON_MS)
    (sold,) = bench.bought("club")
    bench.feed(cancel_pass(sold.id), cancel_pass(sold.id, "c2"), cancel_pass("0-999", "c3"))
    for key in ("c1", "c2"):
        result = bench.result(key)
        assert result is not None
        assert (result.outcome, result.ledger_sequence) == (Outcome.DONE, -1)
        assert result.bought is not None
        assert (result.bought.id, result.bought.renews) == (sold.id, False)
    unknown = bench.result("c3")
    assert unknown is not None
    assert unknown.reason == "pass-unknown"
    bench.reload()
    bench.feed(tick(NOON_S + 9 * DAY_S), stamp_ms=NOON_MS)
    assert len(bench.bought("club")) == 1
    assert spent(bench) == 100


def test_pass_when_another_is_bought_then_only_the_last_renews(bench: Bench) -> None:
    """A purchase decides anew; what was to renew before does not renew beside it."""
    bench.feed(buy_pass("club", "a"), buy_pass("club", "b", renews=False), stamp_ms=NOON_MS)
    bench.feed(tick(NOON_S + 9 * DAY_S), stamp_ms=NOON_MS)
    assert [each.renews for each in bench.bought("club")] == [False, False]
    bench.feed(buy_pass("club", "c"), buy_pass("club", "d"), stamp_ms=NOON_MS + 9 * DAY_MS)
    assert [each.renews for each in bench.bought("club")] == [False, False, False, True]


def test_pass_when_the_tariff_sells_it_no_more_then_it_lapses(bench: Bench) -> None:
    """What is not on sale is not renewed."""
    bench.feed(buy_pass("club"), stamp_ms=NOON_MS)
    document = catalogue()
    document["tenants"][0]["tariffs"][0] = tariff("club")
    bench.publish(document)
    bench.feed(tick(NOON_S + 2 * DAY_S), stamp_ms=NOON_MS)
    (only,) = bench.bought("club")
    assert not only.renews


def test_session_when_silence_ends_it_inside_a_renewed_pass_then_it_costs_nothing_more() -> None:
    """A tick names no session: passes of open sessions are in memory from the take-over on."""
    document = catalogue()
    document["tenants"][0]["tariffs"][0]["silence"] = {
        "timeout_s": 60, "interval_s": 20, "pays": "half_interval",
    }  # fmt: skip
    bench = Bench(document)
    bench.feed(top_up(1_000), tick(NOON_S), stamp_ms=NOON_MS)
    bench.feed(buy_pass("club"), stamp_ms=NOON_MS)
    end_s = NOON_S + DAY_S
    bench.feed(tick(end_s - 20), stamp_ms=NOON_MS)
    bench.feed(
        frame(
            event("session.start", end_s - 9, content="club"),
            event("session.heartbeat", end_s - 1, content="club"),
        )
    )
    bench.reload()
    bench.feed(tick(end_s + 100), stamp_ms=NOON_MS)
    (cdr,) = bench.cdrs()
    assert (cdr.end_ms, cdr.charged_micros) == (end_s * 1000 + 9_000, 0)
    assert spent(bench) == 200
    bench.close()


def test_session_when_a_life_of_another_content_replaces_it_then_its_passes_are_loaded() -> None:
    """The life that ends is priced once more, with passes that the new one does not ask for."""
    document = catalogue()
    document["tenants"][0]["tariffs"][0]["silence"] = {"timeout_s": 5, "later": "new_incarnation"}
    free = {"id": "free", "components": [{"kind": "item", "other": "1"}]}
    document["tenants"][0]["tariffs"].append(free)
    document["tenants"][0]["contents"].append({"id": "free", "provider": "p", "tariff": "free"})
    bench = Bench(document)
    bench.feed(top_up(1_000), tick(NOON_S), stamp_ms=NOON_MS)
    bench.feed(frame(event("session.start", NOON_S, content="club")))
    bench.feed(tick(NOON_S + 20), stamp_ms=NOON_MS)
    bench.reload()
    bench.feed(frame(event("session.heartbeat", NOON_S + 60, content="free")))
    assert not bench.dead()
    assert [each.content for each in bench.closed()] == ["club"]
    bench.close()
