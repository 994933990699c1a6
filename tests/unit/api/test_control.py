"""Listeners, their buffers and places, and the stream of one of them, without Kafka."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.control.hub import ControlHub, ControlMessage, HubLimits, Listener
from api.control.positions import Positions, positions_from_text, text_from_positions
from api.control.stream import events_for
from api.limits import HISTORY_TURNS
from api.problems import Problem
from runtime.keys import ApiKey, digest_of_key
from runtime.metrics import Metrics
from schemas.errors import RecoverableError


def key(name: str = "k", tenant: str = "tv", *sources: str) -> ApiKey:
    """A content server's key."""
    return ApiKey(name, digest_of_key(name), tenant, sources or ("*",), ("session:control",))


def message(
    partition: int, offset: int, tenant: str = "tv", source: str = "vod", size: int = 0
) -> ControlMessage:
    """A message whose value names its place."""
    value = f'{{"at":"{partition}/{offset}","pad":"{"x" * size}"}}'.encode()
    return ControlMessage(partition, offset, tenant, source, value)


class Past:
    """A list as a history."""

    def __init__(self, messages: Sequence[ControlMessage] = (), *, is_broken: bool = False) -> None:
        self._messages = messages
        self._is_broken = is_broken

    async def check(self, low: Positions, high: Positions) -> None:
        """See the port."""

    async def between(
        self, low: Positions, high: Positions
    ) -> AsyncGenerator[list[ControlMessage]]:
        """See the port."""
        for each in self._messages:
            if low[each.partition] <= each.offset < high[each.partition]:
                yield [each]
        if self._is_broken:
            raise RecoverableError("Kafka is away")


class Heard:
    """What a client's own reader makes of a stream: data, the last id, and why it ended."""

    def __init__(self, hub: ControlHub, listener: Listener) -> None:
        self._events = events_for(hub, listener)
        self.data: list[str] = []
        self.last_id = ""
        self.comments: list[str] = []
        self.end = ""

    async def next(self) -> None:
        """Reads on by one piece."""
        for block in (await anext(self._events)).decode().split("\n\n"):
            fields = [line.partition(": ") for line in block.splitlines()]
            words = {name: value for name, _, value in fields}
            self.last_id = words.get("id", self.last_id)
            if "" in words:
                self.comments.append(words[""])
            if words.get("event") == "end":
                self.end = words["data"]
            elif "data" in words:
                self.data.append(words["data"].split('"')[3])

    async def rest(self) -> None:
        """Reads to the end."""
        while not self.end:
            await self.next()

    async def close(self) -> None:
        """Goes away."""
        await self._events.aclose()


@given(st.lists(st.integers(0, 2**62), max_size=64))
def test_place_when_written_and_read_then_is_the_same(positions: list[int]) -> None:
    """A place survives its way by a client."""
    text = text_from_positions(positions)
    assert text.replace("-", "").replace("_", "").isalnum()
    assert positions_from_text(text, len(positions)) == positions


@pytest.mark.parametrize(
    "text",
    ["!", "x", "é", "A" * 40_000, text_from_positions([1, 2]), text_from_positions([-1, 1, 1])],
)
def test_place_when_it_is_none_of_ours_then_is_refused(text: str) -> None:
    """What a client made up, or brought from another topic, is told apart."""
    with pytest.raises(ValueError, match="it is"):
        positions_from_text(text, 3)


async def test_hub_when_messages_come_then_each_client_gets_its_own() -> None:
    """Tenant and sources of the key decide; the place counts messages of others as well."""
    hub = ControlHub()
    hub.begin([5, 5])
    all_of_it = hub.join(key("a"), None)
    narrow = hub.join(key("b", "tv", "site"), None)
    foreign = hub.join(key("c", "fm"), None)
    hub.take([message(0, 5), message(1, 5, source="site"), message(0, 6, tenant="fm")])
    assert [(each.partition, each.offset) for each in all_of_it.taken()] == [(0, 5), (1, 5)]
    assert [(each.partition, each.offset) for each in narrow.taken()] == [(1, 5)]
    assert [(each.partition, each.offset) for each in foreign.taken()] == [(0, 6)]
    assert hub.positions == [7, 6]


async def test_hub_when_nothing_is_read_yet_then_no_client_joins() -> None:
    """A client that began nowhere could miss something."""
    with pytest.raises(RecoverableError, match="not read yet"):
        ControlHub().join(key(), None)


async def test_hub_when_too_many_come_then_refuses_by_key_tenant_and_process() -> None:
    """One key, then one tenant, are told to be fewer; when all is full the process says so."""
    limits = HubLimits(clients_max=4, tenant_clients_max=3, key_clients_max=2)
    metrics = Metrics()
    hub = ControlHub(metrics=metrics, limits=limits)
    hub.begin([0])
    first = [hub.join(key("a"), None), hub.join(key("a"), None)]
    with pytest.raises(Problem) as by_key:
        hub.join(key("a"), None)
    hub.join(key("b"), None)
    with pytest.raises(Problem) as by_tenant:
        hub.join(key("c"), None)
    assert [each.value.word for each in (by_key, by_tenant)] == ["too-many-streams"] * 2
    hub.join(key("d", "fm"), None)
    with pytest.raises(RecoverableError, match="no more streams"):
        hub.join(key("e", "am"), None)
    assert b"ncash_control_streams 4.0" in metrics.render()
    for each in first:
        hub.leave(each)
        hub.leave(each)
    hub.join(key("a"), None)
    assert b"ncash_control_streams 3.0" in metrics.render()


