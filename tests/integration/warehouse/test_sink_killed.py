"""Real Kafka, a real chDB, and a sink that is killed again and again: each row once."""

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from runtime.settings import Settings
from schemas.outputs import Item, Stream
from schemas.topics import INGEST_DEAD_TOPIC
from streams.sinks.source import SOURCES
from tests.unit.warehouse.samples import TENANT, OutputChain, cdr, letter, transfer, usage
from warehouse.audit import balances_at, rows_double, transfers_below
from warehouse.contiguous import reached_by
from warehouse.opening import open_warehouse
from warehouse.port import Reader, WarehouseUnavailable
from warehouse.statistics import usage_statistics

SHARDS = 4
RECORDS = 625
SEED = 20251124
KILLS = 6
WAIT_S = 60
PREFIX = "sinktest."
ROOT = Path(__file__).parents[3]


def _publish(kafka: str) -> dict[tuple[str, int], int]:
    """RECORDS messages of 1 to 7 items per shard and stream, every tenth published twice.

    Returns:
        How many items each shard of each stream has.
    """
    chance = random.Random(SEED)
    producer = Producer({"bootstrap.servers": kafka, "enable.idempotence": True, "linger.ms": 5})
    makers: dict[Stream, Callable[[int], tuple[Item, ...]]] = {
        Stream.LEDGER: lambda n: (transfer(f"m{n % 50}", 100),) * chance.randint(1, 7),
        Stream.APPLIED: lambda n: (usage(f"e{n}"), cdr(f"s{n}"), usage(f"f{n}")),
        Stream.DEAD: lambda n: (letter(f"e{n}"),),
    }
    ends: dict[tuple[str, int], int] = {}
    for stream, made in makers.items():
        for shard in range(SHARDS):
            chain = OutputChain(stream, shard, topic=PREFIX + stream)
            for number in range(RECORDS):
                value = chain.value(*made(number))
                for _ in range(2 if chance.random() < 0.1 else 1):
                    producer.produce(chain.topic, value, partition=shard)
                producer.poll(0)
            ends[chain.topic, shard] = chain.next
    for number in range(RECORDS):
        value = b"\x01" + msgspec.msgpack.encode(letter(f"x{number}"))
        producer.produce(PREFIX + INGEST_DEAD_TOPIC, value, partition=number % SHARDS)
    assert producer.flush(WAIT_S) == 0
    return ends


def _start(kafka: str, folder: Path, port: int) -> "subprocess.Popen[str]":
    script = Path(__file__).with_name("sink_process.py")
    with Path(folder, "sink.log").open("a", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, str(script), kafka, f"chdb://{folder}/chdb", PREFIX, str(port)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n", Path(folder, "sink.log").read_text("utf-8")
    return process


@pytest.mark.slow
def test_sink_when_killed_again_and_again_then_each_row_is_there_once(
    settings: Settings, tmp_path: Path
) -> None:
    """Whatever a kill tears apart, a restart completes it: none double, none missing."""
    topics = [PREFIX + source.topic for source in SOURCES]
    admin = AdminClient({"bootstrap.servers": settings.kafka})
    made = admin.create_topics(
        [NewTopic(topic, num_partitions=SHARDS, replication_factor=1) for topic in topics]
    )
    for answer in made.values():
        answer.result(WAIT_S)
    ends = _publish(settings.kafka)
    chance = random.Random(SEED)
    port = _free_port()
    for _ in range(KILLS):
        process = _start(settings.kafka, tmp_path, port)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0.1, 0.9))
        process.kill()
        process.wait()
    process = _start(settings.kafka, tmp_path, port)
    try:
        with closing(open_warehouse(f"http://127.0.0.1:{port}")) as reader:
            _wait_until_sunk(reader, ends)
            _assert_each_once(reader, ends)
    finally:
        process.terminate()
        assert process.wait(WAIT_S) == 0, Path(tmp_path, "sink.log").read_text("utf-8")


def _wait_until_sunk(reader: Reader, ends: dict[tuple[str, int], int]) -> None:
    letters = [(PREFIX + INGEST_DEAD_TOPIC, shard) for shard in range(SHARDS)]
    wanted = ends | {place: -(-(RECORDS - place[1]) // SHARDS) for place in letters}
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            found = {
                (topic, shard): reached.next
                for topic in {topic for topic, _ in wanted}
                for shard, reached in reached_by(reader, topic).items()
            }
        except WarehouseUnavailable:
            found = {}
        if found == wanted:
            return
        assert time.monotonic() < deadline, f"not within {WAIT_S} s: {found} of {wanted}"
        time.sleep(0.05)


def _assert_each_once(reader: Reader, ends: dict[tuple[str, int], int]) -> None:
    cuts = {shard: ends[PREFIX + Stream.LEDGER, shard] for shard in range(SHARDS)}
    transfers = sum(cuts.values())
    rows = {
        "usage_events": 2 * SHARDS * RECORDS,
        "cdrs": SHARDS * RECORDS,
        "ledger_entries": 3 * transfers,
        "charges": 2 * transfers,
        "dead_letters": SHARDS * RECORDS,
        "ingest_dead_letters": RECORDS,
    }
    for table, count in rows.items():
        assert reader.query(f"SELECT count() FROM {table}").rows == [[count]], table
    assert set(rows_double(reader).values()) == {0}
    for shard, end in cuts.items():
        below = transfers_below(reader, shard, end)
        assert (below.transfers, below.double, below.unbalanced) == (end, 0, 0)
    taken = -sum(balance.amount_micros for balance in balances_at(reader, cuts))
    [found] = usage_statistics(reader, tenant=TENANT, from_ms=0, to_ms=2**50)
    assert found.total_micros("KRW") == taken == transfers * 100


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])
