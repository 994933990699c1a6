"""The owner on lists: crashes, lost answers and lost stores end where an undisturbed run does."""

import random
from collections.abc import Callable

import pytest

from schemas.errors import ShardStopped
from schemas.frames import Record
from shard.memory_store import MemoryStore
from streams.batches import EVENTS_MAX, RECORDS_MAX, batches
from tests.support.bench_shard import event, frame, tick, top_up
from tests.unit.streams.world import World

MEMBERS = 4


def workload() -> list[Record]:
    """Top-ups, frames of four members' sessions, ticks that end some of them."""
    records: list[Record] = [top_up(500, f"k{m}", member=f"m{m}") for m in range(MEMBERS)]
    for second in range(1, 30):
        events = [
            event(
                "session.heartbeat",
                second,
                subject=f"m{m}",
                session=f"s{m}",
                id=f"e{m}-{second}",
            )
            for m in range(MEMBERS)
            if (second + m) % 7
        ]
        records.append(frame(*events))
        if second % 5 == 0:
            records.append(tick(second, from_s=0 if second == 5 else None))
    records.append(tick(60))
    return records


async def undisturbed() -> World:
    """The world after a run without any fault."""
    world = World(*workload())
    await world.run(world.owner())
    return world


def assert_same(world: World, expected: World) -> None:
    """Outputs read once by sequence, and the stored bytes, are the same."""
    assert not world.stops, world.stops
    assert world.chains() == expected.chains()
    assert world.stored() == expected.stored()


@pytest.mark.parametrize("size", [1, 2, 7, 1_000])
async def test_owner_when_records_come_in_groups_then_result_is_the_same(size: int) -> None:
    """How many records wait at once changes no byte."""
    expected = await undisturbed()
    world = World(*workload())

    await world.run(world.owner(), size=size)

    assert len(expected.chains()) > 30
    assert_same(world, expected)


@pytest.mark.parametrize("left", [0, 1, 2, 3])
@pytest.mark.parametrize("at", [0, 5, 20])
async def test_owner_when_publish_fails_half_way_then_nothing_is_lost_or_new(
    at: int, left: int
) -> None:
    """Messages that were there already are not said again, the others are."""
    expected = await undisturbed()
    world = World(*workload())
    owner = world.owner()
    await world.run(owner, to=at)

    world.fail_publish_after = left
    await world.run(owner)

    assert len(world.faults) == 1
    assert_same(world, expected)
    assert [out.value for out in world.said] == [out.value for out in expected.said]


@pytest.mark.parametrize("fault", ["before", "after"])
async def test_owner_when_apply_fails_then_it_goes_on_from_the_stored_cursor(fault: str) -> None:
    """A write that did not happen, and one whose answer was lost, are one case."""
    expected = await undisturbed()
    world = World(*workload())
    owner = world.owner()
    await world.run(owner, to=9)

    world.fail_apply = [fault, fault]
    await world.run(owner)

    assert len(world.faults) == 2
    assert_same(world, expected)


async def test_owner_when_another_takes_over_in_the_middle_then_both_end_alike() -> None:
    """A second owner goes on; the first notices by its comparison and goes on from there too."""
    expected = await undisturbed()
    world = World(*workload())
    first, second = world.owner(), world.owner()
    await world.run(first, to=8)
    await world.run(second, to=20)

    await first.take(world.log[8:11])
    await world.run(first)

    assert_same(world, expected)


async def test_owner_when_store_is_wiped_then_replay_is_silent_and_heals_it() -> None:
    """The log makes the same state again, and says nothing that was said."""
    expected = await undisturbed()
    world = World(*workload())
    await world.run(world.owner(), to=20)
    said = len(world.said)

    world.store = MemoryStore()
    world.position = 0
    await world.run(world.owner(), to=20)

    assert len(world.said) == said
    await world.run(world.owner())
    assert_same(world, expected)


async def test_owner_when_store_goes_back_in_time_then_it_notices_and_heals() -> None:
    """A store that lost its last second is replayed from where it stands."""
    expected = await undisturbed()
    world, older = World(*workload()), World(*workload())
    await older.run(older.owner(), to=10)
    owner = world.owner()
    await world.run(owner, to=25)

    world.store = older.store
    await world.run(owner)

    assert_same(world, expected)


@pytest.mark.slow
async def test_owner_when_faults_strike_at_random_then_result_is_the_same() -> None:
    """Many faults of all kinds, seeded, in one run."""
    expected = await undisturbed()
    for seed in range(20):
        chance = random.Random(seed)
        world = World(*workload())
        owner = world.owner()
        while world.position < len(world.log):
            match chance.randrange(6):
                case 0:
                    world.fail_publish_after = chance.randrange(4)
                case 1:
                    world.fail_apply = [chance.choice(["before", "after"])]
                case 2:
                    owner = world.owner()
                    world.position = chance.randrange(world.position + 1)
                case 3:
                    world.store = MemoryStore()
                case _:
                    pass
            await world.run(
                owner, size=chance.randint(1, 6), to=min(world.position + 6, len(world.log))
            )
        # What a wiped store still lacks comes with the next record.
        world.position = len(world.log) - 1
        await world.run(world.owner())
        assert_same(world, expected)