async def test_stream_when_a_client_resumes_then_misses_nothing_and_repeats_nothing() -> None:
    """From its place through what it missed to what comes, whatever is still under way."""
    past = [message(0, 3), message(1, 1), message(0, 4, tenant="fm"), message(0, 5)]
    hub = ControlHub(Past(past))
    hub.begin([6, 2])
    heard = Heard(hub, hub.join(key(), [4, 0]))
    hub.take([message(1, 2), message(0, 6)])
    for _ in range(4):
        await heard.next()
    assert heard.data == ["1/1", "0/5", "1/2", "0/6"]
    assert positions_from_text(heard.last_id, 2) == [7, 3]
    await heard.close()


async def test_stream_when_one_tenant_reads_its_past_slowly_then_another_reads_its_own() -> None:
    """Who takes nothing more of what it missed holds up its own tenant, nobody else's."""
    past = [message(0, 0), message(0, 1, tenant="fm")]
    hub = ControlHub(Past(past))
    hub.begin([2])
    slow = [Heard(hub, hub.join(key(f"k{each}"), [0])) for each in range(8)]
    for each in slow[: HISTORY_TURNS.per_tenant]:
        await each.next()
        await each.next()
    waiting = [asyncio.ensure_future(_two(each)) for each in slow[HISTORY_TURNS.per_tenant :]]
    other = Heard(hub, hub.join(key("o", "fm"), [0]))
    await _two(other)
    assert other.data == ["0/1"]
    assert not any(task.done() for task in waiting)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    for heard in [*slow, other]:
        await heard.close()


async def _two(heard: Heard) -> None:
    """Reads a stream's greeting and the piece behind it."""
    await heard.next()
    await heard.next()


async def test_stream_when_the_client_is_ahead_of_this_process_then_hears_only_what_is_new() -> (
    None
):
    """Another process had read further: what it sent is not sent again."""
    hub = ControlHub(Past())
    hub.begin([3])
    heard = Heard(hub, hub.join(key(), [5]))
    hub.take([message(0, each) for each in range(3, 7)])
    await heard.next()
    await heard.next()
    assert heard.data == ["0/5", "0/6"]
    await heard.close()


async def test_stream_when_a_client_is_slow_then_is_ended_and_resumes_without_a_gap() -> None:
    """A full buffer is not shortened; the place is before all that was not sent."""
    everything = [message(0, each) for each in range(20)]
    hub = ControlHub(Past(everything), limits=HubLimits(buffer_messages_max=5))
    hub.begin([0])
    slow = Heard(hub, hub.join(key(), None))
    await slow.next()
    hub.take(everything[:3])
    await slow.next()
    hub.take(everything[3:15])
    await slow.rest()
    assert (slow.data, slow.end) == (["0/0", "0/1", "0/2"], '{"reason":"too-slow"}')
    again = Heard(hub, hub.join(key(), positions_from_text(slow.last_id, 1)))
    while len(again.data) < 12:
        await again.next()
    hub.take(everything[15:18])
    await again.next()
    assert slow.data + again.data == [f"0/{each}" for each in range(18)]
    await again.close()


async def test_stream_when_a_buffer_is_full_in_bytes_then_is_ended_too() -> None:
    """Few large signals are as much as many small ones."""
    hub = ControlHub(limits=HubLimits(buffer_bytes_max=1_000))
    hub.begin([0])
    listener = hub.join(key(), None)
    hub.take([message(0, 0, size=900), message(0, 1, size=900)])
    assert listener.ended == "too-slow"
    assert listener.taken() == []


async def test_stream_when_nothing_comes_then_heartbeats_carry_the_place() -> None:
    """A quiet client's place moves on with what others were told."""
    hub = ControlHub(limits=HubLimits(heartbeat_ms=1))
    hub.begin([0])
    heard = Heard(hub, hub.join(key(), None))
    await heard.next()
    hub.take([message(0, each, tenant="fm") for each in range(9)])
    await heard.next()
    assert heard.comments == ["connected", "heartbeat"]
    assert positions_from_text(heard.last_id, 1) == [9]
    await heard.close()


@pytest.mark.parametrize("what", ["stop", "begin"])
async def test_stream_when_the_process_stops_or_loses_its_place_then_says_so(what: str) -> None:
    """Clients come again by themselves, with the place that they have."""
    hub = ControlHub()
    hub.begin([0])
    heard = Heard(hub, hub.join(key(), None))
    await heard.next()
    waiting = asyncio.create_task(heard.rest())
    await asyncio.sleep(0)
    if what == "stop":
        hub.stop()
    else:
        hub.begin([4])
    await waiting
    assert heard.end == ('{"reason":"stopping"}' if what == "stop" else '{"reason":"interrupted"}')
    if what == "stop":
        with pytest.raises(RecoverableError):
            hub.join(key(), None)


async def test_stream_when_the_past_cannot_be_read_then_is_ended_at_what_was_sent() -> None:
    """A hole in the middle is never stepped over."""
    hub = ControlHub(Past([message(0, 0)], is_broken=True))
    hub.begin([5])
    heard = Heard(hub, hub.join(key(), [0]))
    hub.take([message(0, 5)])
    await heard.rest()
    assert (heard.data, heard.end) == (["0/0"], '{"reason":"history-unread"}')
    assert positions_from_text(heard.last_id, 1) == [1]
