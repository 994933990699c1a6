"""What a batch will look at is loaded before it, and nothing in a log can make that fail."""

import copy
from collections.abc import Sequence
from typing import Any

import pytest

from schemas.errors import CursorMoved, ShardStopped
from schemas.frames import CatalogueVersion, Record
from schemas.usage import UsageEvent
from shard.cursor import Cursor
from shard.loading import Bodies, load_for, load_state
from shard.memory_store import MemoryStore
from shard.port import Kind, Store
from shard.state import ShardState
from tests.support.bench_shard import CATALOGUE, LOG, SHARD, Bench, event, frame, tick, top_up

DAY_S = 86_400
YEAR_9999_S = 253_402_300_799


def bought(at_s: float, name: str) -> UsageEvent:
    """An item outside sessions, of a content with a day pass."""
    return event("item.use", at_s, id=name, content="daily", session=None, item="x", recorded=True)


def used(kind: str, at_s: float, name: str, content: str = "daily") -> UsageEvent:
    """An event of the one session."""
    return event(kind, at_s, id=name, content=content, recorded=True)


def test_passes_when_loose_events_are_far_apart_then_each_pays_its_own_day(bench: Bench) -> None:
    """Two purchases more than 400 days apart in one frame need two passes, and no more."""
    bench.feed(frame(bought(0, "a"), bought(500 * DAY_S, "b")))
    assert [t.scope for t in bench.transfers()] == ["pass:pass:1970-01-01", "pass:pass:1971-05-16"]
    assert not bench.dead()


@pytest.mark.parametrize("far_s", [500 * DAY_S, YEAR_9999_S])
@pytest.mark.parametrize("frames", [1, 2])
def test_passes_when_a_session_would_span_too_many_then_that_event_is_dropped(
    bench: Bench, far_s: int, frames: int
) -> None:
    """The event that cannot be is a dead letter; the session before it counts."""
    start, far = used("session.start", 0, "a"), used("session.heartbeat", far_s, "b")
    records: list[Record] = [frame(start, far)] if frames == 1 else [frame(start), frame(far)]
    bench.feed(*records)
    assert [(letter.id, letter.reason) for letter in bench.dead()] == [("b", "broken-invariant")]
    assert [usage.id for usage in bench.usage()] == ["a"]


def test_end_when_content_came_later_then_its_timeout_counts_with_and_without_memory() -> None:
    """The tariff's 10 s end the session, not the 90 s of one whose content nobody knew."""
    for reload in (False, True):
        bench = Bench()
        bench.feed(top_up(1_000), tick(0))
        bench.feed(frame(event("session.heartbeat", 1, content=None, id="h")))
        bench.feed(frame(event("session.start", 0, id="s", received_at_ms=1_500)))
        if reload:
            bench.reload()
        bench.feed(tick(20))
        assert [cdr.cause for cdr in bench.cdrs()] == ["network"], reload
        bench.close()


def test_passes_when_the_use_before_gets_a_late_event_then_they_are_loaded() -> None:
    """After a take-over, a late event of the replaced use finds the passes that were sold."""
    wide: dict[str, Any] = copy.deepcopy(CATALOGUE)
    silence = {"timeout_s": 10 * DAY_S, "later": "new_incarnation"}
    component = {"kind": "flat", "price": "3", "period": "day"}
    wide["tenants"][0]["tariffs"].append({"id": "d", "components": [component], "silence": silence})
    wide["tenants"][0]["contents"].append({"id": "d", "provider": "p", "tariff": "d"})
    bench = Bench(None)
    bench.publish(wide)
    bench.feed(frame(used("session.start", 10, "a", "d")))
    bench.feed(frame(used("session.stop", DAY_S + 100, "b", "d")))
    bench.feed(frame(used("session.heartbeat", 4 * DAY_S, "c", "d")))
    bench.reload()
    bench.feed(frame(used("session.heartbeat", DAY_S + 50, "late", "d")))
    assert not bench.dead()
    assert [(usage.id, usage.incarnation) for usage in bench.usage()][-1] == ("late", 1)
    bench.close()


def test_catalogue_when_a_version_is_not_the_next_then_nobody_waits_for_its_body(
    bench: Bench,
) -> None:
    """A version written by somebody who did not know the latest is ignored, body and all."""
    bench.feed(CatalogueVersion(1, "nobody has this"), CatalogueVersion(7, "nor this"))
    bench.feed(top_up(5))
    assert bench.wallet() is not None


def test_event_when_something_was_not_loaded_then_the_shard_stops(bench: Bench) -> None:
    """A hole in what was loaded is never taken for a fault of the event."""

    async def forgetful(
        state: ShardState, store: Store, records: Sequence[Record], bodies: Bodies
    ) -> None:
        await load_for(state, store, records, bodies)
        state.wallets.clear()

    bench.loads = forgetful
    with pytest.raises(ShardStopped, match="before it was loaded"):
        bench.feed(frame(event("session.start", 0)))


class _FlippingStore(MemoryStore):
    """A store that is an older copy for the moment of one read, and then itself again."""

    def __init__(self, now: MemoryStore, older: MemoryStore) -> None:
        super().__init__()
        self._cursor, self._hashes = now._cursor, now._hashes
        self._older = older

    async def load_all(self, name: str) -> dict[bytes, bytes]:
        """As the older copy has it."""
        return await self._older.load_all(name)

    async def load_all_at(self, name: str, at: Cursor) -> dict[bytes, bytes]:
        """As the older copy answers."""
        return await self._older.load_all_at(name, at)


def test_state_when_the_store_goes_back_and_forth_meanwhile_then_none_is_made(
    bench: Bench,
) -> None:
    """The cursor is the same before and after; what was read in between is of another moment."""
    bench.feed(top_up(1_000), frame(event("session.start", 1)))
    older = bench.store.copied()
    bench.feed(frame(event("session.stop", 3)))
    store = _FlippingStore(bench.store, older)
    assert bench.run(store.load_all(Kind.SESSIONS))

    with pytest.raises(CursorMoved):
        bench.run(load_state(store, SHARD, LOG, bench._body))
