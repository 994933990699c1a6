"""An id counts once: by whatever time it is sent again, and only if it counted at all."""

import copy

import pytest

from schemas.usage import UsageEvent
from shard.known_ids import SPANS_MAX
from shard.wants import wanted_by
from tests.support.bench_shard import CATALOGUE, Bench, event, frame, tick, top_up

HOUR_S = 3_600


def bought(at_s: float, name: str = "pay1", **fields: object) -> UsageEvent:
    """An item outside sessions."""
    return event("item.use", at_s, id=name, item="quiz", session=None, **fields)


def outcomes(bench: Bench) -> list[tuple[str, str]]:
    """What became of each event, in the order told."""
    return [(usage.id, usage.outcome) for usage in bench.usage()]


@pytest.mark.parametrize("again_s", [3_599, 3_601, 7 * HOUR_S, 47 * HOUR_S])
def test_id_when_sent_again_with_another_time_then_is_refused(bench: Bench, again_s: float) -> None:
    """A client that stamps its retry anew pays once, over hours and spans alike."""
    bench.feed(tick(0), frame(bought(3_598)))
    bench.feed(tick(again_s), frame(bought(again_s)))
    assert [letter.reason for letter in bench.dead()] == ["id-reused"]
    assert [t.cause for t in bench.transfers()] == ["charge"]


@pytest.mark.parametrize("recorded_first", [False, True])
def test_id_when_sent_by_the_other_clock_then_is_a_repeat(
    bench: Bench, *, recorded_first: bool
) -> None:
    """A tenant's recording of what was sent live counts nothing twice."""
    bench.feed(frame(bought(5, recorded=recorded_first)))
    bench.feed(frame(bought(5, recorded=not recorded_first)))
    assert outcomes(bench) == [("pay1", "applied"), ("pay1", "duplicate")]


def test_id_when_remembered_for_the_horizon_then_is_forgotten_in_whole_spans(
    bench: Bench,
) -> None:
    """Ids leave the store with their span, at the latest two horizons after they were taken."""
    for hour in range(0, 240, 6):
        bench.feed(tick(hour * HOUR_S), frame(bought(hour * HOUR_S, f"i{hour}")))
        clock = bench.meta().domains["live"]
        assert len(clock.id_spans) <= 3
    kept = {name for name in bench.store._hashes if name.startswith("ids:") if
            bench.store._hashes[name]}  # fmt: skip
    assert len(kept) == len(bench.meta().domains["live"].id_spans)


@pytest.mark.parametrize("frames", [1, 2])
def test_id_when_its_first_event_was_refused_then_the_mended_one_counts(
    bench: Bench, frames: int
) -> None:
    """A refused event claims no id, be the mended one in the same frame or a later one."""
    wrong, right = bought(1, content="nothing"), bought(1)
    bench.feed(frame(wrong, right)) if frames == 1 else bench.feed(frame(wrong), frame(right))
    assert [(letter.id, letter.reason) for letter in bench.dead()] == [("pay1", "content-unknown")]
    assert outcomes(bench) == [("pay1", "applied")]


def test_id_when_all_of_its_events_are_refused_then_none_is_a_repeat(bench: Bench) -> None:
    """Two copies of a wrong event are two dead letters, and no duplicate of anything."""
    wrong = bought(1, content="nothing")
    bench.feed(frame(wrong, wrong))
    assert [letter.reason for letter in bench.dead()] == ["content-unknown"] * 2
    assert outcomes(bench) == []


def test_id_when_repeated_within_a_frame_then_counts_once_in_its_place(bench: Bench) -> None:
    """Three copies and one that says something else, among others: one counts."""
    bench.feed(
        top_up(10_000),
        frame(bought(1), bought(2, "other"), bought(1), bought(1), bought(3)),
    )
    assert outcomes(bench) == [
        ("pay1", "applied"),
        ("other", "applied"),
        ("pay1", "duplicate"),
        ("pay1", "duplicate"),
    ]
    assert [letter.reason for letter in bench.dead()] == ["id-reused"]


def test_ids_when_no_clock_was_told_then_few_spans_hold_them_all(bench: Bench) -> None:
    """A year of a recording, shuffled, is looked up in a handful of hashes, and counts once."""
    days = [(7 * day) % 365 for day in range(365)]
    year = [bought(24 * HOUR_S * day, f"d{day}", recorded=True) for day in days]
    for each in (*year, *year[::-1]):
        bench.feed(frame(each))
    assert len(bench.meta().domains["recorded:tv"].id_spans) <= SPANS_MAX
    assert [outcome for _, outcome in outcomes(bench)] == ["applied"] * 365 + ["duplicate"] * 365


def test_ids_when_the_tenant_keeps_only_those_of_increments_then_others_are_not_asked_for() -> None:
    """A heartbeat costs no look at the store's ids where its id is not kept."""
    frugal = copy.deepcopy(CATALOGUE)
    frugal["tenants"][0]["remember"] = "increments"
    bench = Bench(frugal)
    bench.feed(frame(bought(1)))
    state = bench._state
    heartbeat, item = event("session.heartbeat", 2, id="h"), bought(2, "i")
    assert not any(name.startswith("ids:") for name in wanted_by(state, [frame(heartbeat)]).fields)
    assert any(name.startswith("ids:") for name in wanted_by(state, [frame(item)]).fields)
    bench.close()
