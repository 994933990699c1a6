"""Late events: their turn, their cut, and the sessions that they go on with."""

from typing import Any

import msgspec
import pytest

from schemas.applied import LateUsage
from schemas.frames import LateVerdict
from schemas.ids import domain_of
from schemas.usage import UsageEvent
from tests.support.bench_shard import CATALOGUE, WON, Bench, event, frame, tick, top_up
from tests.support.late_books import judged

HOUR_S = 3_600
# The horizon is 48 hours: what happened in the first hour is gone then.
GONE_S = 60 * HOUR_S


def _report(number: int, **fields: object) -> UsageEvent:
    return event(
        "usage.report", 10, id=f"r{number}", session=None, content="web",
        meters={"bytes": 1_000_000 * number}, **fields,
    )  # fmt: skip


def _evicted(bench: Bench, *events: UsageEvent) -> None:
    """Sessions that ended long ago, of which the shard knows nothing any more."""
    bench.feed(top_up(10_000), tick(0))
    bench.feed(frame(*events))
    bench.feed(tick(600))
    bench.feed(tick(GONE_S))
    bench.feed(tick(GONE_S + 1))
    assert bench.closed() == []


def _say(bench: Bench, *late: UsageEvent) -> list[LateVerdict]:
    """Late events come, are looked up together, and their verdicts are taken."""
    bench.feed(frame(*late))
    said = judged(bench)
    bench.feed(*said)
    return said


def _balance(bench: Bench) -> int:
    wallet = bench.wallet()
    assert wallet is not None
    return wallet.cash_micros // WON


def test_late_heartbeat_when_its_session_was_evicted_then_the_correction_is_the_undisturbed_price(
    bench: Bench,
) -> None:
    """Restored from its CDR: a superseding CDR, an entry that names the old, the same price."""
    begin = [event("session.start", 100), event("session.heartbeat", 103)]
    late = event("session.heartbeat", 105)
    _evicted(bench, *begin)
    _say(bench, late)
    calm = Bench()
    _evicted(calm, *begin, late)
    (undisturbed,), (first, second) = calm.cdrs(), bench.cdrs()
    told = ("incarnation", "cause", "start_ms", "end_ms", "charged_micros", "provider_micros")
    assert [getattr(second, name) for name in told] == [getattr(undisturbed, name) for name in told]
    assert (first.revision, second.revision, second.charged_micros) == (1, 2, 150 * WON)
    charge, correction = bench.transfers()[1:]
    assert bench.transfers()[correction.corrects] == charge
    assert _balance(bench) == _balance(calm) == 9_850
    calm.close()


def test_late_event_when_it_comes_again_and_again_then_it_counts_once(bench: Bench) -> None:
    """Two copies of one look-up, a verdict twice, and a copy after all that: one applied."""
    _evicted(bench, event("session.start", 100))
    late = _report(7)
    said = _say(bench, late, late)
    bench.feed(*said)
    bench.reload()
    bench.feed(*said)
    _say(bench, late)
    outcomes = [row.outcome for row in bench.usage() if row.id == "r7"]
    assert outcomes == ["applied", "duplicate", "duplicate"]
    assert _balance(bench) == 9_993
    assert bench.meta().late_done == bench.meta().late_next == 3


def test_verdict_when_it_is_not_its_turn_then_it_changes_nothing(bench: Bench) -> None:
    """One that jumps over another, or comes again, is left out; then the order is made good."""
    bench.feed(tick(GONE_S), frame(_report(1), _report(2), _report(3)))
    one, two, three = judged(bench)
    bench.feed(three, two)
    assert bench.usage() == []
    bench.feed(one, three, one)
    assert [row.id for row in bench.usage()] == ["r1"]
    bench.feed(two, three)
    assert [row.id for row in bench.usage()] == ["r1", "r2", "r3"]


def test_verdict_when_looked_up_before_what_is_forgotten_then_it_decides_nothing(
    bench: Bench,
) -> None:
    """The id of the first copy is forgotten: the second's look-up must have seen its item."""
    late = _report(7)
    bench.feed(tick(GONE_S), frame(late, late))
    one, two = judged(bench)
    bench.feed(one)
    for hour in range(2 * 60):
        bench.feed(tick(GONE_S + hour * HOUR_S))
    assert bench.meta().domains["live"].id_spans == []
    bench.feed(two)
    assert [row.outcome for row in bench.usage()] == ["applied"]
    (again,) = judged(bench)
    bench.feed(again)
    assert again.is_known
    assert [row.outcome for row in bench.usage()] == ["applied", "duplicate"]


