"""Members of the Kafka path and the shard's own clock: nobody speaks for what is still unread."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from ingest.framing import tick_messages
from ingest.joining import Joining, member_of
from runtime.publisher import OutMessage
from schemas.frames import KAFKA_PATH, Tick, decode_record
from schemas.ids import LIVE
from shard.domain import DomainClock, advance, new_domain, watermark_of

TOPIC = "usage.raw.v1"
SHARDS = 3
NOW_MS = 1_000_000
OLD_MS = 100_000


def _tick(partition: int, to_ms: int) -> list[OutMessage]:
    return tick_messages(Tick(LIVE, KAFKA_PATH, member_of(TOPIC, partition), None, to_ms), SHARDS)


def _take(clock: DomainClock, messages: Sequence[OutMessage], shard: int = 0) -> int:
    """One shard hears these messages; how far its Kafka path then is."""
    for message in messages:
        if message.partition == shard:
            tick = decode_record(message.value)
            assert isinstance(tick, Tick)
            advance(clock, tick)
    return watermark_of(clock, (KAFKA_PATH,))


def test_idle_partition_when_another_holds_a_backlog_then_does_not_speak_for_it() -> None:
    """On a first start the watermark waits for the partition whose old records are unread."""
    for shard in range(SHARDS):
        clock = new_domain()
        _take(clock, Joining(TOPIC, SHARDS).due(LIVE, (0, 1)), shard)
        assert _take(clock, _tick(1, NOW_MS), shard) < OLD_MS
        assert _take(clock, _tick(0, OLD_MS), shard) == OLD_MS
        assert not clock.gaps


def test_partition_when_added_later_then_is_waited_for() -> None:
    """Only the new one joins, and the path waits for it where it stands."""
    joining, clock = Joining(TOPIC, SHARDS), new_domain()
    _take(clock, joining.due(LIVE, (0,)))
    assert _take(clock, _tick(0, OLD_MS)) == OLD_MS
    joined = joining.due(LIVE, (0, 1))
    assert len(joined) == SHARDS
    assert _take(clock, joined) == OLD_MS
    assert _take(clock, _tick(0, NOW_MS)) == OLD_MS
    assert _take(clock, _tick(1, NOW_MS)) == NOW_MS
    assert joining.due(LIVE, (0, 1)) == []


def test_partitions_when_they_join_again_then_neither_fall_back_nor_leave_a_gap() -> None:
    """A collector that starts again, and one more of them, change nothing that was vouched for."""
    clock = new_domain()
    _take(clock, Joining(TOPIC, SHARDS).due(LIVE, (0, 1)))
    _take(clock, [*_tick(0, OLD_MS), *_tick(1, OLD_MS)])
    assert _take(clock, Joining(TOPIC, SHARDS).due(LIVE, (0, 1))) == OLD_MS
    assert _take(clock, [*_tick(0, NOW_MS), *_tick(1, NOW_MS)]) == NOW_MS
    assert not clock.gaps


def test_domains_when_several_then_each_is_joined_apart() -> None:
    """A recording's members join their own clock, whoever joined the live one."""
    joining = Joining(TOPIC, SHARDS)
    assert len(joining.due(LIVE, (0, 1))) == len(joining.due("recorded:web", (0, 1)))


@given(order=st.permutations([0, 0, 0, 1, 1, 1]), moved=st.booleans())
def test_collectors_when_they_share_the_topic_then_none_passes_the_slowest(
    order: list[int], *, moved: bool
) -> None:
    """However two collectors' records meet in a log, and though a partition changes hands."""
    first, second = Joining(TOPIC, SHARDS), Joining(TOPIC, SHARDS)
    said = {
        0: [first.due(LIVE, (0, 1)), _tick(0, OLD_MS), _tick(0, OLD_MS + 1)],
        1: [second.due(LIVE, (0, 1)), _tick(1, NOW_MS), _tick(0 if moved else 1, NOW_MS + 1)],
    }
    clock, slowest = new_domain(), {0: 0, 1: 0}
    for collector in order:
        messages = said[collector].pop(0)
        for message in messages:
            tick = decode_record(message.value)
            assert isinstance(tick, Tick)
            number = int(tick.member.rpartition("/")[2])
            slowest[number] = max(slowest[number], tick.to_ms)
        assert _take(clock, messages) <= min(slowest.values())
