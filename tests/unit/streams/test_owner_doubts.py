"""The store changes under a running owner, who must load: never anything of another moment."""

import pytest

from schemas.frames import Record
from schemas.outputs import Stream, decode_output, transfers_of
from shard.memory_store import MemoryStore
from tests.support.bench_shard import event, frame, tick, top_up
from tests.unit.streams.world import World

QUIZ = 760_000_000


def purchase(second: int) -> Record:
    """One item, bought by two members in turn, so that either is away from memory for a while."""
    member = "ann" if second % 2 else "bob"
    bought = event("item.use", second, id=f"i{second}", item="quiz", subject=member, session=None)
    return frame(bought)


def workload() -> list[Record]:
    """Twelve purchases, the third of which is said again at the end."""
    records: list[Record] = [top_up(1000, "k1"), top_up(1000, "k2", member="bob"), tick(0)]
    return [*records, *(purchase(second) for second in range(1, 13)), purchase(3)]


def quizzes_paid(world: World) -> int:
    """Micro-won that members gave for quizzes, read once by sequence."""
    paid = 0
    for stream, _, _, _, value in world.chains():
        if stream is Stream.LEDGER:
            charges = [t for t in transfers_of(decode_output(value)) if t.scope.startswith("event")]
            paid -= sum(
                entry.amount_micros
                for transfer in charges
                for entry in transfer.entries
                if entry.account.startswith("member")
            )
    return paid


def copied(store: MemoryStore) -> MemoryStore:
    """The store as it is now, as a replica would keep it."""
    twin = MemoryStore()
    twin._cursor = store._cursor
    twin._hashes = {name: dict(fields) for name, fields in store._hashes.items()}
    return twin


@pytest.mark.parametrize("to", [9, 12, 15])
@pytest.mark.parametrize("fault", ["wiped", "went back", "second owner"])
async def test_owner_when_the_store_changes_before_a_load_then_says_nothing_from_it(
    fault: str, to: int
) -> None:
    """Wallets and ids of another moment are refused before anything is published from them."""
    expected = World(*workload())
    await expected.run(expected.owner())
    world = World(*workload())
    owner = world.owner()
    await world.run(owner, size=1, to=to - 3)
    earlier = copied(world.store)
    await world.run(owner, size=1, to=to)
    assert owner._state is not None
    owner._state.wallets.clear()
    if fault == "wiped":
        world.store = MemoryStore()
    elif fault == "went back":
        world.store = earlier
    else:
        world.position = 0
        await world.run(world.owner(), size=1, to=to + 1)
        world.position = to

    await world.run(owner, size=1)

    assert world.faults, "the load was to notice"
    assert not world.stops
    assert world.chains() == expected.chains()
    assert world.stored() == expected.stored()
    assert quizzes_paid(world) == 12 * QUIZ
