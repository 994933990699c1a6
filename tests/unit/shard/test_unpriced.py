"""Contents on sale without a tariff: logged, flagged, never charged."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from schemas.applied import UNPRICED
from tests.support.bench_shard import CATALOGUE, WON, Bench, event, frame, tick, top_up


def _selling(**more: object) -> dict[str, Any]:
    """The standard catalogue with a content that has no tariff."""
    catalogue = copy.deepcopy(CATALOGUE)
    catalogue["tenants"][0]["contents"].append({"id": "new", "provider": "kbs", **more})
    return catalogue


@pytest.fixture
def selling() -> Iterator[Bench]:
    """A shard that knows it, and a member with money."""
    bench = Bench(_selling())
    bench.feed(top_up(1_000), tick(0))
    yield bench
    bench.close()


def test_session_when_its_content_has_no_tariff_then_is_logged_and_free(selling: Bench) -> None:
    """Its use and its end are there for whoever prices it later; no money moves."""
    selling.feed(frame(event("session.start", 1, content="new", meters={"bytes": 5})))
    selling.feed(frame(event("session.heartbeat", 61, content=None, meters={"bytes": 9})))
    selling.feed(tick(1_000))
    assert [usage.flags for usage in selling.usage()] == [UNPRICED, UNPRICED]
    assert selling.dead() == []
    [cdr] = selling.cdrs()
    assert (cdr.content, cdr.tariff, cdr.cause) == ("new", "", "network")
    assert (cdr.duration_ms, cdr.meters, cdr.charged_micros) == (60_000, {"bytes": 9}, 0)
    assert [transfer.cause for transfer in selling.transfers()] == ["top_up"]


def test_use_outside_sessions_when_its_content_has_no_tariff_then_likewise(selling: Bench) -> None:
    """Each event is logged and flagged."""
    selling.feed(frame(event("item.use", 1, session=None, content="new", item="quiz")))
    assert [(usage.outcome, usage.flags) for usage in selling.usage()] == [("applied", UNPRICED)]
    assert len(selling.transfers()) == 1


def test_session_when_its_content_gets_a_tariff_then_the_next_one_is_charged(
    selling: Bench,
) -> None:
    """What began without a price ends without one."""
    selling.feed(frame(event("session.start", 1, content="new")))
    selling.publish(_selling(tariff="second"))
    selling.feed(frame(event("session.stop", 11, content=None)))
    later = event("session.start", 20, session="s2", content="new")
    selling.feed(frame(later, event("session.stop", 21, session="s2", content=None)))
    assert [cdr.charged_micros for cdr in selling.cdrs()] == [0, 30 * WON]
    assert [usage.flags for usage in selling.usage()] == [UNPRICED, UNPRICED, "", ""]


def test_meter_when_it_falls_on_unpriced_content_then_both_are_flagged(selling: Bench) -> None:
    """One word does not hide the other."""
    selling.feed(frame(event("session.start", 1, content="new", seq=1, meters={"bytes": 9})))
    selling.feed(frame(event("session.heartbeat", 2, content=None, seq=2, meters={"bytes": 5})))
    assert [usage.flags for usage in selling.usage()] == [UNPRICED, f"meter-fell,{UNPRICED}"]


def test_shadow_when_its_content_has_no_tariff_then_tells_what_one_would_bring() -> None:
    """A price can be tried before it is asked for."""
    bench = Bench(_selling(shadow="second"))
    bench.feed(frame(event("session.start", 1, content="new")))
    bench.feed(frame(event("session.stop", 11, content=None)))
    assert bench.transfers() == []
    assert sum(line.amount_micros for each in bench.shadows() for line in each.lines) == 300 * WON
    bench.close()
