"""The contract of a store that is copied whole and made again, in memory and on a real Redis."""

from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis

from schemas.errors import CursorMoved, ShardHeld
from schemas.ids import ShardId
from shard.cursor import HELD, Cursor
from shard.port import HOLD_S, Changes, Field, Kind, WholeStore, evict_hash, ids_hash
from shard.redis_store import RedisStore

Make = Callable[[int], WholeStore]
FIRST = Cursor("c/t", 0, digest=b"12345678")
SECOND = Cursor("c/t", 1, digest=b"87654321")
MINE, THEIRS = HELD + b"mine", HELD + b"theirs"


async def whole(store: WholeStore, at: Cursor) -> dict[str, dict[bytes, bytes]]:
    """All that a store holds, slice by slice."""
    found: dict[str, dict[bytes, bytes]] = {}
    for name in await store.names():
        position = 0
        while True:
            position, part = await store.slice_at(name, position, at)
            found.setdefault(name, {}).update(part)
            if not position:
                break
    return found


async def test_store_when_copied_whole_then_every_hash_is_there(stores: Make) -> None:
    """Names have no cursor and nothing of the next shard in them; a large hash comes in slices."""
    store, other = stores(1), stores(11)
    many = {f"m{n}".encode(): b"%d" % n for n in range(3_000)}
    wallets: dict[Field, bytes] = dict(many.items())
    ids, gone = ids_hash("live", 5), evict_hash("live", 6)
    await store.apply(
        None, FIRST, Changes({Kind.WALLETS: wallets, ids: {b"\xff": b""}, gone: {"x": b"1"}})
    )
    await other.apply(None, FIRST, Changes({Kind.SESSIONS: {"s": b"1"}}))

    assert await whole(store, FIRST) == {
        Kind.WALLETS: many,
        ids: {b"\xff": b""},
        gone: {b"x": b"1"},
    }
    with pytest.raises(CursorMoved):
        await store.slice_at(Kind.WALLETS, 0, SECOND)


async def test_store_when_held_then_nobody_else_writes(stores: Make) -> None:
    """An owner waits, another who would make it again is refused, and what is put in is all."""
    store = stores(1)
    await store.apply(None, FIRST, Changes({Kind.WALLETS: {"old": b"1"}}))
    await store.hold(MINE)
    await store.hold(MINE)

    with pytest.raises(ShardHeld):
        await store.cursor()
    for expected in (None, FIRST):
        with pytest.raises(CursorMoved):
            await store.apply(expected, SECOND, Changes({Kind.WALLETS: {"b": b"1"}}))
        with pytest.raises(CursorMoved):
            await store.load_at({Kind.WALLETS: ["old"]}, expected)
    with pytest.raises(ShardHeld):
        await store.hold(THEIRS)
    with pytest.raises(CursorMoved):
        await store.clear(THEIRS)
    with pytest.raises(CursorMoved):
        await store.fill(THEIRS, Kind.WALLETS, {b"x": b"1"})
    with pytest.raises(CursorMoved):
        await store.release(THEIRS, SECOND)

    await store.clear(MINE)
    many = {b"f%d" % n: b"v" for n in range(5_000)}
    await store.fill(MINE, Kind.SESSIONS, many)
    await store.fill(MINE, Kind.RESULTS, {})
    await store.release(MINE, SECOND)
    assert await store.cursor() == SECOND
    assert await whole(store, SECOND) == {Kind.SESSIONS: many}
    with pytest.raises(CursorMoved):
        await store.fill(MINE, Kind.WALLETS, {b"x": b"1"})


async def test_store_when_released_without_a_cursor_then_is_as_new(stores: Make) -> None:
    """A shard of which no snapshot is there begins at the start of its log."""
    store = stores(1)
    await store.hold(MINE)
    await store.release(MINE, None)
    assert await store.cursor() is None
    await store.apply(None, FIRST, Changes())
    assert await store.cursor() == FIRST


async def test_redis_when_a_token_lapsed_then_another_takes_its_place(
    redis_client: Redis, command: Callable[..., Awaitable[object]]
) -> None:
    """Whoever was killed while making a shard again holds it up for a while, not for ever."""
    store = RedisStore(redis_client, ShardId(1))
    await store.hold(MINE)
    assert await command("PTTL", "{1}:held") in range(1, HOLD_S * 1_000 + 1)
    await command("DEL", "{1}:held")
    await store.hold(THEIRS)
    with pytest.raises(CursorMoved):
        await store.clear(MINE)
    await store.release(THEIRS, None)
    assert await command("EXISTS", "{1}:held") == 0