def test_late_event_when_its_name_said_something_else_then_it_is_refused(bench: Bench) -> None:
    """As within the horizon: same name, other content, dead letter."""
    _evicted(bench, event("session.start", 100, id="x"))
    _say(bench, event("session.stop", 100, id="x", reason="member"))
    assert [(letter.id, letter.reason) for letter in bench.dead()] == [("x", "id-reused")]
    assert bench.meta().late_done == 1


@pytest.mark.parametrize("taken", [1, 2, 3])
def test_late_retry_when_it_says_another_hour_then_its_id_is_used_up_in_any_round(
    bench: Bench, taken: int
) -> None:
    """The first counts, whether the others are looked up with it or behind it."""
    bench.feed(top_up(10_000), tick(0), tick(3 * GONE_S))
    first = _report(7)
    other = event("usage.report", 9 * HOUR_S, id="r7", session=None, content="web")
    bench.feed(frame(first, other, first))
    bench.feed(*judged(bench)[:taken])
    for hour in range(100):
        bench.feed(tick((3 * 60 + hour) * HOUR_S))
    bench.feed(*judged(bench))
    assert [row.outcome for row in bench.usage()] == ["applied", "duplicate"]
    assert [letter.reason for letter in bench.dead()] == ["id-reused"]
    assert _balance(bench) == 9_993


