"""The reader of the late path: looks up what shards put aside as late, and says what it found.

Owns: the rounds.
Invariant: it keeps nothing that matters. What was looked up twice, or by two readers, counts once,
since a shard takes each number once and in order; what a shard would not take is looked up again.
Does not own: what counts (``shard.verdicts``), questions (``warehouse.late``).
"""

import asyncio
from collections.abc import Mapping

import structlog

from runtime.clock import Clock
from runtime.metrics import Metrics
from schemas.errors import NcashError, RecoverableError
from schemas.frames import LateVerdict
from streams.late.judging import in_turn, of_sessions, verdicts
from streams.late.ports import LateBooks, LateShards, VerdictLog, Waiting
from streams.late.told import Told

ITEMS_PER_ROUND = 200
ITEMS_PER_SHARD_MIN = 10
MS_PER_S = 1_000

_log = structlog.get_logger()


class LateReader:
    """Gives late events their verdicts.

    Args:
        shards: What they wait for.
        books: What the warehouse knows.
        log: Where verdicts go.
        clock: For how long an answer is waited for.
        metrics: Where it is counted.
    """

    def __init__(
        self,
        *,
        shards: LateShards,
        books: LateBooks,
        log: VerdictLog,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._shards = shards
        self._books = books
        self._log = log
        self._clock = clock
        self._metrics = metrics
        self._told: dict[int, Told] = {}

    async def run(self, stop: asyncio.Event, *, poll_ms: int) -> None:
        """Rounds until asked to stop.

        Args:
            stop: Set by somebody else.
            poll_ms: Between two rounds, when there is nothing more to say now.
        """
        while not stop.is_set():
            try:
                if await self.round():
                    continue
            except RecoverableError as fault:
                _log.warning("late events wait", fault=str(fault))
            except NcashError as fault:
                # For an operator; the sinks beside it must go on.
                _log.error("late events wait for an operator", fault=str(fault))
            try:
                await asyncio.wait_for(stop.wait(), poll_ms / MS_PER_S)
            except TimeoutError:
                continue

    async def round(self) -> int:
        """One look at all shards.

        Returns:
            How many verdicts were put into the log.

        Raises:
            RecoverableError: A part cannot be reached; the next round does it again.
        """
        waiting = await self._shards.waiting()
        outstanding = sum(each.end - each.next for each in waiting.values())
        self._metrics.set("ncash_late_waiting", outstanding)
        sayable = self._sayable(waiting)
        if not sayable:
            return 0
        found = await asyncio.to_thread(self._look_up, sayable)
        if not found:
            return 0
        offsets = await self._log.append(found)
        self._metrics.count("ncash_late_verdicts_total", len(found))
        last = {
            shard: (verdict.number + 1, offset)
            for (shard, verdict), offset in zip(found, offsets, strict=True)
        }
        now_ms = self._clock.monotonic_ms()
        for shard, (end, offset) in last.items():
            self._told[shard].note(end, offset, now_ms)
        return len(found)

    def _sayable(self, waiting: Mapping[int, Waiting]) -> dict[int, range]:
        """By shard, the numbers to go on with; shards that were told enough are left out."""
        now_ms = self._clock.monotonic_ms()
        found = {
            shard: self._told.setdefault(shard, Told()).sayable(each, now_ms)
            for shard, each in waiting.items()
        }
        return {shard: numbers for shard, numbers in found.items() if numbers}

    def _look_up(self, sayable: Mapping[int, range]) -> list[tuple[int, LateVerdict]]:
        """Where the stream ends is read first: all else is then known at least up to there."""
        books = self._books
        reached = books.reached()
        wanted = {s: (numbers.start, reached[s]) for s, numbers in sayable.items() if s in reached}
        if not wanted:
            return []
        of_each = max(ITEMS_PER_SHARD_MIN, ITEMS_PER_ROUND // len(wanted))
        there = books.late_items(wanted, of_each)
        items = in_turn([item for item in there if item.number in sayable[item.shard]], wanted)
        if not items:
            return []
        applied = books.applied_names([item.event for item in items])
        used = of_sessions(items)
        return verdicts(items, reached, applied, books.sealed_lives(used) if used else ())
