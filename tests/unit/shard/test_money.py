"""Money through the step: passes, items, reports, signals, top-ups, repeats, poison."""

from schemas.applied import LateUsage
from schemas.frames import LateVerdict
from schemas.usage import UsageEvent
from tests.support.bench_shard import CATALOGUE, WON, Bench, event, frame, tick, top_up


def _report(at_s: int, amount: int, **fields: object) -> UsageEvent:
    return event(
        "usage.report", at_s, session=None, content="web", meters={"bytes": amount}, **fields
    )


def test_transfers_when_anything_moves_then_entries_sum_to_zero(bench: Bench) -> None:
    """Every transfer balances; the provider's part is cumulative."""
    bench.feed(top_up(10), frame(*(_report(at, 10, id=f"r{at}") for at in range(3))))
    bench.feed(frame(event("session.start", 1), event("session.heartbeat", 9)))
    for transfer in bench.transfers():
        assert sum(entry.amount_micros for entry in transfer.entries) == 0


def test_share_when_charged_in_many_parts_then_it_is_that_of_the_whole(bench: Bench) -> None:
    """333,333 ppm of 10 micro-won a beat: no beat's rounding is lost in the session's share."""
    for at in range(1, 31):
        beat = event("session.heartbeat", at, content="web", meters={"bytes": at * 10})
        bench.feed(frame(beat))
    to_site = sum(
        entry.amount_micros
        for transfer in bench.transfers()
        for entry in transfer.entries
        if entry.account == "provider/site"
    )
    assert to_site == 300 * 333_333 // 1_000_000


def test_pass_when_use_spans_days_then_each_local_day_is_paid_once(bench: Bench) -> None:
    """A day's pass in Seoul: two sessions on one day pay once, the next day again."""
    noon_s = 1_767_236_400  # 2026-01-01T12:00:00+09:00
    day_s = 86_400
    for at_s, name in [(noon_s, "a"), (noon_s + 60, "b"), (noon_s + day_s, "c")]:
        bench.feed(frame(event("session.start", at_s, session=name, content="daily")))
    passes = [t for t in bench.transfers() if t.cause == "pass"]
    assert [t.scope for t in passes] == ["pass:pass:2026-01-01", "pass:pass:2026-01-02"]
    assert {t.session for t in passes} == {""}


def test_pass_when_it_took_the_last_money_then_nobody_is_cut_off(bench: Bench) -> None:
    """Use inside a paid pass is free; a pass that made debt is cut off."""
    bench.feed(top_up(3000))
    bench.feed(frame(event("session.start", 1, content="daily")))
    assert bench.signals() == []
    bench.feed(frame(event("session.start", 1, content="daily", subject="poor")))
    assert [s.subject for s in bench.signals()] == ["poor"]


def test_item_when_used_in_a_session_then_it_adds_to_the_time(bench: Bench) -> None:
    """A combined tariff is the sum of its parts: 2 s at 30 won and a quiz of 760."""
    bench.feed(frame(event("session.start", 1)))
    bench.feed(frame(event("item.use", 3, item="quiz")))
    assert sum(line.amount_micros for t in bench.transfers() for line in t.lines) == 820 * WON


def test_page_when_moved_both_ways_then_each_move_counts(bench: Bench) -> None:
    """Ten won a move, forward and backward."""
    bench.feed(frame(event("session.start", 1, content="book")))
    for at, direction in [(2, "forward"), (3, "backward"), (4, "jump")]:
        bench.feed(frame(event("page.move", at, content="book", direction=direction)))
    assert sum(line.amount_micros for t in bench.transfers() for line in t.lines) == 30 * WON


def test_balance_when_it_falls_then_low_and_cut_off_are_signalled_once(bench: Bench) -> None:
    """Low at 100 won left, cut off at zero, used is booked as debt."""
    bench.feed(top_up(300))
    for at in (0, 3, 7, 9, 11):
        bench.feed(frame(event("session.heartbeat", at)))
    assert [s.signal for s in bench.signals()] == ["low_balance", "cut_off"]
    wallet = bench.wallet()
    assert wallet is not None
    assert (wallet.cash_micros, wallet.debt_micros) == (0, 30 * WON)


def test_signal_when_a_cut_session_goes_on_then_it_is_told_again(bench: Bench) -> None:
    """A server that did not hear is told with each event."""
    bench.feed(top_up(30))
    for at in (0, 1, 2, 3):
        bench.feed(frame(event("session.heartbeat", at)))
    assert [s.signal for s in bench.signals()] == ["low_balance", "cut_off", "cut_off", "cut_off"]


def test_top_up_when_sessions_are_cut_then_they_may_go_on(bench: Bench) -> None:
    """Debt is collected first; what is left opens the gate again."""
    bench.feed(top_up(30))
    bench.feed(frame(event("session.start", 0)), frame(event("session.heartbeat", 2)))
    bench.feed(top_up(100, "k2"))
    assert [s.signal for s in bench.signals()] == ["low_balance", "cut_off", "go_on"]
    wallet = bench.wallet()
    assert wallet is not None
    assert (wallet.cash_micros, wallet.debt_micros) == (70 * WON, 0)


def test_cut_session_when_stopped_then_the_cause_is_cut_off(bench: Bench) -> None:
    """A stop that obeys a cut-off is a cut-off."""
    bench.feed(top_up(30))
    bench.feed(frame(event("session.start", 0)), frame(event("session.heartbeat", 2)))
    bench.feed(frame(event("session.stop", 2.5, reason="member")))
    assert bench.cdrs()[-1].cause == "cut_off"


