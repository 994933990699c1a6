"""Caps and volumes over a day, a week or a month: one counter for all use of a member."""

from typing import Any

import pytest

from tests.support.bench_shard import Bench, event, frame, tick, top_up

DAY_S = 86_400
HOUR_S = 3_600


def catalogue(*tariffs: dict[str, Any]) -> dict[str, Any]:
    """One tenant with these tariffs, each sold by two providers in Seoul."""
    contents = [
        {"id": f"{tariff['id']}-{provider}", "provider": provider, "tariff": tariff["id"],
         "time_zone": "Asia/Seoul"}
        for tariff in tariffs
        for provider in ("p", "q")
    ]  # fmt: skip
    return {
        "tenants": [{"id": "tv", "currency": "KRW", "tariffs": [*tariffs], "contents": contents}]
    }


CAPPED = {
    "id": "capped",
    "provider_ppm": 500_000,
    "components": [{"kind": "time", "price": "1", "per_s": 1}],
    "caps": [{"per": "day", "amount": "100"}],
    "silence": {"timeout_s": 10**6},
    "charge_errors": False,
}
QUOTA = {
    "id": "quota",
    "provider_ppm": 500_000,
    "components": [
        {"kind": "volume", "meter": "bytes", "free": 10, "period": "month",
         "tiers": [{"up_to": 100, "price": "2"}, {"price": "1"}]}
    ],
}  # fmt: skip
# 15:00 UTC is midnight in Seoul.
MIDNIGHT_S = 15 * HOUR_S


def spent(bench: Bench) -> int:
    """What the member spent of 1,000 won, in whole won."""
    cash_micros = accounts(bench)["member/ann/cash"]
    assert cash_micros % 10**6 == 0
    return 1_000 - cash_micros // 10**6


def accounts(bench: Bench) -> dict[str, int]:
    """Micro-units by account; every transfer sums to zero."""
    sums: dict[str, int] = {}
    for transfer in bench.transfers():
        assert sum(entry.amount_micros for entry in transfer.entries) == 0
        for entry in transfer.entries:
            sums[entry.account] = sums.get(entry.account, 0) + entry.amount_micros
    return sums


def test_cap_when_two_sessions_of_a_day_pass_it_then_providers_share_what_is_left() -> None:
    """80 s at p and 40 s at q cost 100 in all; p brought in two thirds of 120."""
    bench = Bench(catalogue(CAPPED))
    bench.feed(top_up(1_000))
    for session, provider, length_s in (("a", "p", 80), ("b", "q", 40)):
        content = f"capped-{provider}"
        bench.feed(
            frame(
                event("session.start", 0, session=session, content=content),
                event("session.stop", length_s, session=session, content=content),
            )
        )
    # 20 won are taken back: floor(20 × 80/120) = 13.333333 from p; half of each part is p's or q's.
    last = bench.transfers()[-1]
    lines = [(line.kind, line.meter, line.amount_micros) for line in last.lines]
    assert lines == [("time", "ms", 40_000_000), ("cap", "1970-01-01", -20_000_000)]
    entries = {entry.account: entry.amount_micros for entry in last.entries}
    assert entries["member/ann/cash"] == -20_000_000
    assert entries["provider/p"] == -6_666_666
    assert entries["provider/q"] == 20_000_000 - 3_333_333
    wallet = bench.wallet()
    assert wallet is not None
    assert wallet.cash_micros == 900_000_000
    bench.close()


def test_cap_when_a_session_goes_over_midnight_then_each_day_has_its_own() -> None:
    """150 s before Seoul's midnight and 70 s after it cost 100 and 70."""
    bench = Bench(catalogue(CAPPED))
    bench.feed(top_up(1_000))
    bench.feed(frame(event("session.start", MIDNIGHT_S - 150, content="capped-p")))
    for at_s in (-50, -20, 30, 70):
        bench.feed(frame(event("session.heartbeat", MIDNIGHT_S + at_s, content="capped-p")))
        bench.reload()
    assert spent(bench) == 170
    assert accounts(bench)["provider/p"] == accounts(bench)["platform"] == 85_000_000
    bench.close()


def test_cap_when_an_error_makes_a_session_free_then_the_others_pay_up_to_it() -> None:
    """What one use no longer brings in leaves room under the cap, which another's price fills."""
    bench = Bench(catalogue(CAPPED))
    bench.feed(top_up(1_000))
    for session in ("a", "b"):
        bench.feed(
            frame(
                event("session.start", 0, session=session, content="capped-p"),
                event("session.heartbeat", 90, session=session, content="capped-p"),
            )
        )
    bench.feed(frame(event("session.error", 91, session="b", content="capped-p", reason="server")))
    assert spent(bench) == 90
    bench.close()


def test_cap_when_silence_ends_a_session_that_was_loaded_then_its_counter_is_there() -> None:
    """A tick names no session, so what it may change is in memory from the take-over on."""
    silence = {"timeout_s": 60, "pays": "nothing"}
    bench = Bench(catalogue(CAPPED | {"silence": silence}))
    bench.feed(top_up(1_000), tick(0))
    bench.feed(
        frame(
            event("session.start", 1, content="capped-p"),
            event("session.heartbeat", 151, content="capped-p"),
        )
    )
    assert spent(bench) == 100
    bench.reload()
    bench.feed(tick(1_000))
    assert [cdr.charged_micros for cdr in bench.cdrs()] == [0]
    assert spent(bench) == 0
    assert all(not counter.brought for counter in bench.counters().values())
    bench.close()


def test_volume_when_it_counts_over_a_month_then_all_use_climbs_one_ladder() -> None:
    """10 free, 2 won up to 100 charged units, then 1 won: a session, reports, another month."""
    bench = Bench(catalogue(QUOTA))
    bench.feed(top_up(1_000))
    bench.feed(
        frame(
            event("session.start", 0, content="quota-p", meters={"bytes": 8}),
            event("session.heartbeat", 9, content="quota-p", meters={"bytes": 40}),
        )
    )
    assert spent(bench) == 30 * 2
    report = {"session": None, "content": "quota-q", "meters": {"bytes": 100}}
    bench.feed(frame(event("usage.report", 20, id="r1", **report)))
    assert spent(bench) == 100 * 2 + 30
    bench.feed(frame(event("usage.report", 40 * DAY_S, id="r2", **report)))
    assert spent(bench) == 230 + 90 * 2
    lines = [(line.rate, line.quantity) for line in bench.transfers()[2].lines]
    assert lines == [("tier 1", 70), ("tier 2", 30)]
    bench.close()


@pytest.mark.parametrize("amount", [150, 50])
def test_cap_when_a_catalogue_changes_it_then_the_day_keeps_its_own(amount: int) -> None:
    """A period is priced by the catalogue that it was begun under, whoever uses it later."""
    bench = Bench(catalogue(CAPPED))
    bench.feed(top_up(1_000))
    bench.feed(frame(event("session.start", 0, content="capped-p")))
    bench.feed(frame(event("session.stop", 80, content="capped-p")))
    bench.publish(catalogue(CAPPED | {"caps": [{"per": "day", "amount": str(amount)}]}))
    bench.reload()
    for at_s in (100, DAY_S + 100):
        session = f"s{at_s}"
        bench.feed(
            frame(
                event("session.start", at_s, session=session, content="capped-p"),
                event("session.stop", at_s + 300, session=session, content="capped-p"),
            )
        )
    assert spent(bench) == 100 + amount
    bench.close()
