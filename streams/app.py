"""The worker process: Faust consumes the shards' logs, owners do the rest.

Invariant: the only place of this room that builds objects. A fault of the environment ends the
process with a status other than 0, at once; whoever supervises it starts it again.
"""

import asyncio
import os
import re
import sys
from collections.abc import Mapping, Sequence

import faust
import structlog
import uvloop
from faust.types import TP

from runtime.catalogue import CatalogueBodies
from runtime.clock import SystemClock
from runtime.metrics import Metrics
from runtime.publisher import Publisher
from runtime.settings import Settings
from runtime.stop import install_stop
from schemas.errors import RecoverableError
from schemas.ids import ShardId
from shard.emission import LogRecord
from shard.redis_store import Client, RedisStore, check_redis, open_redis
from streams.legs.running import run_legs
from streams.outlet import KafkaOutlet
from streams.owner import ShardOwner
from streams.owners import Owners
from streams.patience import JitteredPatience
from streams.ports import Parts
from streams.published import PublishedEnds, log_identity
from streams.rate_usage import log_partition, rate_usage
from streams.retention import check_retention
from streams.snapshots.folder import SnapshotFolder
from streams.snapshots.restoring import Snapshots
from streams.snapshots.taking import SnapshotTaker
from streams.transport import LogTransport
from streams.watching import OwnerWatch

GROUP = "ncash-owners"
EXIT_FAULT = 70
START_TRIES_MAX = 60
START_RETRY_S = 1
STOP_S = 15
LAG_EVERY_S = 2
# A worker that was killed holds its shards up for this long.
SESSION_TIMEOUT_S = 6
HEARTBEAT_S = 1
REBALANCE_TIMEOUT_S = 20
REQUEST_TIMEOUT_S = 20
COMMIT_EVERY_S = 2
# Records that wait in memory per shard. Faust stops fetching at 4/5 of it, so one fetch more fits.
WAITING_RECORDS_MAX = 256
FETCH_RECORDS_MAX = 48
FETCH_BYTES_MAX = 1024 * 1024

# What Kafka allows as group.instance.id.
MEMBER_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")

_log = structlog.get_logger()


