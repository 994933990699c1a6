"""One process's part of a rebuild: restores shards and replays their tails, silently.

Invariant: nothing is published. The owner compares what it works out with what the ledger has, by
chain hash; at the first output that was never published it stops, since that is a worker's to say.
Where a worker owns the shard it replays the tail itself: the compare-and-write lets one of the two
go on, and this one then leaves it the shard.
"""

import asyncio
from collections.abc import Sequence
from contextlib import closing
from time import monotonic
from typing import NamedTuple

import structlog

from runtime.catalogue import CatalogueBodies
from runtime.settings import Settings
from schemas.errors import CursorMoved, NcashError, RecoverableError, ShardHeld
from schemas.ids import ShardId
from schemas.topics import LOG_TOPIC
from shard.cursor import START_OFFSET
from shard.emission import LogRecord, Output
from shard.port import HOLD_S
from shard.redis_store import RedisStore, open_redis
from streams.batches import RECORDS_MAX
from streams.owner import ShardOwner
from streams.ports import Done, Parts
from streams.published import PublishedEnds, log_identity
from streams.sinks.feed import KafkaFeed
from streams.snapshots.folder import Found, SnapshotFolder
from streams.snapshots.restoring import newest, restore

POLL_MS = 1_000
SILENT_POLLS_MAX = 30
TRIES_MAX = 5


class Rebuilt(NamedTuple):
    """What became of one shard.

    Args:
        shard: Which.
        snapshot: Name of the file that was restored; empty: from the log's beginning.
        start: Offset at which the tail began.
        end: Offset after the last record that the log had when this began.
        events: Usage events replayed here.
        is_left: Whether a worker does the rest.
        fault: Why it was not done; empty when it was.
    """

    shard: int
    snapshot: str = ""
    start: int = 0
    end: int = 0
    events: int = 0
    is_left: bool = False
    fault: str = ""


class _NotPublished(NcashError):
    """The tail goes on where nothing was published: a worker's to say."""


class _TakenOver(NcashError):
    """A worker owns the shard and replays it."""


class _Silence:
    """See ``streams.ports.Outlet``: says nothing."""

    async def publish(self, shard: ShardId, outputs: Sequence[Output]) -> None:
        raise _NotPublished(f"shard {shard}: {len(outputs)} outputs were never published")


class _Watch:
    """See ``streams.ports.Watch``."""

    def __init__(self) -> None:
        self.events = 0
        self.offset = -1
        self.fault = ""

    def applied(self, shard: ShardId, done: Done) -> None:  # noqa: ARG002 -- the port's
        self.events += done.events
        self.offset = done.offset

    def reloading(self, shard: ShardId, fault: Exception) -> None:  # noqa: ARG002 -- the port's
        if isinstance(fault, CursorMoved | ShardHeld):
            raise _TakenOver from fault

    def stopped(self, shard: ShardId, fault: Exception) -> None:  # noqa: ARG002 -- the port's
        self.fault = str(fault)


class _Patience:
    """See ``streams.ports.Patience``: a fault that does not pass ends the rebuild of the shard."""

    async def wait(self, failures: int) -> None:
        if failures >= TRIES_MAX:
            raise RecoverableError("Redis or Kafka did not answer; run it again")
        await asyncio.sleep(1)


class _Seat:
    """See ``streams.ports.LogSeat``: one partition, read by hand."""

    def __init__(self, feed: KafkaFeed, ends: PublishedEnds, shard: ShardId) -> None:
        self._feed = feed
        self._ends = ends
        self._shard = shard

    async def bounds(self) -> tuple[int, int]:
        return await self._ends.log_bounds(self._shard)

    async def seek(self, offset: int) -> None:
        self._feed.start({(LOG_TOPIC, self._shard): offset})

    async def records(self) -> list[LogRecord]:
        found = await asyncio.to_thread(self._feed.poll, RECORDS_MAX, POLL_MS)
        return [LogRecord(each.offset, each.timestamp_ms, each.value) for each in found]


def rebuild_shards(environment: dict[str, str], shards: Sequence[int]) -> list[Rebuilt]:
    """Rebuilds shards one after the other; the target of a process of its own.

    Args:
        environment: Settings, as ``Settings.model_dump(mode="json")`` says them.
        shards: Which.
    """
    return asyncio.run(_rebuild(Settings.model_validate(environment), shards))


async def _rebuild(settings: Settings, shards: Sequence[int]) -> list[Rebuilt]:
    # What the owners tell goes into the answer; progress is the parent's.
    structlog.configure(processors=[_unsaid])
    client, ends = open_redis(settings.redis), PublishedEnds(settings)
    bodies = CatalogueBodies(settings)
    bodies.start()
    done: list[Rebuilt] = []
    try:
        log_id = await log_identity(settings)
        for number in shards:
            shard = ShardId(number)
            with closing(KafkaFeed(settings.kafka)) as feed:
                watch, seat = _Watch(), _Seat(feed, ends, shard)
                store = RedisStore(client, shard)
                parts = Parts(
                    log_id, seat, store, bodies.compiled, ends, _Silence(), watch, _Patience()
                )
                done.append(await _Rebuild(shard, settings, parts, store, seat, watch).run())
    finally:
        await bodies.close()
        await ends.close()
        await client.aclose()
    return done


class _Rebuild(NamedTuple):
    """One shard's."""

    shard: ShardId
    settings: Settings
    parts: Parts
    store: RedisStore
    seat: _Seat
    watch: _Watch

    async def run(self) -> Rebuilt:
        """Restores, then replays."""
        answer = Rebuilt(self.shard)
        try:
            first, end = await self.seat.bounds()
            folder = SnapshotFolder(self.settings.snapshots_folder, self.settings.snapshots_kept)
            found = await newest(folder, self.shard, self.parts.log_id, (first, end))
            if found is None and first > 0:
                return answer._replace(
                    fault=f"the log begins at {first} and {folder.root} has no snapshot from which "
                    "it can be read on; put one of this shard there (docs/rebuild.md); nothing "
                    "was changed"
                )
            answer = answer._replace(end=end)
            if found is not None:
                answer = answer._replace(snapshot=found.path.name, start=found.cursor.offset)
            await self._restore(found)
            await self._replay(answer)
        except (_TakenOver, _NotPublished):
            return answer._replace(events=self.watch.events, is_left=True)
        except NcashError as fault:
            return answer._replace(events=self.watch.events, fault=str(fault))
        return answer._replace(events=self.watch.events, fault=self.watch.fault)

    async def _restore(self, found: Found | None) -> None:
        """Waits for as long as the token of somebody who was killed may stand in the way."""
        deadline = monotonic() + HOLD_S + 2
        while True:
            try:
                return await restore(self.store, self.shard, found)
            except ShardHeld:
                if monotonic() > deadline:
                    raise
                await asyncio.sleep(1)

    async def _replay(self, answer: Rebuilt) -> None:
        """Hands an owner the log up to its end of now."""
        owner, watch = ShardOwner(self.shard, self.parts), self.watch
        watch.offset = answer.start if answer.snapshot else START_OFFSET
        # With nothing to take it loads the state and seeks.
        await owner.take(())
        silent = 0
        while watch.offset < answer.end - 1 and not owner.is_stopped:
            records = await self.seat.records()
            silent = 0 if records else silent + 1
            if silent > SILENT_POLLS_MAX:
                raise RecoverableError(f"the log's records behind {watch.offset} did not come")
            await owner.take(records)


def _unsaid(_logger: object, _method: str, _event: structlog.typing.EventDict) -> str:
    raise structlog.DropEvent
