"""Workers that are killed, doubled, and robbed of their Redis: the outcome is the log's alone."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from runtime.settings import Settings
from schemas.ids import ShardId, joined, shard_of
from schemas.outputs import Stream, decode_output, transfers_of
from shard.port import Kind
from shard.redis_store import RedisStore, open_redis
from tests.integration.streams.running import (
    WorkerProcess,
    assert_undisturbed,
    publish,
    read_once,
    wait_until_applied,
    workload,
)
from wallet.wallet import decode_wallet

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

Start = Callable[[str], WorkerProcess]


async def test_worker_when_it_runs_undisturbed_then_wallets_and_ledger_agree(
    settings: Settings, worker: Start
) -> None:
    """Top-ups and usage become contiguous entries, and Redis holds the sum of them."""
    await publish(settings, workload("calm", members=6, frames=5))
    running = worker("w1")
    await wait_until_applied(settings)

    assert running.stop() == 0
    assert await assert_undisturbed(settings) > 30
    balances: dict[str, int] = {}
    for shard in range(settings.shards):
        for said in read_once(settings, Stream.LEDGER, shard):
            for transfer in transfers_of(decode_output(said.value)):
                assert sum(entry.amount_micros for entry in transfer.entries) == 0
                for entry in transfer.entries:
                    if entry.balance_after_micros is not None:
                        known = balances.get(entry.account, 0) + entry.amount_micros
                        assert known == entry.balance_after_micros
                        balances[entry.account] = known
    client = open_redis(settings.redis)
    for number in range(6):
        member = f"calm-{number}"
        store = RedisStore(client, ShardId(shard_of("tv", member, settings.shards)))
        (value,) = (await store.load({Kind.WALLETS: [joined("tv", member)]}))[Kind.WALLETS]
        assert value is not None
        wallet = decode_wallet(value)
        assert wallet.cash_micros == balances[f"member/{member}/cash"]
    await client.aclose()


async def test_worker_when_killed_in_the_middle_then_the_next_goes_on(
    settings: Settings, worker: Start
) -> None:
    """Kill -9 twice while much waits; what was half published is not doubled."""
    await publish(settings, workload("killed", members=8, frames=60))
    for share in (0.3, 0.6):
        running = worker("w1")
        await wait_until_applied(settings, share=share)
        running.kill()
    worker("w1")
    await wait_until_applied(settings)

    assert await assert_undisturbed(settings) > 1_000


async def test_workers_when_one_joins_and_one_leaves_then_shards_move_without_loss(
    settings: Settings, worker: Start
) -> None:
    """Two workers share the shards; one is stopped, one killed, in the middle."""
    await publish(settings, workload("two", members=8, frames=60))
    first, second = worker("w1"), worker("w2")
    await wait_until_applied(settings, share=0.8)
    assert first.stop() == 0
    third = worker("w3")
    await publish(settings, workload("three", members=8, frames=40))
    await wait_until_applied(settings, share=0.9)
    second.kill()
    await wait_until_applied(settings)

    assert third.stop() == 0
    assert await assert_undisturbed(settings) > 1_000


async def test_worker_when_redis_is_wiped_in_the_middle_then_replay_heals_it(
    settings: Settings, worker: Start
) -> None:
    """The same worker notices, replays silently, and ends with the same bytes."""
    worker("w1")
    await publish(settings, workload("wiped", members=8, frames=30))
    await wait_until_applied(settings, share=0.9)
    client = open_redis(settings.redis)
    await client.execute_command("FLUSHALL")
    await client.aclose()
    await publish(settings, workload("healed", members=8, frames=2))
    await wait_until_applied(settings)

    assert await assert_undisturbed(settings) > 1_000


async def test_worker_when_redis_goes_back_in_time_then_it_is_brought_forward(
    settings: Settings, worker: Start
) -> None:
    """An older copy of all keys takes the place of the newer, as after a lost append-only tail."""
    worker("w1")
    await publish(settings, workload("older", members=8, frames=5))
    await wait_until_applied(settings)
    client = cast("Any", open_redis(settings.redis))
    copy = {key: await client.dump(key) for key in await client.keys("*")}
    await publish(settings, workload("newer", members=8, frames=20))
    await wait_until_applied(settings, share=0.95)
    async with client.pipeline(transaction=True) as together:
        together.flushall()
        for key, value in copy.items():
            together.restore(key, 0, value)
        await together.execute()
    await client.aclose()
    await publish(settings, workload("newest", members=8, frames=2))
    await wait_until_applied(settings)

    assert await assert_undisturbed(settings) > 1_000