def run_worker(settings: Settings, *, metrics: Metrics | None = None) -> None:
    """Owns shards until the process is asked to stop; blocks.

    Args:
        settings: Of this process.
        metrics: Counts there, when somebody serves them.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_worker(settings, metrics=metrics))


async def serve_worker(
    settings: Settings, *, metrics: Metrics | None = None, stop: asyncio.Event | None = None
) -> None:
    """The same inside a running loop.

    Args:
        settings: Of this process.
        metrics: Counts there.
        stop: Set to stop; None installs the handlers of SIGTERM and SIGINT.
    """
    stop = stop or install_stop()
    worker = Worker(settings, metrics or Metrics())
    try:
        await worker.start()
        await worker.run(stop)
    except Exception as fault:  # noqa: BLE001 -- whatever it is, the process ends and is started anew
        _end(fault)
    await worker.close()


class Worker:
    """One worker process.

    Args:
        settings: Of this process.
        metrics: Counts there.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._client: Client = open_redis(settings.redis)
        self._publisher = Publisher(settings)
        self._bodies = CatalogueBodies(settings)
        self._ends = PublishedEnds(settings)
        self._watch = OwnerWatch(metrics, SystemClock())
        self._log_id = ""
        self._metrics = metrics
        self._is_ending = asyncio.Event()
        self._carrying: asyncio.Task[None] | None = None
        self._owners = Owners(self._store_of, self._owner_of, self._watch.left)
        self._app = _faust_app(settings)
        self._app.transport = LogTransport(
            self._app.conf.broker_consumer, self._app, positions=self._positions
        )
        rate_usage(self._app, self._take, _end)

    async def start(self) -> None:
        """Waits, bounded, for the services, checks them, and joins the group.

        Raises:
            RecoverableError: They cannot be reached.
            ShardStopped: They do not belong together or could lose state.
        """
        self._bodies.start()
        for tries in range(START_TRIES_MAX):
            try:
                self._log_id = await log_identity(self._settings)
                warnings = await check_redis(self._client, self._settings.shards)
                await check_retention(self._settings)
                break
            except RecoverableError as fault:
                if tries + 1 == START_TRIES_MAX:
                    raise
                _log.warning("waiting for services", fault=str(fault))
                await asyncio.sleep(START_RETRY_S)
        else:
            raise AssertionError("START_TRIES_MAX is at least 1")
        for warning in warnings:
            _log.warning(warning)
        await self._app.start()
        self._carrying = asyncio.create_task(
            run_legs(self._settings, self._metrics, self._is_ending, member=self._carrier())
        )

    def _carrier(self) -> str | None:
        name = _member_name(self._settings)
        return None if name is None else f"legs.{name}"

    async def run(self, stop: asyncio.Event) -> None:
        """Returns when asked to stop; ends the process when Faust crashed."""
        while not stop.is_set():
            if self._carrying is not None and self._carrying.done():
                raise RuntimeError("carrying legs ended") from self._carrying.exception()
            if self._app.crashed or self._app.should_stop:
                raise RuntimeError("Faust stopped by itself; its own lines say why")
            self._watch.lag(self._end_of)
            try:
                await asyncio.wait_for(stop.wait(), LAG_EVERY_S)
            except TimeoutError:
                continue

    async def close(self) -> None:
        """Leaves the group and closes everything; bounded, then the process ends all the same."""
        try:
            async with asyncio.timeout(STOP_S):
                self._is_ending.set()
                await self._app.stop()
                if self._carrying is not None:
                    await self._carrying
                await self._publisher.close()
                await self._bodies.close()
                await self._ends.close()
                await self._client.aclose()
        except TimeoutError as fault:
            _end(fault)

    def _store_of(self, shard: ShardId) -> RedisStore:
        return RedisStore(self._client, shard)

    def _snapshots_of(self, shard: ShardId) -> Snapshots:
        settings, store = self._settings, self._store_of(shard)
        folder = SnapshotFolder(settings.snapshots_folder, settings.snapshots_kept)
        every_ms = settings.snapshot_every_ms
        taker = SnapshotTaker(shard, store, folder, SystemClock(), every_ms) if every_ms else None
        return Snapshots(store, folder, taker)

    def _owner_of(self, shard: ShardId) -> ShardOwner:
        return ShardOwner(
            shard,
            Parts(
                log_id=self._log_id,
                seat=_Seat(self._app, self._ends, shard),
                store=self._store_of(shard),
                bodies=self._bodies.compiled,
                ends=self._ends,
                outlet=KafkaOutlet(self._publisher),
                watch=self._watch,
                patience=JitteredPatience(),
                snapshots=self._snapshots_of(shard),
            ),
        )

    async def _take(self, shard: ShardId, records: Sequence[LogRecord]) -> None:
        owner = self._owners.owner(shard)
        await owner.take(records)
        if owner.is_stopped:
            self._app.consumer.pause_partitions([log_partition(shard)])

    async def _positions(self, assigned: set[TP]) -> Mapping[TP, int]:
        shards = [ShardId(tp.partition) for tp in assigned]
        self._owners.keep(shards)
        found = await self._owners.positions(shards)
        return {log_partition(shard): offset for shard, offset in found.items()}

    def _end_of(self, shard: ShardId) -> int | None:
        place = log_partition(shard)
        consumer = self._app.consumer
        return consumer.highwater(place) if place in consumer.assignment() else None


class _Seat:
    """See ``streams.ports.LogSeat``."""

    def __init__(self, app: faust.App, ends: PublishedEnds, shard: ShardId) -> None:
        self._app = app
        self._ends = ends
        self._shard = shard

    async def bounds(self) -> tuple[int, int]:
        return await self._ends.log_bounds(self._shard)

    async def seek(self, offset: int) -> None:
        await self._app.consumer.seek_wait({log_partition(self._shard): offset})


class _App(faust.App):
    def _create_directories(self) -> None:
        """Nothing: there are no tables, so nothing of Faust's is kept on a disk."""


def _faust_app(settings: Settings) -> faust.App:
    return _App(
        GROUP,
        broker=[f"aiokafka://{host}" for host in settings.kafka.split(",")],
        store="memory://",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        reply_create_topic=False,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=_member_name(settings),
        broker_session_timeout=SESSION_TIMEOUT_S,
        broker_heartbeat_interval=HEARTBEAT_S,
        broker_rebalance_timeout=REBALANCE_TIMEOUT_S,
        broker_request_timeout=REQUEST_TIMEOUT_S,
        broker_commit_interval=COMMIT_EVERY_S,
        broker_max_poll_records=FETCH_RECORDS_MAX,
        consumer_max_fetch_size=FETCH_BYTES_MAX,
        stream_buffer_maxsize=WAITING_RECORDS_MAX,
        stream_wait_empty=False,
        producer_linger=0,
    )


def _member_name(settings: Settings) -> str | None:
    """The name by which a worker that was killed and started again gets its shards back at once.

    Without it the group waits for the dead one's session to time out. Only a name that somebody
    gave can be trusted to be of one process; the machine's may be of several.
    """
    name = f"worker.{settings.collector_instance}"
    is_given = "collector_instance" in settings.model_fields_set
    return name if is_given and MEMBER_NAME.fullmatch(name) else None


def _end(fault: BaseException) -> None:
    """Ends the process: a worker that lingers would hold its shards and do nothing."""
    _log.error("worker ends", exc_info=fault)
    sys.stderr.flush()
    os._exit(EXIT_FAULT)