async def test_owner_when_a_record_is_missing_on_the_way_then_it_is_fetched() -> None:
    """A hole between offsets is not believed before a seek has shown it again."""
    expected = await undisturbed()
    world = World(*workload())
    owner = world.owner()
    await owner.take(world.log[:5])

    await owner.take(world.log[7:9])
    await world.run(owner)

    assert_same(world, expected)


async def test_owner_when_records_are_lost_behind_the_one_sought_then_it_fetches_them() -> None:
    """Nor is a hole believed because a seek came before it: the seek must show it."""
    expected = await undisturbed()
    world = World(*workload())
    await world.run(world.owner(), to=10)
    owner = world.owner()

    await owner.take([world.log[9], *world.log[13:16]])
    await world.run(owner)

    assert_same(world, expected)


async def test_owner_when_the_log_has_a_hole_then_it_goes_over_it() -> None:
    """Offsets without a record exist in Kafka; they are no loss."""
    world = World(*workload())
    del world.log[6]
    owner = world.owner()
    await owner.take(world.log[:6])
    assert world.seeks == 0

    await owner.take(world.log[6:9])
    assert world.seeks == 1
    await owner.take(world.log[5:])

    assert not world.stops
    assert world.done[-1].offset == world.log[-1].offset


def cut_log(world: World) -> None:
    """The log lost its end."""
    del world.log[3:]


def begin_later(world: World) -> None:
    """The log lost its start."""
    world.first = 11


def change_record(world: World) -> None:
    """The record under the cursor is another."""
    world.log[9] = world.log[8]._replace(offset=9)


def lose_output(world: World) -> None:
    """The last output is gone."""
    world.said.pop()


def change_output(world: World) -> None:
    """The last output is another."""
    world.said[-1] = world.said[-1]._replace(chain_after=b"x" * 16)


@pytest.mark.parametrize(
    ("break_it", "word"),
    [
        (cut_log, "lost its end"),
        (begin_later, "lost its end"),
        (change_record, "another log"),
        (lose_output, "lost messages"),
        (change_output, "chain"),
    ],
)
async def test_owner_when_log_and_state_contradict_then_the_shard_stops(
    break_it: Callable[[World], None], word: str
) -> None:
    """What nobody can mend by retrying waits for an operator, with the reason."""
    world = World(*workload())
    await world.run(world.owner(), to=10)

    break_it(world)
    owner = world.owner()
    await owner.take(world.log[:1])

    # The digest is looked at when the record comes again.
    if not owner.is_stopped:
        await owner.take(world.log[9:10])
    assert owner.is_stopped
    assert word in str(world.stops[0])


async def test_owner_when_nothing_is_stored_and_the_log_was_cut_then_the_shard_stops() -> None:
    """A replay from the middle would make other balances."""
    world = World(*workload())
    world.first = 4
    owner = world.owner()

    await owner.take(world.log[4:])

    assert owner.is_stopped
    assert "snapshot" in str(world.stops[0])


async def test_owner_when_a_record_cannot_be_read_then_those_before_it_are_applied() -> None:
    """An unknown version stops the shard, after all that could be read."""
    world = World(*workload())
    world.log[6] = world.log[6]._replace(value=b"\x63\x01")
    owner = world.owner()

    await world.run(owner, size=50)

    assert owner.is_stopped
    assert world.done[-1].offset == 5


def test_batches_when_much_waits_then_each_is_bounded_and_none_is_lost() -> None:
    """Limits cut; a frame over the limit of sessions is not added to others."""
    wide = frame(*(event("session.start", 1, session=f"w{n}", id=f"w{n}") for n in range(900)))
    many = [
        frame(*(event("session.start", 1, id=f"{n}-{k}") for k in range(100))) for n in range(50)
    ]
    world = World(*many, wide, *workload() * 10)

    cut = list(batches(world.log))

    assert [item.log for batch in cut for item in batch] == world.log
    assert len(cut[0]) == 1
    for batch in cut:
        assert len(batch) <= RECORDS_MAX
        events = sum(len(getattr(item.record, "events", ())) for item in batch)
        assert events <= EVENTS_MAX
    starts = [batch[0].record for batch in cut if any(each.record == wide for each in batch)]
    assert starts == [wide]


def test_batches_when_a_record_cannot_be_read_then_what_is_before_comes_first() -> None:
    """The error comes after the good records."""
    world = World(*workload())
    world.log[2] = world.log[2]._replace(value=b"?")
    cut = batches(world.log)
    assert len(next(cut)) == 1
    assert [item.log.offset for item in next(cut)] == [1]
    with pytest.raises(ShardStopped):
        next(cut)
