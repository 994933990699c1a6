"""The owner of one shard: takes records in log order; steps, publishes, applies, in this order.

Invariant: what is in memory is never trusted after a doubt. A failed comparison, a lost answer, a
store that went back: all are one case, drop it, read the cursor, go on from there.
It does not own rules (``shard.step``) nor how records are fetched (``streams.transport``).
"""

from collections.abc import Sequence
from time import perf_counter_ns

from schemas.errors import RecoverableError, ShardStopped
from schemas.frames import UsageFrame
from schemas.ids import ShardId
from shard.cursor import START_OFFSET, Cursor, record_digest
from shard.emission import LogRecord, Output
from shard.expiry import collect
from shard.loading import load_for, load_state
from shard.state import ShardState
from shard.step import step
from streams.batches import Item, batches
from streams.muted import Muted
from streams.ports import Done, Parts
from streams.snapshots.restoring import heal

# Records that may come between a seek and the record sought: what was on its way before.
STALE_MAX = 10_000


class ShardOwner:
    """Owns one shard while its log's partition is assigned to this process.

    Args:
        shard: Which.
        parts: What it works with.
    """

    def __init__(self, shard: ShardId, parts: Parts) -> None:
        self.shard = shard
        self.is_stopped = False
        self._parts = parts
        self._taker = None if parts.snapshots is None else parts.snapshots.taker
        self._state: ShardState | None = None
        self._muted: Muted | None = None
        self._place = Place()
        self._failures = 0

    async def take(self, records: Sequence[LogRecord]) -> None:
        """Takes records as they were read; returns when they are applied or will be read again.

        Retries for as long as it takes: meanwhile nothing more is taken, which is backpressure.

        Args:
            records: In the order read; repeats and what is older than a seek are left out.
        """
        offered = records
        while not self.is_stopped:
            try:
                state = self._state or await self._recover(offered[0].offset if offered else None)
                await self._work(state, offered)
            except ShardStopped as fault:
                self._doubt()
                self.is_stopped = True
                self._parts.watch.stopped(self.shard, fault)
            except RecoverableError as fault:
                self._doubt()
                self._parts.watch.reloading(self.shard, fault)
                await self._parts.patience.wait(self._failures)
                self._failures += 1
                # They are read again from wherever the cursor turns out to be.
                offered = ()
            except BaseException:
                self._doubt()
                raise
            else:
                self._failures = 0
                return

    def _doubt(self) -> None:
        self._state = None
        if self._taker is not None:
            self._taker.drop()

    async def _recover(self, offered: int | None) -> ShardState:
        """Loads the state, finds out what was said, and seeks the log to the cursor."""
        parts = self._parts
        if parts.snapshots is not None:
            await heal(parts.snapshots, self.shard, parts.log_id, parts.seat)
        state = await load_state(parts.store, self.shard, parts.log_id, parts.bodies)
        cursor = state.cursor
        if cursor.log != parts.log_id:
            raise ShardStopped(
                f"the stored state was made from log {cursor.log}, this is {parts.log_id}; point "
                "NCASH_KAFKA and NCASH_REDIS at services that belong together"
            )
        self._check_bounds(cursor.offset, *await parts.seat.bounds())
        self._muted = Muted(cursor, await parts.ends.published(self.shard, cursor))
        self._place = Place(cursor.offset)
        start = max(cursor.offset, 0)
        if offered != start:
            await parts.seat.seek(start)
        self._state = state
        return state

    def _check_bounds(self, offset: int, first: int, end: int) -> None:
        if offset == START_OFFSET:
            if first > 0:
                raise ShardStopped(
                    f"nothing is stored and the log begins at {first}, not at 0: what came before "
                    "is gone, and NCASH_SNAPSHOTS_DIR has no snapshot of this shard from which the "
                    "log can be read on; put one there (docs/rebuild.md)"
                )
        elif not first <= offset < end:
            raise ShardStopped(
                f"the cursor stands on record {offset}, the log has {first} to {end - 1}: the log "
                "lost its end or is another one; restore it, or a state that belongs to it"
            )

    async def _work(self, state: ShardState, records: Sequence[LogRecord]) -> None:
        fresh = self._place.fresh(records, state)
        for batch in batches(fresh):
            await self._apply(state, batch)
        if self._place.is_torn:
            self._place = Place(state.cursor.offset, self._place.hole)
            await self._parts.seat.seek(state.cursor.offset)

    async def _apply(self, state: ShardState, batch: list[Item]) -> None:
        parts = self._parts
        await collect(state, parts.store)
        await load_for(state, parts.store, [item.record for item in batch], parts.bodies)
        outputs: list[Output] = []
        started = perf_counter_ns()
        expected = state.stored
        for item in batch:
            outputs += step(state, item.log, item.record)
            while not state.cursor.is_done:
                # One slice is as much as one script may do.
                await self._commit(state, batch[:0], outputs, expected, started)
                outputs, started, expected = [], perf_counter_ns(), state.cursor
                outputs += step(state, item.log, item.record)
        await self._commit(state, batch, outputs, expected, started)
        # Only now: a slice in the middle must not forget what later records of the batch need.
        state.trim()
        if self._taker is not None:
            await self._taker.between(state.cursor)

    async def _commit(
        self,
        state: ShardState,
        batch: list[Item],
        outputs: list[Output],
        expected: Cursor | None,
        started: int,
    ) -> None:
        """Publishes, then applies, then tells."""
        parts = self._parts
        changes = state.take_changes()
        stepped = perf_counter_ns()
        unsaid = outputs if self._muted is None else self._muted.unsaid(outputs)
        if unsaid:
            await parts.outlet.publish(self.shard, unsaid)
        published = perf_counter_ns()
        if self._taker is not None:
            await self._taker.before(changes, expected)
        await parts.store.apply(expected, state.cursor, changes)
        applied = perf_counter_ns()
        frames = [item.record for item in batch if isinstance(item.record, UsageFrame)]
        live = [e.received_at_ms for f in frames for e in f.events[-1:] if not e.recorded]
        parts.watch.applied(
            self.shard,
            Done(
                records=len(batch),
                events=sum(len(frame.events) for frame in frames),
                outputs=len(unsaid),
                offset=state.cursor.offset,
                received_ms=max(live, default=-1),
                step_ns=stepped - started,
                publish_ns=published - stepped,
                apply_ns=applied - published,
                overdraft_micros=state.overdraft_micros,
            ),
        )


