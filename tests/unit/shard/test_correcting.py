"""A past price that was wrong: sessions are priced anew, one order each."""

import copy
from typing import Any

import pytest

from schemas.commands import Outcome
from schemas.control import SignalKind
from schemas.frames import Record
from tests.support.bench_shard import CATALOGUE, WON, Bench, event, frame, tick, top_up
from tests.support.consenting import asking, grant, mandate
from tests.support.correcting import cash, changed, correct, reason_of, second, tariff
from tests.support.late_books import judged


def test_session_when_it_had_ended_then_the_difference_is_given_back_and_says_why(
    dear: Bench,
) -> None:
    """The entry names the old one, the order, its reason; the CDR supersedes the old one."""
    dear.feed(frame(event("session.start", 1), event("session.stop", 11)))
    assert cash(dear) == 7_000
    dear.publish(CATALOGUE)
    dear.feed(correct())
    assert cash(dear) == 9_700
    _, charge, correction = dear.transfers()
    assert (correction.cause, correction.corrects) == ("correction", 1)
    assert (correction.key, correction.reference, correction.actor) == (
        "c/1", "300 won instead of 30", "ops"
    )  # fmt: skip
    assert (correction.session, correction.catalogue) == ("s1", 2)
    amounts = {entry.account: entry.amount_micros // WON for entry in correction.entries}
    assert amounts == {"member/ann/cash": 2_700, "provider/kbs": -1_890, "platform": -810}
    assert sum(line.amount_micros for line in (*charge.lines, *correction.lines)) == 300 * WON
    first, last = dear.cdrs()
    assert (first.revision, last.revision, last.charged_micros) == (1, 2, 300 * WON)
    assert (last.cause, last.end_ms) == (first.cause, first.end_ms)
    assert last.evidence == f"{first.evidence}; priced anew by correction c"
    assert reason_of(dear) == Outcome.POSTED


def test_session_when_it_goes_on_then_so_does_the_right_price(dear: Bench) -> None:
    """What comes after the order costs what the corrected catalogue says."""
    dear.feed(frame(event("session.start", 1), event("session.heartbeat", 11)))
    dear.publish(CATALOGUE)
    dear.feed(correct())
    assert (cash(dear), dear.cdrs()) == (9_700, [])
    dear.feed(frame(event("session.stop", 21)))
    assert [cdr.charged_micros for cdr in dear.cdrs()] == [600 * WON]
    assert cash(dear) == 9_400


def test_order_when_it_comes_again_then_nothing_moves_twice(dear: Bench) -> None:
    """Under its own key it is known; under another the session is right already."""
    dear.feed(frame(event("session.start", 1), event("session.stop", 11)))
    dear.publish(CATALOGUE)
    dear.feed(correct(), correct(), correct("other/1"))
    assert len(dear.transfers()) == 3
    assert reason_of(dear, "other/1") == Outcome.DONE


def test_session_when_more_of_it_comes_late_then_it_has_the_right_price(dear: Bench) -> None:
    """A later truth goes on from the corrected session."""
    dear.feed(frame(event("session.start", 1), event("session.heartbeat", 11)))
    dear.feed(tick(100))
    dear.publish(CATALOGUE)
    dear.feed(correct())
    dear.feed(frame(event("session.stop", 21, received_at_ms=101_000)))
    assert [cdr.charged_micros // WON for cdr in dear.cdrs()] == [3_000, 300, 600]
    assert cash(dear) == 9_400


def test_member_when_money_comes_back_then_is_let_go_on() -> None:
    """Who was cut off by a wrong price is told as soon as it is right."""
    bench = Bench(changed(second("300")))
    bench.feed(top_up(1_000), frame(event("session.start", 1), event("session.heartbeat", 11)))
    assert [each.signal for each in bench.signals()] == [SignalKind.CUT_OFF]
    bench.publish(CATALOGUE)
    bench.feed(correct())
    assert [each.signal for each in bench.signals()][1:] == [SignalKind.GO_ON]
    assert cash(bench) == 700
    bench.close()


def test_price_when_it_was_too_low_then_the_rest_is_taken() -> None:
    """Used is booked, be it into debt; the cause is a correction even where nothing was paid."""
    bench = Bench(changed(second("0")))
    bench.feed(top_up(100), frame(event("session.start", 1), event("session.stop", 11)))
    bench.publish(CATALOGUE)
    bench.feed(correct())
    correction = bench.transfers()[-1]
    assert (correction.cause, correction.corrects, cash(bench)) == ("correction", -1, -200)
    bench.close()


HOURLY = {"tenants": [{**CATALOGUE["tenants"][0], "horizon_h": 1}]}


def _forgotten(base: dict[str, Any]) -> tuple[Bench, bytes]:
    """A shard that has let go of a session, and its state from its CDR."""
    bench = Bench(changed(second("300"), base=base))
    bench.feed(top_up(10_000), tick(0))
    bench.feed(frame(event("session.start", 1), event("session.stop", 11)))
    bench.feed(tick(3 * 3_600))
    bench.feed(tick(3 * 3_600 + 1))
    bench.publish(base)
    assert bench.closed() == []
    return bench, bench.cdrs()[0].sealed


def test_session_when_the_shard_let_go_of_it_then_its_cdr_is_enough() -> None:
    """Its state is restored, priced anew, and leaves again after the horizon."""
    bench, sealed = _forgotten(HOURLY)
    bench.feed(correct(sealed=sealed, looked_up_to=len(bench.applied())))
    assert cash(bench) == 9_700
    assert [cdr.charged_micros // WON for cdr in bench.cdrs()] == [3_000, 300]
    late = event("session.heartbeat", 21, received_at_ms=3 * 3_600_000 + 2_000)
    bench.feed(frame(late))
    while verdicts := judged(bench):
        bench.feed(*verdicts)
    assert cash(bench) == 9_400
    bench.close()


def test_session_when_looked_up_before_what_is_known_then_must_be_looked_up_again() -> None:
    """An older CDR's state would undo what came in between."""
    bench, sealed = _forgotten(HOURLY)
    bench.feed(correct(sealed=sealed))
    assert (reason_of(bench), cash(bench)) == ("look-again", 7_000)
    bench.feed(correct("c/2"), correct("c/3", sealed=b"nonsense", looked_up_to=2**40))
    assert reason_of(bench, "c/2") == reason_of(bench, "c/3") == "session-not-kept"
    other = correct("c/4", sealed=sealed, looked_up_to=2**40, incarnation=2)
    bench.feed(other)
    assert (reason_of(bench, "c/4"), cash(bench)) == ("session-not-kept", 7_000)
    bench.close()


def test_session_when_its_price_changes_within_it_then_each_second_has_its_own() -> None:
    """The corrected tariff says since when; time needs nothing but beginning and end for it."""
    bench = Bench(changed(second("300")))
    bench.feed(top_up(10_000), frame(event("session.start", 1), event("session.stop", 11)))

    def until(catalogue: dict[str, Any]) -> None:
        right = tariff(catalogue, "second")
        right["versions"] = [
            {"from": "1970-01-01T00:00:04Z", "components": copy.deepcopy(right["components"])}
        ]
        right["components"][0]["price"] = "300"

    bench.publish(changed(until))
    bench.feed(correct())
    assert cash(bench) == 10_000 - 3 * 300 - 7 * 30
    bench.close()


def test_session_when_it_counted_across_a_change_then_is_left_to_a_person() -> None:
    """How much it had counted before that moment, nobody noted: nothing is guessed."""
    bench = Bench(changed())
    bench.feed(top_up(1_000))
    use = event("session.start", 1, content="web", meters={"bytes": 10})
    end = event("session.stop", 11, content=None, meters={"bytes": 4_000_000})
    bench.feed(frame(use, end))

    def later(catalogue: dict[str, Any]) -> None:
        right = tariff(catalogue, "bytes")
        right["versions"] = [
            {"from": "1970-01-01T00:00:04Z", "components": copy.deepcopy(right["components"])}
        ]
        right["components"][0]["price"] = "0.000002"

    bench.publish(changed(later), stamp_ms=20_000)
    bench.feed(correct(tariff="bytes"))
    assert (reason_of(bench), cash(bench)) == ("not-told-apart", 996)

    def whole(catalogue: dict[str, Any]) -> None:
        tariff(catalogue, "bytes")["components"][0]["price"] = "0.000002"

    bench.publish(changed(whole), stamp_ms=30_000)
    bench.feed(correct("c/2", tariff="bytes", catalogue=3))
    assert (reason_of(bench, "c/2"), cash(bench)) == (Outcome.POSTED, 992)
    bench.close()


def test_content_when_it_had_no_tariff_then_its_use_can_be_priced_afterwards() -> None:
    """What was logged unpriced is charged by the first tariff, if somebody orders it."""
    unpriced = changed()
    unpriced["tenants"][0]["contents"].append({"id": "new", "provider": "kbs"})
    bench = Bench(unpriced)
    start = event("session.start", 1, content="new")
    bench.feed(top_up(1_000), frame(start, event("session.stop", 11, content=None)))
    priced = copy.deepcopy(unpriced)
    priced["tenants"][0]["contents"][-1]["tariff"] = "second"
    bench.publish(priced)
    bench.feed(correct())
    assert (reason_of(bench), cash(bench)) == (Outcome.POSTED, 700)
    bench.close()


def cap(catalogue: dict[str, Any]) -> None:
    """A day costs at most so much."""
    tariff(catalogue, "second")["caps"] = [{"per": "day", "amount": "50"}]


def test_day_when_its_cap_held_then_all_its_sessions_come_to_what_was_right() -> None:
    """What a session brings into a day changes with its price; the cap is what it was."""
    bench = Bench(changed(cap, second("300")))
    bench.feed(top_up(1_000), tick(0))
    for number in (1, 2):
        name = f"s{number}"
        start = event("session.start", number * 100, session=name)
        bench.feed(frame(start, event("session.stop", number * 100 + 1, session=name)))
    assert cash(bench) == 950
    bench.publish(changed(cap, second("10")))
    bench.feed(correct())
    assert cash(bench) == 950
    bench.reload()
    bench.feed(correct("c/2", session="s2"))
    assert cash(bench) == 980
    bench.close()


def test_consent_when_a_charge_is_corrected_then_counts_what_was_right() -> None:
    """What is given back may be spent again under the same mandate."""
    bench = Bench(changed(second("300"), base=asking("none", news="mandate")))
    bench.feed(top_up(10_000), grant(max_micros=4_000 * WON))
    begin = event("session.start", 1, consent=mandate())
    bench.feed(frame(begin, event("session.stop", 11)))
    bench.publish(asking("none", news="mandate"))
    bench.feed(correct())
    again = event("session.start", 20, session="s2", consent=mandate())
    bench.feed(frame(again, event("session.heartbeat", 70, session="s2")))
    assert bench.signals() == []
    assert cash(bench) == 10_000 - 300 - 1_500
    bench.close()


def _story() -> list[list[Record]]:
    use = [frame(event("session.start", 1)), frame(event("session.heartbeat", 6))]
    more = [frame(event("session.start", 3, session="s2", content="web", meters={"bytes": 70}))]
    orders = [correct(), correct("c/2", session="s2", tariff="bytes"), correct("c/3")]
    return [[*use, *more], [*orders], [frame(event("session.stop", 12)), tick(5_000)]]


@pytest.mark.parametrize("grouping", ["one by one", "together", "reloaded"])
def test_outputs_when_grouped_or_reloaded_then_are_the_same(grouping: str) -> None:
    """Nothing but the log decides."""
    benches = Bench(changed(second("300"))), Bench(changed(second("300")))
    for bench, how in zip(benches, ("together", grouping), strict=True):
        bench.feed(top_up(10_000), tick(0))
        for part in _story():
            groups = [[each] for each in part] if how != "together" else [part]
            for group in groups:
                bench.feed(*group)
                if how == "reloaded":
                    bench.reload()
            if bench.versions == 1:
                bench.publish(CATALOGUE)
    assert benches[0].chains() == benches[1].chains()
    assert cash(benches[0]) == cash(benches[1])
    for bench in benches:
        bench.close()
