"""Use outside sessions: each event by itself, where and when it happened."""

import copy

from schemas.moment import HOUR_MS
from tests.support.bench_shard import CATALOGUE, WON, Bench, event, frame, top_up


def test_reports_when_of_several_hours_then_each_hour_has_its_own_transfer(bench: Bench) -> None:
    """One frame with use of three hours is found in three hours, as three frames would be."""
    reports = [
        event("usage.report", hour * 3_600 + 5, id=f"r{hour}", session=None, content="web",
              meters={"bytes": 1_000})
        for hour in (0, 1, 2)
    ]  # fmt: skip
    bench.feed(frame(*reports))
    charges = [t for t in bench.transfers() if t.cause == "charge"]
    assert [t.event_at_ms // HOUR_MS for t in charges] == [0, 1, 2]


def test_report_when_it_names_only_its_session_then_has_that_sessions_content(
    bench: Bench,
) -> None:
    """A report inside a session costs what the session's content costs, by itself."""
    bench.feed(top_up(1), frame(event("session.start", 0, id="s", content="web")))
    report = event("usage.report", 1, id="r", content=None, meters={"bytes": 70})
    bench.feed(frame(report))
    assert [(usage.id, usage.content) for usage in bench.usage()][-1] == ("r", "web")
    assert bench.transfers()[-1].content == "web"
    assert [line.quantity for line in bench.transfers()[-1].lines] == [70]


def test_report_when_its_session_is_unknown_then_says_what_to_name(bench: Bench) -> None:
    """Nobody knows what the use was of: a dead letter with the mend."""
    bench.feed(frame(event("usage.report", 1, id="r", content=None, meters={"bytes": 70})))
    (letter,) = bench.dead()
    assert letter.reason == "content-unknown"
    assert "name the content" in letter.detail


def test_use_when_the_tenants_currency_changed_then_no_number_is_taken_for_another(
    bench: Bench,
) -> None:
    """A wallet in won is never debited dollars: the use is a dead letter until it is mended."""
    bench.feed(top_up(1_000))
    dollars = copy.deepcopy(CATALOGUE)
    dollars["tenants"][0]["currency"] = "USD"
    bench.publish(dollars)
    bench.feed(frame(event("item.use", 1, id="i", item="quiz", session=None)))
    bench.feed(frame(event("session.start", 1, id="s"), event("session.heartbeat", 9, id="h")))
    assert {(letter.id, letter.reason) for letter in bench.dead()} == {
        (name, "currency-mismatch") for name in "ish"
    }
    wallet = bench.wallet()
    assert wallet is not None
    assert wallet.cash_micros == 1_000 * WON


def test_lines_when_use_was_free_at_first_then_the_ledger_tells_all_of_it(bench: Bench) -> None:
    """Quantities that cost nothing are told with the next that do: none is left out."""
    free = copy.deepcopy(CATALOGUE)
    volume = {"kind": "volume", "meter": "bytes", "price": "0.000001", "free": 1_000}
    free["tenants"][0]["tariffs"].append({"id": "v", "components": [volume]})
    free["tenants"][0]["contents"].append({"id": "v", "provider": "p", "tariff": "v"})
    bench.publish(free)
    for second, total in enumerate([400, 1_000, 1_001, 1_500]):
        beat = event("session.heartbeat", second, id=f"h{second}", content="v",
                     meters={"bytes": total})  # fmt: skip
        bench.feed(frame(beat))
    lines = [line for transfer in bench.transfers() for line in transfer.lines]
    assert [(line.quantity, line.amount_micros) for line in lines] == [(1_001, 1), (499, 499)]
