"""Wrong PINs counted in a real Redis: by member, address and key, also at once, for a window."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count

import pytest

from api.limits import TryLimits
from api.tries import Guesser, Tries, network_of
from schemas.errors import RecoverableError
from shard.redis_store import Client, open_redis

ANN = Guesser("tv", "ann", "desk", "192.0.2.1", "k")
NAMES = count()
LIMITS = TryLimits(member=3, address=5, key=8, window_ms=60_000)


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Client]:
    """Of an empty Redis."""
    made = open_redis(redis_url)
    await made.flushall()
    yield made
    await made.aclose()


async def wrong(tries: Tries, who: Guesser) -> bool:
    """One wrong PIN; whether it was looked for."""
    who = who._replace(name=f"k{next(NAMES)}")
    if await tries.take(who):
        return False
    await tries.settle(who, was_wrong=True)
    return True


async def test_tries_when_wrong_then_each_name_has_its_bound(client: Client) -> None:
    """The member's first, then the address's, then the key's; another tenant has its own."""
    tries = Tries(client, LIMITS)
    assert [await wrong(tries, ANN) for _ in range(4)] == [True, True, True, False]
    bob = ANN._replace(member="bob")
    assert [await wrong(tries, bob) for _ in range(3)] == [True, True, False]
    far = [ANN._replace(member=f"m{n}", address=f"198.51.100.{n}") for n in range(4)]
    assert [await wrong(tries, each) for each in far] == [True, True, True, False]
    assert await wrong(tries, far[3]._replace(key_id="other"))
    assert await wrong(tries, ANN._replace(tenant="fm"))


async def test_tries_when_the_api_starts_anew_then_they_are_still_counted(client: Client) -> None:
    """Until the window ends, which begins with the first."""
    for _ in range(3):
        assert await wrong(Tries(client, LIMITS), ANN)
    wait_ms = await Tries(client, LIMITS).take(ANN)
    assert 0 < wait_ms <= LIMITS.window_ms


async def test_tries_when_the_window_is_over_then_they_begin_anew(client: Client) -> None:
    """Redis lets go of what it counted: nothing is left behind."""
    tries = Tries(client, TryLimits(member=1, address=9, key=9, window_ms=40))
    assert await wrong(tries, ANN)
    deadline = asyncio.get_running_loop().time() + 10
    while await client.dbsize():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)
    assert await wrong(tries, ANN)


async def test_tries_when_right_then_nothing_is_counted(client: Client) -> None:
    """Many right ones, one after the other, are no guessing; nothing is kept of them."""
    tries = Tries(client, LIMITS)
    for _ in range(20):
        assert await tries.take(ANN) == 0
        await tries.settle(ANN, was_wrong=False)
    assert await client.dbsize() == 0


async def test_tries_when_taken_at_once_then_no_more_than_the_bound(client: Client) -> None:
    """What is not known yet counts; whoever has to wait for that waits shortly."""
    tries = Tries(client, LIMITS)
    waits = await asyncio.gather(*(tries.take(ANN._replace(name=f"k{n}")) for n in range(30)))
    assert sorted(waits)[:4] == [0, 0, 0, 1_000]
    taken = [ANN._replace(name=f"k{n}") for n, wait in enumerate(waits) if not wait]
    await tries.settle(taken[0], was_wrong=False)
    assert await tries.take(ANN) == 0


async def test_try_when_settled_again_or_never_taken_then_it_counts_once(client: Client) -> None:
    """Whoever asks again with a key learns nothing new, and pays nothing more."""
    tries = Tries(client, LIMITS)
    assert (await tries.take(ANN), await tries.take(ANN)) == (0, 0)
    for _ in range(9):
        await tries.settle(ANN, was_wrong=True)
        await tries.settle(ANN._replace(name="never"), was_wrong=True)
    assert [await wrong(tries, ANN) for _ in range(3)] == [True, True, False]


async def test_try_when_nobody_settles_it_then_it_counts_for_a_while(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outage that leaves answers unknown locks nobody out for a window."""
    monkeypatch.setattr("api.tries.FLIGHT_MS", 50)
    tries = Tries(client, LIMITS)
    for number in range(3):
        assert await tries.take(ANN._replace(name=f"k{number}")) == 0
    deadline = asyncio.get_running_loop().time() + 10
    while await tries.take(ANN):
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)


async def test_tries_when_refused_by_one_bound_then_the_others_lose_nothing(
    client: Client,
) -> None:
    """A member who waits does not use up the key's tries."""
    tries = Tries(client, LIMITS)
    for _ in range(30):
        await wrong(tries, ANN)
    others = [ANN._replace(member=f"m{n}", address=f"198.51.100.{n}") for n in range(5)]
    assert [await wrong(tries, each) for each in others] == [True] * 5


async def test_tries_when_redis_is_gone_then_nobody_guesses() -> None:
    """Without the count there is no try."""
    gone = open_redis("redis://127.0.0.1:1/0")
    with pytest.raises(RecoverableError, match="Redis"):
        await Tries(gone, LIMITS).take(ANN)
    await gone.aclose()


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_address_when_counted_then_a_household_is_one(address: str, network: str) -> None:
    """Of IPv6 everyone has 2^64."""
    assert network_of(address) == network
