"""A shard before its first catalogue: what a starting stack may put into the log first."""

from collections.abc import Iterator

import pytest

from schemas.commands import Outcome
from schemas.frames import Record
from tests.support.bench_shard import CATALOGUE, WON, Bench, event, frame, tick, top_up


@pytest.fixture
def empty() -> Iterator[Bench]:
    """A shard without a catalogue."""
    made = Bench(None)
    yield made
    made.close()


@pytest.mark.parametrize(
    "record",
    [tick(100), tick(100, leave=True), frame(event("session.start", 1)), top_up(1000, key="early")],
    ids=["tick", "last-tick", "usage", "top-up"],
)
def test_record_when_it_comes_before_any_catalogue_then_the_shard_goes_on(
    empty: Bench, record: Record
) -> None:
    """Nothing is on sale yet, so nothing is charged; once something is, all works as ever."""
    empty.feed(record)
    empty.reload()
    empty.feed(tick(101))
    assert empty.transfers() == []
    empty.publish(CATALOGUE)
    empty.feed(top_up(1000), frame(event("session.start", 102), event("session.heartbeat", 104)))
    wallet = empty.wallet()
    assert wallet is not None
    assert wallet.cash_micros == 940 * WON


def test_records_when_they_come_before_any_catalogue_then_are_refused_by_name(
    empty: Bench,
) -> None:
    """Usage leaves a dead letter, a command its result."""
    empty.feed(frame(event("session.start", 1)), top_up(1000))
    assert [letter.reason for letter in empty.dead()] == ["content-unknown"]
    result = empty.result("k1")
    assert result is not None
    assert (result.outcome, result.reason) == (Outcome.REFUSED, "tenant-unknown")