def test_late_events_when_their_session_is_unknown_then_it_is_one_session_at_the_usual_price(
    bench: Bench,
) -> None:
    """Start, heartbeat and stop of one look-up merge into one life, which is never open."""
    bench.feed(top_up(1_000), tick(GONE_S))
    beats = [event("session.start", 100), event("session.heartbeat", 103)]
    stop = event("session.stop", 107, reason="member")
    _say(bench, *beats, stop)
    assert [(c.revision, c.cause, c.charged_micros // WON) for c in bench.cdrs()] == [
        (1, "network", 0), (2, "network", 90), (3, "normal", 210),
    ]  # fmt: skip
    assert bench.run(bench.store.load_all("sessions")) == {}
    assert _balance(bench) == 790


def test_use_when_a_life_of_long_ago_is_held_then_it_begins_another(bench: Bench) -> None:
    """What came late is not gone on with today, though the tariff reopens sessions."""
    bench.feed(top_up(1_000), tick(GONE_S))
    _say(bench, event("session.start", 100))
    bench.feed(frame(event("session.start", GONE_S), event("session.heartbeat", GONE_S + 2)))
    assert [(row.incarnation, row.duration_ms) for row in bench.usage()] == [
        (1, 0), (2, 0), (2, 2_000),
    ]  # fmt: skip
    assert _balance(bench) == 940


def test_late_events_when_the_session_goes_on_meanwhile_then_each_finds_its_life(
    bench: Bench,
) -> None:
    """The held life is newer than the sealed one; the open life stays as it is."""
    _evicted(bench, event("session.start", 100), event("session.heartbeat", 103))
    bench.feed(frame(event("session.start", GONE_S)))
    bench.feed(frame(event("session.heartbeat", 105), event("session.heartbeat", 106)))
    said = judged(bench)
    assert said[0].sealed == said[1].sealed != b""
    for verdict in said:
        bench.feed(verdict)
        bench.reload()
    assert [(c.incarnation, c.revision, c.charged_micros // WON) for c in bench.cdrs()] == [
        (1, 1, 90), (1, 2, 150), (1, 3, 180),
    ]  # fmt: skip
    bench.feed(frame(event("session.heartbeat", GONE_S + 1)))
    assert [row.incarnation for row in bench.usage()] == [1, 1, 2, 1, 1, 2]


def test_late_event_when_the_catalogue_changed_then_its_session_keeps_its_terms(
    bench: Bench,
) -> None:
    """A restored life is priced by the version that it began under."""
    _evicted(bench, event("session.start", 100))
    dearer: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(CATALOGUE))
    dearer["tenants"][0]["tariffs"][0]["components"][0]["price"] = "99"
    bench.publish(dearer)
    bench.reload()
    _say(bench, event("session.heartbeat", 102))
    assert bench.cdrs()[-1].charged_micros == 60 * WON


def test_late_event_when_its_day_has_no_pass_yet_then_one_is_sold(bench: Bench) -> None:
    """A pass of long ago is looked up and bought once, for the day of the use."""
    day_s = 24 * HOUR_S
    daily = {"content": "daily", "session": "d"}
    _evicted(bench, event("session.start", 100, **daily))
    bench.feed(tick(GONE_S + 2 * day_s))
    _say(bench, event("session.heartbeat", 200, **daily), event("session.heartbeat", 300, **daily))
    assert [t.cause for t in bench.transfers()] == ["top_up", "pass"]
    _say(bench, event("session.heartbeat", 20 * HOUR_S, **daily))
    assert [t.cause for t in bench.transfers()] == ["top_up", "pass", "pass"]
    assert bench.dead() == []


@pytest.mark.parametrize(("gap_s", "lives"), [(9, [1, 1]), (11, [1, 2])])
def test_late_use_behind_an_end_when_the_tariff_begins_anew_then_it_does_after_its_silence(
    bench: Bench, gap_s: int, lives: list[int]
) -> None:
    """Within the tariff's silence the session had not ended, beyond it another one began."""
    again = {"content": "again", "session": "a"}
    _evicted(bench, event("session.start", 100, **again))
    _say(bench, event("session.heartbeat", 100 + gap_s, **again))
    assert [row.incarnation for row in bench.usage()] == lives


def test_late_use_when_its_life_is_behind_an_open_one_then_only_a_new_look_finds_it(
    bench: Bench,
) -> None:
    """A life that the shard cannot find by itself makes earlier look-ups void: it never splits."""
    again = {"content": "again", "session": "a"}
    _evicted(bench, event("session.start", 100, **again))
    bench.feed(frame(event("session.start", GONE_S, **again)))
    late = [event("session.heartbeat", at, meters={"bytes": at}, **again) for at in (500, 505)]
    _say(bench, *late)
    assert [(c.incarnation, c.revision) for c in bench.cdrs()] == [(1, 1), (3, 1)]
    bench.feed(*judged(bench))
    assert [(c.incarnation, c.revision) for c in bench.cdrs()] == [(1, 1), (3, 1), (3, 2)]
    bench.feed(tick(GONE_S + 60), frame(event("session.start", GONE_S + 70, **again)))
    assert bench.usage()[-1].incarnation == 4


@pytest.mark.parametrize("sealed", [b"", b"\xff of a release to come"])
def test_late_event_when_its_sessions_state_is_not_to_be_had_then_it_is_refused(
    bench: Bench, sealed: bytes
) -> None:
    """A new life would charge its running totals again; the dead letter says what to do."""
    _evicted(bench, event("session.start", 100))
    bench.feed(frame(event("session.heartbeat", 105)))
    (verdict,) = judged(bench)
    bench.feed(msgspec.structs.replace(verdict, sealed=sealed))
    assert [letter.reason for letter in bench.dead()] == ["session-not-kept"]
    assert (_balance(bench), bench.meta().late_done) == (10_000, 1)


def test_late_event_when_the_horizon_grew_then_what_was_forgotten_stays_late(
    bench: Bench,
) -> None:
    """A longer horizon does not bring back ids that are gone: such an event is looked up."""
    bench.feed(frame(_report(1)), tick(GONE_S))
    longer = {"tenants": [{**CATALOGUE["tenants"][0], "horizon_h": 500}]}
    bench.publish(longer)
    bench.feed(frame(_report(1)))
    assert [item.number for item in bench.applied() if isinstance(item, LateUsage)] == [0]
    bench.feed(*judged(bench))
    assert [row.outcome for row in bench.usage()] == ["applied", "duplicate"]


def test_late_event_when_its_session_lives_in_another_clock_then_both_memories_count(
    bench: Bench,
) -> None:
    """A held life that its own clock let go of makes an older look-up of its state void."""
    domain = domain_of("tv", recorded=True)
    bench.feed(top_up(10_000), tick(0, domain=domain), tick(0))
    bench.feed(frame(event("session.start", 100, recorded=True)))
    bench.feed(tick(GONE_S, domain=domain), tick(GONE_S))
    one, two = (event("session.heartbeat", at, recorded=False) for at in (103, 105))
    bench.feed(frame(one, two))
    first, second = judged(bench)
    bench.feed(first)
    for hour in range(60):
        bench.feed(tick(GONE_S + hour * HOUR_S, domain=domain))
    bench.feed(second)
    assert bench.meta().late_done == 1
    bench.feed(*judged(bench))
    assert [(c.incarnation, c.revision, c.charged_micros // WON) for c in bench.cdrs()] == [
        (1, 1, 0), (1, 2, 90), (1, 3, 150),
    ]  # fmt: skip


def test_session_when_its_use_would_need_too_many_passes_then_only_that_event_is_dropped(
    bench: Bench,
) -> None:
    """Looking up what to load must not fail where the step can refuse."""
    daily = {"content": "daily", "session": "d"}
    bench.feed(top_up(100_000), frame(event("session.start", 100, **daily)))
    bench.feed(frame(event("session.heartbeat", 500 * 24 * HOUR_S, **daily)))
    assert [letter.reason for letter in bench.dead()] == ["broken-invariant"]
    bench.feed(frame(event("session.heartbeat", 200, **daily)))
    assert [row.duration_ms for row in bench.usage()] == [0, 100_000]


def _with_horizon(hours: int) -> dict[str, Any]:
    """The test tenant with a horizon, beside another one with the longest."""
    tenant = CATALOGUE["tenants"][0]
    return {"tenants": [{**tenant, "horizon_h": hours}, {**tenant, "id": "radio"}]}


def test_late_event_when_its_horizon_grew_then_a_timely_copy_counts_no_more() -> None:
    """A copy that is not late any more is known by the verdict's, or the verdict by it."""
    bench = Bench(_with_horizon(1))
    bench.feed(top_up(1_000), tick(10 * HOUR_S))
    bench.feed(frame(_report(1), _report(2)))
    one, two = judged(bench)
    bench.feed(one)
    bench.publish(_with_horizon(48))
    bench.feed(frame(_report(1), _report(2)))
    bench.feed(two)
    assert [(row.id, row.outcome) for row in bench.usage()] == [
        ("r1", "applied"), ("r1", "duplicate"), ("r2", "applied"), ("r2", "duplicate"),
    ]  # fmt: skip
    bench.close()


def test_late_event_when_its_closed_session_is_still_held_then_it_corrects_and_stays_closed() -> (
    None
):
    """A tenant's horizon may be shorter than the longest; the session is that of the shard."""
    bench = Bench(_with_horizon(1))
    bench.feed(top_up(1_000), tick(0), frame(event("session.start", 100)))
    bench.feed(tick(600), tick(10 * HOUR_S))
    _say(bench, event("session.heartbeat", 105))
    assert [(c.incarnation, c.revision, c.cause, c.end_ms) for c in bench.cdrs()] == [
        (1, 1, "network", 100_000), (1, 2, "network", 105_000),
    ]  # fmt: skip
    assert [session.is_open for session in bench.closed()] == [False]
    assert _balance(bench) == 850
    bench.close()


def test_late_copies_when_hours_pass_between_their_verdicts_then_the_first_is_remembered(
    bench: Bench,
) -> None:
    """The id of an applied late event is kept for the horizon from when it was applied."""
    late = _report(7)
    bench.feed(tick(GONE_S), frame(late, late))
    one, two = judged(bench)
    bench.feed(one)
    for hour in range(1, 40):
        bench.feed(tick(GONE_S + hour * HOUR_S))
    bench.feed(two)
    assert [row.outcome for row in bench.usage()] == ["applied", "duplicate"]


def test_late_events_when_a_new_path_sets_the_watermark_back_then_hours_go_on(
    bench: Bench,
) -> None:
    """What is restored now is held from now on, however far behind the slowest path is."""
    _evicted(bench, event("session.start", 100))
    bench.feed(frame(event("session.heartbeat", 103), event("session.heartbeat", 105)))
    one, two = judged(bench)
    bench.feed(tick(HOUR_S, path="kafka", member="raw/0"), one)
    bench.feed(tick(2 * HOUR_S, path="kafka", member="raw/0"), two)
    assert [(c.revision, c.charged_micros // WON) for c in bench.cdrs()] == [
        (1, 0), (2, 90), (3, 150),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("late", "expected"),
    [
        ([50], [(50, 52), (100, 112)]),
        ([95], [(95, 112)]),
        ([200, 300, 400, 205], [(100, 112), (200, 207), (300, 302), (400, 402)]),
        ([400, 300, 200, 205], [(100, 112), (200, 207), (300, 302), (400, 402)]),
    ],
)  # fmt: skip
def test_late_use_when_a_gap_parts_it_from_its_session_then_the_gap_is_not_charged(
    bench: Bench, late: list[int], expected: list[tuple[int, int]]
) -> None:
    """Uses apart by more than the tariff's silence are lives of their own, in any order."""
    again = {"content": "again", "session": "a"}
    _evicted(bench, event("session.start", 100, **again), event("session.heartbeat", 110, **again))
    bench.feed(frame(*(event("session.heartbeat", at, **again) for at in late)))
    while said := judged(bench):
        bench.feed(*said)
    last = {cdr.incarnation: cdr for cdr in bench.cdrs()}
    spans = sorted((cdr.start_ms // 1_000, cdr.end_ms // 1_000) for cdr in last.values())
    assert spans == expected
    assert _balance(bench) == 10_000 - sum(end - start for start, end in expected)