def test_top_up_when_the_key_repeats_then_it_counts_once(bench: Bench) -> None:
    """The first command of a key decides; the result stays."""
    bench.feed(top_up(5, "same"), top_up(5, "same"))
    bench.feed(top_up(7, "same"))
    wallet = bench.wallet()
    result = bench.result("same")
    assert wallet is not None
    assert result is not None
    assert wallet.cash_micros == result.posted_micros == 5 * WON


def test_top_up_when_its_deadline_passed_then_the_result_is_expired(bench: Bench) -> None:
    """Log time decides, and the refusal is a stored result."""
    bench.feed(top_up(5, deadline_ms=1_000), stamp_ms=1_001)
    result = bench.result("k1")
    assert result is not None
    assert (result.outcome, bench.transfers()) == ("expired", [])


def test_repeat_when_an_increment_comes_twice_then_it_counts_once(bench: Bench) -> None:
    """By id, also inside one frame and after the memory was lost."""
    bench.feed(frame(_report(1, 10), _report(1, 10)))
    bench.reload()
    bench.feed(frame(_report(1, 10)))
    assert [row.outcome for row in bench.usage()] == ["applied", "duplicate", "duplicate"]
    assert len(bench.transfers()) == 1


def test_repeat_when_the_content_differs_then_it_is_refused(bench: Bench) -> None:
    """Same id, other content: dead letter, nothing moved."""
    bench.feed(frame(_report(1, 10, id="x", digest=b"aaaaaa")))
    bench.feed(frame(_report(1, 99, id="x", digest=b"bbbbbb")))
    assert [letter.reason for letter in bench.dead()] == ["id-reused"]
    assert len(bench.transfers()) == 1


def _late(amount: int, **fields: object) -> UsageEvent:
    return _report(3_600, amount, **fields)


def test_ids_when_the_horizon_passed_then_they_are_forgotten_and_older_events_wait(
    bench: Bench,
) -> None:
    """Memory is bounded by 48 hours behind the watermark; what is older asks the warehouse."""
    bench.feed(frame(_late(10)), tick(3_600))
    bench.feed(tick(3_600 * 60))
    assert bench.run(bench.store.load_all("ids:live:1")) == {}
    bench.feed(frame(_late(10, id="new")))
    (waiting,) = [item for item in bench.applied() if isinstance(item, LateUsage)]
    assert (waiting.event.id, len(bench.transfers())) == ("new", 1)


def test_late_event_when_the_warehouse_does_not_know_it_then_it_counts_once(bench: Bench) -> None:
    """The verdict applies it; a second copy looked up at the same cut is still a repeat."""
    bench.feed(tick(3_600 * 60))
    late = _late(10, id="late")
    first, second = (
        LateVerdict(late, "http", is_known=False, looked_up_to=2, number=number)
        for number in range(2)
    )
    bench.feed(frame(late), frame(late))
    bench.feed(first)
    bench.reload()
    bench.feed(second)
    outcomes = [(row.id, row.outcome) for row in bench.usage()]
    assert outcomes == [("late", "applied"), ("late", "duplicate")]
    assert len(bench.transfers()) == 1


def test_late_event_when_the_warehouse_knows_it_then_it_is_a_repeat(bench: Bench) -> None:
    """Exact for ever: what was applied long ago is not applied again."""
    bench.feed(tick(3_600 * 60))
    bench.feed(LateVerdict(_late(10), "http", is_known=True, looked_up_to=9, number=0))
    assert [row.outcome for row in bench.usage()] == ["duplicate"]
    assert bench.transfers() == []


def test_event_when_an_amount_is_too_large_then_it_alone_is_dropped(bench: Bench) -> None:
    """A poison event leaves a dead letter; its neighbours in the frame count."""
    broken = "broken-invariant"
    events = [_report(1, 10, id="a"), _report(2, 2**53 - 1, id="b"), _report(3, 20, id="c")]
    heavy = event("item.use", 4, session=None, item="quiz", quantity=2**50, id="d")
    bench.feed(frame(*events, heavy))
    assert [(letter.id, letter.reason) for letter in bench.dead()] == [("b", broken), ("d", broken)]
    assert [row.id for row in bench.usage()] == ["a", "c"]


def test_event_when_content_is_unknown_then_it_is_a_dead_letter(bench: Bench) -> None:
    """Unknown content and unknown tenants are refused with a reason."""
    bench.feed(frame(event("session.start", 1, content="nothing")))
    bench.feed(frame(event("session.start", 1, tenant="nobody")))
    assert [letter.reason for letter in bench.dead()] == ["content-unknown", "content-unknown"]


def test_member_when_membership_is_registered_then_strangers_are_refused(bench: Bench) -> None:
    """Only listed members and those with a wallet may use."""
    closed = {"tenants": [{**CATALOGUE["tenants"][0], "membership": "registered"}]}
    bench.publish(closed)
    bench.feed(frame(event("session.start", 1)))
    assert [letter.reason for letter in bench.dead()] == ["member-unknown"]
    bench.feed(top_up(10))
    bench.feed(frame(event("session.start", 2)))
    assert len(bench.usage()) == 1


def test_catalogue_when_a_version_is_skipped_or_repeated_then_only_the_next_counts(
    bench: Bench,
) -> None:
    """A running session keeps the terms that it began under."""
    bench.feed(frame(event("session.start", 0)))
    dearer = {"tenants": [{**CATALOGUE["tenants"][0], "contents": []}]}
    bench.publish(dearer)
    bench.feed(frame(event("session.heartbeat", 2)))
    assert sum(line.amount_micros for t in bench.transfers() for line in t.lines) == 60 * WON
