"""The obvious Faust program on the same machine: how many events a second it takes.

Time runs from the warm-up's last debit to the last of all, by Redis' own count of commands. The
input lies ready in Kafka, on a stack of stores alone. A few more than there are may be debited:
what was not committed when its second worker came is done again. Invariant: balances in Redis are
compared with what the program's own table says was charged; the difference is its drift.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec
import psutil
import redis
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from rich.console import Console

from cli.bench.load import EVENTS_PER_BODY, Load, Shape
from cli.bench.machine import PROJECT
from cli.bench.market import bench_catalogue
from cli.bench.place import bench_folder
from cli.bench.usage import sample, used_us
from cli.settled import end_of
from cli.state_store import open_store
from runtime.embedded.stack import EmbeddedStack
from runtime.faults import TransportFault
from runtime.settings import Settings

PROGRAM = PROJECT / "bench" / "faust_baseline.py"
TOPIC = "baseline.usage"
TABLE_TOPIC = "baseline-baseline-sessions-changelog"
WALLETS = "baseline:wallets"
# Faust's default for topics and tables.
PARTITIONS = 8
WARM_UP_EVENTS = 4_000
WAIT_S = 300
SILENT_S = 120
POLL_S = 0.02
REST_S = 2
STOP_S = 10
LOG_CHARS = 2_000
WEB_PORT = 6_066
_US_PER_S = 1_000_000


class Baseline(NamedTuple):
    """What the obvious program did.

    Args:
        events: Measured.
        elapsed_ms: For these.
        worker_cpu_us: Of its workers.
        redis_cpu_us: Of Redis.
        kafka_cpu_us: Of the broker.
        workers: Processes.
        debits: Commands of Redis, warm-up counted.
        drift_micros: Between its table and the balances in Redis.
    """

    events: int
    elapsed_ms: int
    worker_cpu_us: int
    redis_cpu_us: int
    kafka_cpu_us: int
    workers: int
    debits: int
    drift_micros: int

    def answer(self) -> dict[str, object]:
        """As ``--json`` tells it."""
        events = max(1, self.events)
        return {
            **self._asdict(),
            "events_per_s": self.events * 1_000 // max(1, self.elapsed_ms),
            "worker_cpu_us_per_event": round(self.worker_cpu_us / events, 1),
            "redis_cpu_us_per_event": round(self.redis_cpu_us / events, 1),
            "kafka_cpu_us_per_event": round(self.kafka_cpu_us / events, 1),
        }


class _Keyed(msgspec.Struct):
    subject: str


def measured_baseline(shape: Shape, events: int, workers: int, console: Console) -> Baseline:
    """Runs the program on a fresh stack of stores.

    Args:
        shape: Of the load, which is the pipeline's, event by event.
        events: To measure, beside a warm-up.
        workers: Processes of the program.
        console: For people.

    Raises:
        NcashError: A store or the program did not come up, or it stood still.
    """
    console.print("Starting stores for the obvious Faust program")
    with (
        bench_folder() as folder,
        EmbeddedStack(folder / "stores", settings=_fresh_settings(folder)) as stack,
        closing(open_store(stack.settings.redis)) as store,
    ):
        total = _fill(stack.settings, shape, WARM_UP_EVENTS + events)
        catalogue = folder / "catalogue.json"
        catalogue.write_bytes(bench_catalogue(shape.contents))
        with _workers(stack.settings, catalogue, workers, folder) as running:
            console.print(f"  warm-up, then {total - WARM_UP_EVENTS:,} events")
            began, before = _reached(store, WARM_UP_EVENTS, running, folder), sample(stack)
            cpu_before = sum(map(_cpu_us, running))
            first = _debits(store)
            ended, after = _reached(store, total, running, folder), sample(stack)
            used = used_us(before, after)
            worker_us = sum(map(_cpu_us, running)) - cpu_before
            _at_rest(store)
        return Baseline(
            events=total - first,
            elapsed_ms=(ended - began) // 1_000_000,
            worker_cpu_us=worker_us,
            redis_cpu_us=used.get("redis", 0),
            kafka_cpu_us=used.get("kafka", 0),
            workers=workers,
            debits=_debits(store),
            drift_micros=_charged_micros(stack.settings) + _balance_micros(store),
        )


def _fresh_settings(folder: Path) -> Settings:
    """Settings that name no stores, so that all are started."""
    return Settings.model_validate({"data_dir": folder / "stores"})


def _fill(settings: Settings, shape: Shape, events: int) -> int:
    """Puts the load into the program's topic, an event a message, keyed by member."""
    admin: Any = AdminClient({"bootstrap.servers": settings.kafka, "log_level": 2})
    for done in admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)]).values():
        done.result()
    producer = Producer({"bootstrap.servers": settings.kafka, "linger.ms": 20})
    load, sent = Load(shape, time.time_ns() // 1_000_000), 0
    for body in load.bodies(-(-events // EVENTS_PER_BODY)):
        for event in msgspec.json.decode(body, type=list[msgspec.Raw]):
            key = msgspec.json.decode(event, type=_Keyed).subject.encode()
            producer.produce(TOPIC, bytes(event), key=key)
            sent += 1
        producer.poll(0)
    if producer.flush(WAIT_S):
        raise TransportFault(f"Kafka did not take the load into {TOPIC}")
    return sent


@contextmanager
def _workers(
    settings: Settings, catalogue: Path, count: int, folder: Path
) -> Generator[list["subprocess.Popen[bytes]"]]:
    told = {
        "BASELINE_KAFKA": settings.kafka,
        "BASELINE_REDIS": settings.redis,
        "BASELINE_CATALOGUE": str(catalogue),
    }
    running: list[subprocess.Popen[bytes]] = []
    try:
        for number in range(count):
            home = folder / f"faust-{number}"
            home.mkdir()
            with (home / "log").open("wb") as log:
                running.append(
                    subprocess.Popen(
                        [
                            sys.executable,
                            str(PROGRAM),
                            "worker",
                            "-l",
                            "warn",
                            "--web-port",
                            str(WEB_PORT + number),
                        ],
                        cwd=home,
                        env={**os.environ, **told},
                        stdout=log,
                        stderr=log,
                    )
                )
        yield running
    finally:
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for number in range(count):
            shutil.rmtree(folder / f"faust-{number}", ignore_errors=True)


def _reached(
    store: redis.Redis, debits: int, running: list["subprocess.Popen[bytes]"], folder: Path
) -> int:
    """Waits for so many debits; gives the monotonic clock then.

    Raises:
        TransportFault: The program ended or stood still.
    """
    last, moved_at = -1, time.monotonic()
    while (found := _debits(store)) < debits:
        now = time.monotonic()
        if found != last:
            last, moved_at = found, now
        if now - moved_at > SILENT_S or any(each.poll() is not None for each in running):
            logs = sorted(folder.glob("faust-*/log"))
            said = "".join(log.read_text(errors="replace")[-LOG_CHARS:] for log in logs)
            raise TransportFault(
                f"the obvious program stands at {found} of {debits} debits: {said}"
            )
        time.sleep(POLL_S)
    return time.monotonic_ns()


def _at_rest(store: redis.Redis) -> None:
    """Waits until nothing is debited: stopped between table and Redis it would look adrift."""
    last = -1
    while (found := _debits(store)) != last:
        last = found
        time.sleep(REST_S)


def _debits(store: redis.Redis) -> int:
    """How many debits Redis has done, by its own count."""
    found: dict[str, dict[str, int]] = cast("Any", store).info("commandstats")
    return int(found.get("cmdstat_hincrby", {"calls": 0})["calls"])


def _balance_micros(store: redis.Redis) -> int:
    values: list[bytes] = cast("Any", store).hvals(WALLETS)
    return sum(map(int, values))


def _charged_micros(settings: Settings) -> int:
    """What the table says was charged: the last of each session in its changelog."""
    sessions: dict[bytes, int] = {}
    for key, value in _messages(settings):
        sessions[key] = int(msgspec.json.decode(value)["charged"])
    return sum(sessions.values())


def _messages(settings: Settings) -> Iterator[tuple[bytes, bytes]]:
    reader = Consumer(
        {"bootstrap.servers": settings.kafka, "group.id": "baseline-check", "log_level": 3,
         "enable.auto.commit": False}
    )  # fmt: skip
    with closing(reader):
        for partition in range(PARTITIONS):
            place = TopicPartition(TABLE_TOPIC, partition, 0)
            end, last = end_of(reader, place), -1
            reader.assign([place])
            deadline = time.monotonic() + SILENT_S
            while last < end - 1:
                for message in reader.consume(1_000, timeout=0.2):
                    last = message.offset() or 0
                    yield message.key() or b"", message.value() or b"{}"
                    deadline = time.monotonic() + SILENT_S
                if time.monotonic() > deadline:
                    raise TransportFault(f"{TABLE_TOPIC}[{partition}] does not go on after {last}")


def _cpu_us(process: "subprocess.Popen[bytes]") -> int:
    times = psutil.Process(process.pid).cpu_times()
    return int((times.user + times.system) * _US_PER_S)
