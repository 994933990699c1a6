"""Framing, gathering, stamps and ticks of the HTTP path, on a Kafka at the port."""

import asyncio

import pytest

from ingest.collector import Collector, Overloaded
from ingest.framing import log_messages
from ingest.limits import EVENTS_PER_REQUEST_MAX, PENDING_BYTES_MAX, SHARES, IntakeLimits
from ingest.rate import RateLimit
from ingest.stamps import Stamps
from ingest.ticks import HttpTicks
from runtime.faults import TransportFault
from runtime.metrics import Metrics
from runtime.settings import Settings
from schemas.frames import EVENTS_PER_FRAME_MAX, FRAME_BYTES_MAX, UsageFrame, decode_record
from schemas.ids import LIVE, shard_of
from schemas.usage import UsageEvent
from tests.unit.ingest.fakes import NOW_MS, SHARDS, FakeClock, FakeKafka, usage_event


def _collector(kafka: FakeKafka, limits: IntakeLimits | None = None) -> Collector:
    return Collector(kafka, shards=SHARDS, limits=limits or IntakeLimits(), metrics=Metrics())


@pytest.mark.parametrize(("count", "filler"), [(0, 0), (1, 0), (10_000, 0), (200, 32)])
def test_frames_when_made_then_are_bounded_and_hold_each_shards_events_in_order(
    count: int, filler: int
) -> None:
    """No frame is over a limit; per shard the events come out as they went in."""
    events = [usage_event(number, filler=filler) for number in range(count)]
    by_shard: dict[int | None, list[UsageEvent]] = {}
    for message in log_messages("http", events, SHARDS):
        frame = decode_record(message.value)
        assert isinstance(frame, UsageFrame)
        assert len(message.value) <= FRAME_BYTES_MAX
        assert 0 < len(frame.events) <= EVENTS_PER_FRAME_MAX
        by_shard.setdefault(message.partition, []).extend(frame.events)
    for shard in range(SHARDS):
        expected = [each for each in events if shard_of("demo", each.subject, SHARDS) == shard]
        assert by_shard.get(shard, []) == expected


async def test_collector_when_idle_then_sends_concurrent_requests_together() -> None:
    """What comes in one turn of the loop leaves in one publish."""
    kafka = FakeKafka()
    collector = _collector(kafka)
    await asyncio.gather(*(collector.accept("http", [usage_event(n)]) for n in range(20)))
    assert len(kafka.calls) == 1
    assert len(kafka.events()) == 20


