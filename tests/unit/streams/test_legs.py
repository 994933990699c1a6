"""Carrying legs: what is committed is safe in its target's log, whatever fails."""

from collections.abc import Sequence

import pytest

from runtime.faults import TransportFault
from runtime.metrics import Metrics
from schemas.errors import RecoverableError, ShardStopped
from schemas.legs import Leg
from schemas.outputs import Stream
from streams.legs.carrying import LegCarrier
from streams.legs.feed import read_of
from streams.legs.ports import Read
from tests.support.bench_shard import Bench, send, top_up


def leg(number: int, target: int = 1) -> Leg:
    """A leg of shard 0."""
    return Leg(0, target, number, "send", "tv", "ann", "bob", 5, "KRW", f"0-{number}")


class Feed:
    """A feed of what it was given."""

    def __init__(self, *batches: Sequence[Read]) -> None:
        self._batches = [*batches]
        self.committed: list[tuple[int, int]] = []

    async def poll(self) -> Sequence[Read]:
        """See ``streams.legs.ports.LegFeed``."""
        return self._batches.pop(0) if self._batches else []

    async def commit(self, read: Sequence[Read]) -> None:
        """See ``streams.legs.ports.LegFeed``."""
        self.committed += [(each.partition, each.offset) for each in read]


class Log:
    """A log that may be down."""

    def __init__(self, *, is_down: bool = False) -> None:
        self.is_down = is_down
        self.taken: list[tuple[int, int]] = []

    async def append(self, legs: Sequence[Leg]) -> None:
        """See ``streams.legs.ports.LegLog``."""
        if self.is_down:
            raise TransportFault("down")
        self.taken += [(each.target, each.number) for each in legs]


async def test_legs_when_read_then_are_appended_in_order_before_their_place_is_committed() -> None:
    """Several messages, of several partitions, to several targets."""
    feed = Feed([Read(0, 4, [leg(0), leg(0, 2)]), Read(1, 9, [leg(1)])], [])
    log, metrics = Log(), Metrics()
    carrier = LegCarrier(feed=feed, log=log, metrics=metrics)
    assert (await carrier.round(), await carrier.round()) == (3, 0)
    assert log.taken == [(1, 0), (2, 0), (1, 1)]
    assert feed.committed == [(0, 4), (1, 9)]
    assert "ncash_legs_carried_total 3.0" in metrics.render().decode()


async def test_legs_when_the_log_is_down_then_nothing_counts_as_carried() -> None:
    """Whoever opens the feed again reads them again."""
    feed = Feed([Read(0, 4, [leg(0)])])
    carrier = LegCarrier(feed=feed, log=Log(is_down=True), metrics=Metrics())
    with pytest.raises(RecoverableError):
        await carrier.round()
    assert feed.committed == []


def test_message_when_a_shard_put_it_out_then_its_legs_are_read() -> None:
    """The bytes of the topic are those of the step."""
    bench = Bench()
    bench.feed(top_up(100), send(10), send(20, "s2", target=2))
    values = [out.value for out in bench.outputs if out.stream is Stream.LEGS]
    assert [read_of(0, at, value).legs for at, value in enumerate(values)] == [
        [each] for each in bench.legs()
    ]
    bench.close()


@pytest.mark.parametrize("value", [None, b"", b"\x01", b"\x02abc", b"\x01\x99" + b"\x00" * 40])
def test_message_when_it_cannot_be_read_then_its_place_is_told(value: bytes | None) -> None:
    """It is for an operator; nothing behind it is carried."""
    with pytest.raises(ShardStopped, match=r"shard.legs.v1\[3\]@7 cannot be read"):
        read_of(3, 7, value)