class Place:
    """Where in the log the owner is, whatever order a seek makes records come in.

    Args:
        offset: Of the record that the cursor stands on, which is read again first.
        hole: Two offsets with nothing between them, as seen before the last seek.
    """

    def __init__(self, offset: int = START_OFFSET, hole: tuple[int, int] | None = None) -> None:
        self.is_torn = False
        self.hole = hole
        self._last = offset
        self._is_sought = True
        self._stale = 0

    def fresh(self, records: Sequence[LogRecord], state: ShardState) -> list[LogRecord]:
        """Those records that come next, in order.

        After a seek all is left out until the record sought is there again. A hole between two
        offsets is believed only when a seek shows it again: else records may have been left out
        on the way, so ``is_torn`` asks for a seek.

        Raises:
            ShardStopped: The record that the cursor stands on is another one now.
            RecoverableError: The record sought did not come.
        """
        found: list[LogRecord] = []
        for log in records:
            if self._is_sought:
                if self._is_anchor(log, state):
                    found.append(log)
            elif log.offset > self._last:
                hole = (self._last, log.offset)
                if log.offset != self._last + 1 and hole != self.hole:
                    self.is_torn, self.hole = True, hole
                    break
                self._last = log.offset
                found.append(log)
        return found

    def _is_anchor(self, log: LogRecord, state: ShardState) -> bool:
        """Whether this record is the one sought, and is to be taken."""
        if log.offset != max(self._last, 0):
            self._stale += 1
            if self._stale > STALE_MAX:
                raise RecoverableError(f"record {self._last} did not come after a seek to it")
            return False
        self._is_sought = False
        if self._last == START_OFFSET:
            self._last = log.offset
            return True
        if record_digest(log.value) != state.cursor.digest:
            raise ShardStopped(
                f"record {log.offset} is not the one that the state was made from: this is another "
                "log; restore the log, or a state that belongs to it"
            )
        return not state.cursor.is_done
