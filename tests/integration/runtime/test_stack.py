"""The embedded stack with a real Kafka and Redis: start, kills, restart on the same folder."""

import queue
import signal
from pathlib import Path
from typing import cast

import psutil
import pytest
import redis
from confluent_kafka.admin import AdminClient

from runtime.embedded.kafka import Detour
from runtime.embedded.parts import EventKind, PartEvent, PartSpec
from runtime.embedded.ports import free_port
from runtime.embedded.stack import EmbeddedStack
from runtime.faults import StackFault
from runtime.publisher import OutMessage, Publisher
from runtime.settings import Settings
from runtime.topics import ensure_topics
from schemas.errors import InvalidDocument
from schemas.topics import LOG_TOPIC

WAIT_S = 60
# The stores' part of the 1.8 GB that the whole idle stack may have.
STORES_BYTES_MAX = 500_000_000


class Events:
    """A stack's events, waited for without asking the clock."""

    def __init__(self) -> None:
        self.queue: queue.Queue[PartEvent] = queue.Queue()

    def wait_for(self, part: str, kind: EventKind) -> PartEvent:
        """Take events until this one comes."""
        while True:
            event = self.queue.get(timeout=WAIT_S)
            if (event.part, event.kind) == (part, kind):
                return event


def test_stack_when_up_then_serves_on_the_loopback_within_its_memory(stack: EmbeddedStack) -> None:
    """Every listening socket is on 127.0.0.1, and idle memory is bounded."""
    assert stack.parts() == ["kafka", "redis"]
    for name in stack.parts():
        sockets = psutil.Process(stack.pid(name)).net_connections("tcp")
        listening = {sock.laddr.ip for sock in sockets if sock.status == psutil.CONN_LISTEN}
        assert {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}, name
    assert sum(stack.resident_bytes().values()) < STORES_BYTES_MAX


def test_redis_when_started_then_never_evicts_and_keeps_a_file(settings: Settings) -> None:
    """The settings that money depends on are in force."""
    client = redis.Redis.from_url(settings.redis)
    wanted = {"maxmemory-policy": "noeviction", "appendonly": "yes", "appendfsync": "everysec"}
    # One at a time: Redis 6.2 takes no more.
    assert {name: client.config_get(name)[name] for name in wanted} == wanted
    client.close()


def test_topics_when_ensured_again_then_nothing_is_made(settings: Settings) -> None:
    """Making topics is idempotent."""
    assert ensure_topics(settings) == []


def test_topics_when_the_shard_count_changed_then_the_start_is_refused(settings: Settings) -> None:
    """Another NCASH_SHARDS on a Kafka that has data is refused with the mend."""
    with pytest.raises(InvalidDocument, match="NCASH_SHARDS=16"):
        ensure_topics(settings.model_copy(update={"shards": 8}))


def test_folder_when_a_stack_runs_on_it_then_another_is_refused(stack: EmbeddedStack) -> None:
    """Two stacks on one folder would ruin it; the second says who has it."""
    with pytest.raises(StackFault, match="in use by process"):
        EmbeddedStack(stack.data_dir).start()


def test_stack_when_servers_are_named_then_starts_none(
    stack: EmbeddedStack, tmp_path: Path
) -> None:
    """With external servers in the settings, the stack only makes what is missing there."""
    external = Settings(
        kafka=stack.settings.kafka, redis=stack.settings.redis, clickhouse="http://127.0.0.1:1"
    )
    with EmbeddedStack(tmp_path, settings=external) as other:
        assert other.parts() == []
        assert other.settings.kafka == stack.settings.kafka
        assert other.settings.clickhouse == "http://127.0.0.1:1"


@pytest.mark.slow
async def test_stack_when_killed_and_restarted_then_keeps_its_data(tmp_path: Path) -> None:
    """Redis and the broker come back from SIGKILL, and the folder from a restart, with all data."""
    events = Events()
    first = EmbeddedStack(tmp_path, on_event=events.queue.put)
    with first:
        await _write(first.settings, b"1")
        killed = first.kill("redis")
        assert events.wait_for("redis", "died").detail == "killed by SIGKILL"
        assert events.wait_for("redis", "up").restarts == 1
        assert first.pid("redis") not in {None, killed}
        assert _kept(first.settings) == [b"1"]
        first.kill("kafka", signal.SIGKILL)
        events.wait_for("kafka", "up")
        offset = await _write(first.settings, b"2")
        assert offset == 1
    ended = [event.part for event in list(events.queue.queue) if event.kind == "stopped"]
    assert sorted(ended) == ["kafka", "redis"]
    with EmbeddedStack(tmp_path) as again:
        assert again.settings == first.settings
        assert _kept(again.settings) == [b"1", b"2"]
        assert await _write(again.settings, b"3") == 2


@pytest.mark.slow
def test_part_when_halted_then_stays_away_until_it_is_resumed(tmp_path: Path) -> None:
    """The supervisor does not start it again by itself; it comes back with its data."""
    with EmbeddedStack(tmp_path) as stack:
        client = redis.Redis.from_url(stack.settings.redis)
        client.set("kept", b"1")
        stack.halt("redis")
        stack.halt("redis")
        assert (stack.pid("redis"), stack.is_up("redis")) == (None, False)
        assert stack.failures() == []
        stack.resume("redis")
        assert stack.is_up("redis")
        assert client.get("kept") == b"1"
        client.close()


@pytest.mark.slow
async def test_broker_when_it_has_a_detour_then_clients_that_come_by_it_are_told_it(
    tmp_path: Path,
) -> None:
    """The other listener goes on as usual, and parts run as they were adjusted."""
    port, told = free_port(), free_port()
    names: list[str] = []

    def adjust(part: PartSpec) -> PartSpec:
        names.append(part.name)
        return part

    detour = Detour("APART", port=port, told=told)
    with EmbeddedStack(tmp_path, detours=[detour], adjust=adjust) as stack:
        assert names == ["kafka", "redis"]
        assert await _write(stack.settings, b"1") == 0
        brokers = {
            address: AdminClient({"bootstrap.servers": address}).list_topics(timeout=WAIT_S).brokers
            for address in (stack.settings.kafka, f"127.0.0.1:{port}")
        }
    usual, apart = ([each.port for each in found.values()] for found in brokers.values())
    assert (usual, apart) == ([int(stack.settings.kafka.rpartition(":")[2])], [told])


async def _write(settings: Settings, value: bytes) -> int:
    """Put a value into Redis and into the log; give the log's offset."""
    client = redis.Redis.from_url(settings.redis)
    client.rpush("{0}:kept", value)
    client.close()
    publisher = Publisher(settings)
    [offset] = await publisher.publish([OutMessage(topic=LOG_TOPIC, partition=0, value=value)])
    await publisher.close()
    return offset


def _kept(settings: Settings) -> list[bytes]:
    """Read back what was put into Redis."""
    client = redis.Redis.from_url(settings.redis)
    kept = client.lrange("{0}:kept", 0, -1)
    client.close()
    return cast("list[bytes]", kept)