async def test_collector_when_a_publish_is_in_flight_then_gathers_the_next() -> None:
    """Requests behind a slow publish leave together, once it has landed or the linger is over."""
    kafka = FakeKafka(door=asyncio.Event())
    collector = _collector(kafka, IntakeLimits(linger_ms=60_000))
    first = asyncio.create_task(collector.accept("http", [usage_event()]))
    await kafka.taken.wait()
    others = [asyncio.create_task(collector.accept("http", [usage_event(n)])) for n in range(9)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(kafka.calls) == 1
    assert not first.done()
    assert kafka.door is not None
    kafka.door.set()
    await asyncio.gather(first, *others)
    assert len(kafka.events()) == 10
    assert len(kafka.calls) == 2


async def test_collector_when_enough_has_gathered_then_does_not_wait() -> None:
    """A full gathering flies beside the one in flight, up to the number of flights."""
    kafka = FakeKafka(door=asyncio.Event())
    collector = _collector(kafka, IntakeLimits(linger_ms=60_000, gather_events=3, flights_max=2))
    tasks: list[asyncio.Task[None]] = []
    for batch in range(3):
        events = [usage_event(number) for number in range(3)]
        tasks.append(asyncio.create_task(collector.accept("http", events)))
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(kafka.calls) == min(batch + 1, 2)
    assert kafka.door is not None
    kafka.door.set()
    await asyncio.gather(*tasks)
    assert len(kafka.events()) == 9


async def test_collector_when_kafka_fails_then_every_caller_is_told() -> None:
    """No caller of a failed publish believes that its events are safe."""
    kafka = FakeKafka(fails=True)
    collector = _collector(kafka)
    results = await asyncio.gather(
        *(collector.accept("http", [usage_event(n)]) for n in range(3)), return_exceptions=True
    )
    assert all(isinstance(result, TransportFault) for result in results)
    assert collector.failures == 1
    kafka.fails = False
    await collector.accept("http", [usage_event()])
    assert len(kafka.events()) == 1


async def test_collector_when_too_much_waits_then_takes_no_more() -> None:
    """Beyond the limit nothing is taken, and what was taken is still delivered."""
    kafka = FakeKafka(door=asyncio.Event())
    collector = _collector(kafka, IntakeLimits(pending_events_max=EVENTS_PER_REQUEST_MAX))
    full = [usage_event(number) for number in range(EVENTS_PER_REQUEST_MAX)]
    first = asyncio.create_task(collector.accept("http", full))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await collector.accept("http", [usage_event()])
    assert kafka.door is not None
    kafka.door.set()
    await first
    assert len(kafka.events()) == EVENTS_PER_REQUEST_MAX


def test_stamps_when_one_is_open_then_nothing_from_it_on_is_vouched_for() -> None:
    """The watermark stands before the oldest request in work, and stamps stay behind it."""
    clock = FakeClock()
    stamps = Stamps(clock.wall_ms)
    with stamps.taken() as first:
        clock.at_ms += 10
        with stamps.taken() as second:
            assert stamps.vouched() == first - 1
        assert second == first + 10
        assert stamps.vouched() == first - 1
        assert stamps.oldest_age_ms() == 10
    assert stamps.vouched() == second
    with stamps.taken() as third:
        assert third == second + 1


def test_stamps_when_the_clock_is_set_back_then_never_fall() -> None:
    """A clock that jumps back neither moves stamps back nor what was vouched for."""
    clock = FakeClock()
    stamps = Stamps(clock.wall_ms)
    assert stamps.vouched() == NOW_MS
    clock.at_ms -= 5_000
    with stamps.taken() as stamp:
        assert stamp == NOW_MS + 1
    assert stamps.vouched() == NOW_MS + 1


class _Ticking:
    """A ticker with all that it stands on."""

    def __init__(self) -> None:
        self.kafka = FakeKafka()
        self.clock = FakeClock()
        self.stamps = Stamps(self.clock.wall_ms)
        self.collector = _collector(self.kafka)
        self.ticks = HttpTicks(
            self.kafka,
            self.collector,
            self.stamps,
            instance="edge-1",
            shards=SHARDS,
            limits=IntakeLimits(stall_ms=1_000),
            now_ms=self.clock.wall_ms,
        )

    async def after(self, ms: int) -> None:
        self.clock.at_ms += ms
        await self.ticks.beat()

    def told(self) -> list[tuple[int | None, int]]:
        """From and to of each tick, relative to the start."""
        return [
            (None if tick.from_ms is None else tick.from_ms - NOW_MS, tick.to_ms - NOW_MS)
            for tick in self.kafka.ticks()
        ]


async def test_ticks_when_all_is_well_then_go_on_seamlessly_in_every_shard() -> None:
    """The first tick begins the membership, later ones go on, the last one leaves."""
    ticking = _Ticking()
    for ms in (0, 250, 0, 250):
        await ticking.after(ms)
    await ticking.ticks.leave()
    assert ticking.told() == [(0, 0), (None, 250), (None, 500), (None, 500)]
    first, *_, last = ticking.kafka.ticks()
    assert (first.domain, first.path, first.member) == (LIVE, "http", "edge-1")
    assert last.leave
    assert ticking.kafka.ticks(SHARDS - 1) == ticking.kafka.ticks(0)


@pytest.mark.parametrize("outage", ["tick", "events", "pause", "stuck"])
async def test_ticks_when_we_were_out_then_do_not_vouch_for_that_stretch(outage: str) -> None:
    """Failed ticks or events, a pause and a stuck request all leave a hole, not silence."""
    ticking = _Ticking()
    await ticking.after(0)
    if outage == "tick":
        ticking.kafka.fails = True
        await ticking.after(250)
        ticking.kafka.fails = False
        await ticking.after(250)
    elif outage == "events":
        ticking.kafka.fails = True
        with pytest.raises(TransportFault):
            await ticking.collector.accept("http", [usage_event()])
        ticking.kafka.fails = False
        await ticking.after(500)
    elif outage == "pause":
        await ticking.after(1_001)
    else:
        with ticking.stamps.taken():
            await ticking.after(750)
            await ticking.after(750)
        await ticking.after(250)
    start, *_, mended = ticking.told()
    assert start == (0, 0)
    assert mended[0] == mended[1] == ticking.clock.at_ms - NOW_MS
    await ticking.after(250)
    assert ticking.told()[-1] == (None, ticking.clock.at_ms - NOW_MS)


def test_rate_when_the_burst_is_used_up_then_tells_how_long_to_wait() -> None:
    """A burst passes, the next waits its share, and time alone pays it back."""
    limit = RateLimit(per_s=100, burst=200)
    assert limit.wait_us("k", 200, 0) == 0
    assert limit.wait_us("k", 50, 0) == 500_000
    assert limit.wait_us("other", 50, 0) == 0
    assert limit.wait_us("k", 50, 500_000) == 0
    assert RateLimit(per_s=0, burst=0).wait_us("k", 10**9, 0) == 0


def test_limits_when_a_full_request_could_never_pass_then_are_refused() -> None:
    """Limits that contradict each other stop the start."""
    with pytest.raises(ValueError, match="events_burst"):
        IntakeLimits(events_burst=EVENTS_PER_REQUEST_MAX - 1)
    with pytest.raises(ValueError, match="pending_events_max"):
        IntakeLimits(pending_events_max=EVENTS_PER_REQUEST_MAX - 1)
    with pytest.raises(ValueError, match="pending_bytes_max"):
        IntakeLimits(body_bytes_max=PENDING_BYTES_MAX // SHARES + 1)
    asked = Settings(body_bytes_max=PENDING_BYTES_MAX)
    assert IntakeLimits.from_settings(asked).tenant_bytes_max > PENDING_BYTES_MAX
