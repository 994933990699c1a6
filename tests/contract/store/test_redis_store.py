"""What only Redis can do wrong: forget scripts, run full, evict, hold another layout."""

from contextlib import suppress

import pytest
from redis.asyncio import Redis

from schemas.errors import RecoverableError, ShardStopped
from schemas.ids import ShardId
from shard.cursor import Cursor, encode_cursor
from shard.port import Changes, Kind
from shard.redis_store import RedisStore, check_redis, load_everywhere, open_redis
from tests.contract.store.conftest import Command

FIRST, SECOND = Cursor("c/t", 0), Cursor("c/t", 1)


async def test_apply_when_redis_forgot_the_script_then_it_is_sent_again(
    redis_client: Redis,
    command: Command,
) -> None:
    """A restarted or failed-over server knows no scripts."""
    store = RedisStore(redis_client, ShardId(1))
    await store.apply(None, FIRST, Changes({Kind.WALLETS: {"a": b"1"}}))
    await command("SCRIPT", "FLUSH")

    await store.apply(FIRST, SECOND, Changes({Kind.WALLETS: {"a": b"2"}}))

    assert await store.load({Kind.WALLETS: ["a"]}) == {Kind.WALLETS: [b"2"]}


@pytest.mark.parametrize("removed", [{}, {Kind.SESSIONS: ["s"]}])
async def test_apply_when_memory_is_full_then_all_or_nothing_is_written(
    redis_client: Redis, command: Command, removed: dict[str, list[str | bytes]]
) -> None:
    """Out of memory is backpressure; it never leaves half of a batch behind."""
    store = RedisStore(redis_client, ShardId(1))
    await store.apply(None, FIRST, Changes({Kind.SESSIONS: {"s": b"1"}}))
    await command("CONFIG", "SET", "maxmemory", "1")
    changes = Changes({Kind.WALLETS: {"a": b"1"}}, removed)

    with suppress(RecoverableError):
        await store.apply(FIRST, SECOND, changes)
    await command("CONFIG", "SET", "maxmemory", "0")

    cursor, wallets = await store.cursor(), await store.load_all(Kind.WALLETS)
    sessions = await store.load_all(Kind.SESSIONS)
    assert (cursor, wallets, sessions) in [
        (FIRST, {}, {b"s": b"1"}),
        (SECOND, {b"a": b"1"}, {}),
    ]


async def test_apply_when_a_key_is_of_another_kind_then_the_shard_stops(
    redis_client: Redis,
    command: Command,
) -> None:
    """Somebody else's data under our names is for an operator."""
    await command("SET", "{1}:wallets", "theirs")
    with pytest.raises(ShardStopped):
        await RedisStore(redis_client, ShardId(1)).load_all(Kind.WALLETS)


async def test_store_when_redis_is_away_then_the_error_is_recoverable() -> None:
    """A refused connection is a transport fault at once, without hidden retries."""
    client = open_redis("redis://127.0.0.1:1/0")
    store = RedisStore(client, ShardId(1))
    for answer in (
        store.cursor(),
        store.load({Kind.WALLETS: ["a"]}),
        store.load_all(Kind.WALLETS),
        store.apply(None, FIRST, Changes()),
    ):
        with pytest.raises(RecoverableError):
            await answer
    await client.aclose()


async def test_check_when_redis_is_fit_then_it_has_no_complaints(redis_client: Redis) -> None:
    """The number of shards is stored by the first and accepted from the next."""
    assert await check_redis(redis_client, 16) == []
    assert await check_redis(redis_client, 16) == []


async def test_check_when_the_shard_count_differs_then_it_refuses(redis_client: Redis) -> None:
    """Another count would send members to other shards."""
    await check_redis(redis_client, 16)
    with pytest.raises(ShardStopped, match="16 shards"):
        await check_redis(redis_client, 8)


async def test_check_when_redis_evicts_then_it_refuses(
    redis_client: Redis, command: Command
) -> None:
    """A Redis that drops keys under pressure would drop wallets."""
    await command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    with pytest.raises(ShardStopped, match="noeviction"):
        await check_redis(redis_client, 16)


async def test_check_when_nothing_is_appended_then_it_warns(
    redis_client: Redis, command: Command
) -> None:
    """Without an append-only file a restart costs a replay, not money."""
    await command("CONFIG", "SET", "appendonly", "no")
    warnings = await check_redis(redis_client, 16)
    assert len(warnings) == 1
    assert "append-only" in warnings[0]


async def test_field_when_loaded_everywhere_then_each_shard_answers_in_its_place(
    redis_client: Redis,
) -> None:
    """One round trip for all shards, with their cursors; those without them answer None."""
    for shard in (0, 2):
        changes = Changes({Kind.META: {"meta": bytes((shard, 255))}})
        await RedisStore(redis_client, ShardId(shard)).apply(None, FIRST, changes)
    found = await load_everywhere(redis_client, 4, Kind.META, "meta")
    stood, nothing = encode_cursor(FIRST), (None, None)
    assert found == [(stood, b"\x00\xff"), nothing, (stood, b"\x02\xff"), nothing]
