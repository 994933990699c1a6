"""Sessions through the step: merging, ends, late truth, and what each moves."""

import pytest

from schemas.applied import AppliedUsage
from tests.support.bench_shard import WON, Bench, event, frame, tick, top_up


def _charges(bench: Bench) -> list[tuple[str, int]]:
    return [
        (t.cause, sum(line.amount_micros for line in t.lines) // WON) for t in bench.transfers()
    ]


def test_session_when_heartbeats_arrive_then_each_debits_the_growth(bench: Bench) -> None:
    """30 won a second: each heartbeat takes the seconds since the last."""
    bench.feed(top_up(1000))
    bench.feed(frame(event("session.start", 100)))
    bench.feed(frame(event("session.heartbeat", 102)))
    bench.feed(frame(event("session.heartbeat", 105)))
    assert _charges(bench) == [("top_up", 0), ("charge", 60), ("charge", 90)]
    wallet = bench.wallet()
    assert wallet is not None
    assert wallet.cash_micros == 850 * WON


def test_session_when_stopped_then_cdr_is_normal_and_complete(bench: Bench) -> None:
    """A stop by the member closes the session at its time."""
    bench.feed(top_up(1000))
    bench.feed(frame(event("session.start", 100)))
    bench.feed(frame(event("session.stop", 107, reason="member")))
    (cdr,) = bench.cdrs()
    assert (cdr.cause, cdr.revision, cdr.duration_ms) == ("normal", 1, 7_000)
    assert (cdr.charged_micros, cdr.provider_micros) == (210 * WON, 147 * WON)


@pytest.mark.parametrize(
    ("reason", "cause"),
    [("member", "normal"), ("client_error", "client_error"), ("network", "network"),
     ("server", "server")],
)  # fmt: skip
def test_session_when_stopped_with_a_reason_then_the_cdr_says_so(
    bench: Bench, reason: str, cause: str
) -> None:
    """The reason of the stop is the cause of the CDR."""
    bench.feed(frame(event("session.start", 1), event("session.stop", 2, reason=reason)))
    assert [cdr.cause for cdr in bench.cdrs()] == [cause]


def test_session_when_silent_for_the_timeout_then_it_ends_as_network(bench: Bench) -> None:
    """Ten covered seconds of silence end it, charged to the last heartbeat."""
    bench.feed(top_up(1000), tick(100))
    bench.feed(frame(event("session.start", 100), event("session.heartbeat", 103)))
    bench.feed(tick(112.999))
    assert bench.cdrs() == []
    bench.feed(tick(113))
    (cdr,) = bench.cdrs()
    assert (cdr.cause, cdr.end_ms, cdr.decided_at_ms) == ("network", 103_000, 113_000)
    assert cdr.charged_micros == 90 * WON


def test_session_when_the_stop_comes_after_the_timeout_then_a_correction_names_the_old_entry(
    bench: Bench,
) -> None:
    """Late truth gives a superseding CDR and an entry that corrects the last one."""
    bench.feed(top_up(1000), tick(100))
    bench.feed(frame(event("session.start", 100), event("session.heartbeat", 103)))
    bench.feed(tick(120))
    bench.feed(frame(event("session.stop", 105, received_at_ms=121_000, reason="member")))
    first, second = bench.cdrs()
    assert (first.cause, first.revision) == ("network", 1)
    assert (second.cause, second.revision, second.duration_ms) == ("normal", 2, 5_000)
    charge, correction = bench.transfers()[1:]
    assert correction.cause == "correction"
    assert bench.transfers()[correction.corrects] == charge
    assert [line.amount_micros for line in correction.lines] == [60 * WON]


def test_session_when_ticks_stop_then_no_silence_is_counted(bench: Bench) -> None:
    """A hole in the ticks is our outage, not the member's silence."""
    bench.feed(top_up(1000), tick(100))
    bench.feed(frame(event("session.start", 100)))
    bench.feed(tick(101))
    bench.feed(tick(200, from_s=195, member="c2"))
    assert bench.cdrs() == []
    bench.feed(tick(204.001, member="c2"))
    assert [cdr.cause for cdr in bench.cdrs()] == ["network"]


def test_session_when_a_collector_set_back_joins_then_an_outage_stays_one() -> None:
    """What was certain when it joined stays so, for an owner that began anew as for the old one."""
    for reload in (False, True):
        bench = Bench()
        bench.feed(tick(100, from_s=99), frame(event("session.start", 100)))
        bench.feed(tick(106, from_s=106, member="c2"), tick(111, member="c2"))
        bench.feed(tick(101, from_s=101, member="c3"))
        if reload:
            bench.reload()
        bench.feed(tick(112, member="c3"), tick(115.999, member="c2"), tick(115.999, member="c3"))
        assert bench.cdrs() == []
        bench.feed(tick(116, member="c2"), tick(116, member="c3"))
        assert [cdr.decided_at_ms for cdr in bench.cdrs()] == [116_000]
        bench.close()


def test_session_when_one_collector_lags_then_it_waits_for_it(bench: Bench) -> None:
    """A watermark is the slowest member's, until that one is given up after the grace."""
    bench.feed(tick(100, from_s=99), tick(100, from_s=99, member="c2"))
    bench.feed(frame(event("session.start", 100)))
    bench.feed(tick(109))
    bench.feed(tick(110, member="c2"))
    assert bench.cdrs() == []
    bench.feed(tick(111, member="c2"))
    assert bench.cdrs() == []
    bench.feed(tick(110))
    assert len(bench.cdrs()) == 1


def test_session_when_used_on_two_paths_then_both_must_vouch(bench: Bench) -> None:
    """Silence on HTTP says nothing while the Kafka path stands still."""
    bench.feed(tick(100), tick(100, path="kafka", member="raw/0"))
    bench.feed(frame(event("session.start", 100)))
    bench.feed(frame(event("session.heartbeat", 101), path="kafka"))
    bench.feed(tick(150))
    assert bench.cdrs() == []
    bench.feed(tick(150, path="kafka", member="raw/0"))
    assert len(bench.cdrs()) == 1


def test_session_when_activity_comes_after_the_end_then_it_reopens(bench: Bench) -> None:
    """By this tariff later use goes on with the same session."""
    bench.feed(top_up(1000), tick(100))
    bench.feed(frame(event("session.start", 100)))
    bench.feed(tick(120))
    bench.feed(frame(event("session.heartbeat", 121)))
    bench.feed(tick(140))
    first, second = bench.cdrs()
    assert (first.revision, first.duration_ms) == (1, 0)
    assert (second.revision, second.duration_ms, second.incarnation) == (2, 21_000, 1)


def test_session_when_the_tariff_says_so_then_later_use_is_a_new_incarnation(
    bench: Bench,
) -> None:
    """The id is used again: a second CDR of its own, charged from its own start."""
    bench.feed(top_up(1000), tick(100))
    bench.feed(frame(event("session.start", 100, content="again")))
    bench.feed(frame(event("session.heartbeat", 102, content="again")))
    bench.feed(tick(120))
    bench.feed(frame(event("session.start", 130, content="again")))
    bench.feed(frame(event("session.stop", 133, content="again")))
    first, second = bench.cdrs()
    assert (first.incarnation, first.duration_ms, first.cause) == (1, 4_000, "network")
    assert (second.incarnation, second.duration_ms, second.cause) == (2, 3_000, "normal")


def test_session_when_late_truth_is_of_a_past_incarnation_then_that_one_is_corrected(
    bench: Bench,
) -> None:
    """An event of the first incarnation's time finds it although a second one is open."""
    bench.feed(tick(100))
    bench.feed(frame(event("session.start", 100, content="again")))
    bench.feed(frame(event("session.heartbeat", 104, content="again")))
    bench.feed(tick(120))
    bench.feed(frame(event("session.start", 130, content="again")))
    bench.reload()

    bench.feed(frame(event("page.move", 103, content="again", direction="forward")))
    corrected = bench.cdrs()[-1]
    assert (corrected.incarnation, corrected.revision) == (1, 2)
    assert corrected.meters == {"page:forward": 1}


def test_session_when_half_an_interval_was_added_then_the_real_stop_replaces_it(
    bench: Bench,
) -> None:
    """The supplement of a vanished session is provisional: 1 won a second, 4 s interval."""
    bench.feed(tick(100))
    bench.feed(frame(event("session.start", 100, content="again")))
    bench.feed(frame(event("session.heartbeat", 105, content="again")))
    bench.feed(tick(120))
    assert bench.cdrs()[-1].charged_micros == 7 * WON
    bench.feed(frame(event("session.stop", 106, content="again")))
    assert bench.cdrs()[-1].charged_micros == 6 * WON
    assert bench.transfers()[-1].cause == "correction"
    assert [line.amount_micros for line in bench.transfers()[-1].lines] == [-1 * WON]


def test_session_when_the_tariff_charges_nothing_for_a_vanished_one_then_all_is_given_back(
    bench: Bench,
) -> None:
    """``pays: nothing`` returns what was taken when the session dies."""
    bench.feed(top_up(100), tick(100))
    bench.feed(frame(event("session.start", 100, content="lost")))
    bench.feed(frame(event("session.heartbeat", 104, content="lost")))
    bench.feed(tick(120))
    wallet = bench.wallet()
    assert wallet is not None
    assert wallet.cash_micros == 100 * WON
    assert bench.cdrs()[-1].charged_micros == 0


def test_session_when_it_ends_in_an_error_and_the_tariff_forgives_then_it_is_free(
    bench: Bench,
) -> None:
    """``charge_errors: false``: the error gives back what the session cost."""
    bench.feed(frame(event("session.start", 100, content="lost")))
    bench.feed(frame(event("session.heartbeat", 104, content="lost")))
    bench.feed(frame(event("session.error", 105, content="lost", reason="server")))
    assert bench.cdrs()[-1].cause == "server"
    assert bench.cdrs()[-1].charged_micros == 0


def test_session_when_content_changes_then_the_event_is_refused_and_the_rest_counts(
    bench: Bench,
) -> None:
    """One session is of one content; the good events of the frame are kept."""
    bench.feed(
        frame(
            event("session.start", 1),
            event("session.heartbeat", 2, content="web"),
            event("session.heartbeat", 3),
        )
    )
    assert [letter.reason for letter in bench.dead()] == ["content-changed"]
    assert [row.duration_ms for row in bench.usage()] == [0, 2_000]


def test_session_when_the_first_event_lacks_the_content_then_it_is_priced_once_known(
    bench: Bench,
) -> None:
    """Nothing is refused for arriving early: a heartbeat may come before its start."""
    bench.feed(frame(event("session.heartbeat", 105, content=None)))
    assert bench.transfers() == []
    bench.feed(frame(event("session.start", 100)))
    assert _charges(bench) == [("charge", 150)]


def test_meters_when_disordered_and_rebooted_then_totals_merge(bench: Bench) -> None:
    """Running totals: the largest within a boot, summed over boots."""
    beats = [("a", 10), ("a", 30), ("a", 20), ("b", 5)]
    for at, (boot, total) in enumerate(beats):
        bench.feed(
            frame(event("session.heartbeat", at, content="web", boot=boot, meters={"bytes": total}))
        )
    assert sum(row.meters.get("bytes", 0) for row in bench.usage()) == 35


def test_meters_when_a_later_total_falls_then_it_is_flagged(bench: Bench) -> None:
    """A fall that the sequence number contradicts is noted on the event."""
    bench.feed(frame(event("session.heartbeat", 1, content="web", seq=1, meters={"bytes": 9})))
    bench.feed(frame(event("session.heartbeat", 2, content="web", seq=2, meters={"bytes": 4})))
    assert [row.flags for row in bench.usage()] == ["", "meter-fell"]


def test_manager_when_registered_then_no_log_and_no_charge(bench: Bench) -> None:
    """A registered manager's own use leaves nothing; anybody else's claim is ignored."""
    bench.feed(frame(event("session.start", 1, subject="boss", manager=True)))
    bench.feed(frame(event("session.stop", 9, subject="boss", manager=True)))
    assert bench.outputs == []
    bench.feed(frame(event("session.start", 1, manager=True)))
    bench.feed(frame(event("session.stop", 9, manager=True)))
    assert _charges(bench) == [("charge", 240)]


def test_tick_when_many_sessions_are_silent_then_slices_end_all(bench: Bench) -> None:
    """1,201 ends take three slices, in key order, with one chain."""
    names = [f"s{n:04d}" for n in range(1_201)]
    bench.feed(tick(1))
    for start in range(0, len(names), 400):
        part = names[start : start + 400]
        bench.feed(frame(*(event("session.start", 1, session=name) for name in part)))
    outputs = bench.feed(tick(60))
    assert len(outputs) == 3
    assert [cdr.session for cdr in bench.cdrs()] == names


def test_applied_when_events_arrive_then_increments_sum_to_the_cdr(bench: Bench) -> None:
    """What each event added, summed, is the session's total."""
    order = [3, 1, 4, 0, 2]
    bench.feed(
        *(
            frame(event("session.heartbeat", at, content="web", meters={"bytes": at * 7}))
            for at in order
        )
    )
    bench.feed(frame(event("session.stop", 5, content="web")))
    rows: list[AppliedUsage] = bench.usage()
    assert sum(row.duration_ms for row in rows) == bench.cdrs()[-1].duration_ms == 5_000
    assert sum(row.meters.get("bytes", 0) for row in rows) == bench.cdrs()[-1].meters["bytes"]


def test_session_when_it_began_before_1970_then_a_start_does_not_stop_it(bench: Bench) -> None:
    """A recording of old times is no different: no time of an event means "never"."""
    bench.feed(top_up(1_000), frame(event("session.start", -100, id="a", recorded=True)))
    assert bench.cdrs() == []
    bench.feed(frame(event("session.stop", -1, id="b", recorded=True, reason="member")))
    assert [(cdr.cause, cdr.duration_ms) for cdr in bench.cdrs()] == [("normal", 99_000)]


def test_replaced_life_when_an_event_falls_into_its_supplement_then_it_stays_closed(
    bench: Bench,
) -> None:
    """What silence would have made of it: corrected, never open beside the life behind it."""
    again = {"content": "again", "session": "a"}
    bench.feed(top_up(1000), tick(100), frame(event("session.start", 100, **again)))
    bench.feed(tick(115), frame(event("session.start", 120, **again)))
    bench.feed(frame(event("session.heartbeat", 101, **again)))
    assert [(c.incarnation, c.revision, c.end_ms, c.cause) for c in bench.cdrs()] == [
        (1, 1, 102_000, "network"), (1, 2, 103_000, "network"),
    ]  # fmt: skip
    assert [session.is_open for session in bench.closed()] == [False]
