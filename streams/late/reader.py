"""The reader of the late path: looks up what shards put aside as late, and says what it found.

Owns: the rounds.
Invariant: it keeps nothing that matters. What was looked up twice, or by two readers, counts once,
since a shard takes each number once and in order; what a shard would not take is looked up again.
Does not own: what counts (``shard.verdicts``), questions (``warehouse.late``).
"""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

import structlog

from runtime.clock import Clock
from runtime.metrics import Metrics
from schemas.errors import NcashError, RecoverableError
from schemas.frames import LateVerdict
from streams.late.judging import in_turn, of_sessions, verdicts
from streams.late.ports import LateBooks, LateShards, VerdictLog, Waiting

ITEMS_PER_ROUND = 200
ITEMS_PER_SHARD_MIN = 10
# How long verdicts may be on their way into a shard before they are looked up again.
ANSWER_MS_MAX = 10_000
MS_PER_S = 1_000

_log = structlog.get_logger()


class _Said(NamedTuple):
    """What was said to a shard: up to which number, from which, and until when that is trusted."""

    first: int
    end: int
    until_ms: int


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
        self._said: dict[int, _Said] = {}

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
        first = self._first(waiting)
        if not first:
            return 0
        found = await asyncio.to_thread(self._look_up, first)
        if not found:
            return 0
        await self._log.append(found)
        self._metrics.count("ncash_late_verdicts_total", len(found))
        until_ms = self._clock.monotonic_ms() + ANSWER_MS_MAX
        ends = {shard: verdict.number + 1 for shard, verdict in found}
        for shard, end in ends.items():
            following, said = waiting[shard].next, self._said.get(shard)
            # While a shard does not move, saying more to it must not put off saying it again.
            goes_on = said is not None and said.first == following and first[shard] == said.end
            until = said.until_ms if said is not None and goes_on else until_ms
            self._said[shard] = _Said(following, end, until)
        return len(found)

    def _first(self, waiting: Mapping[int, Waiting]) -> dict[int, int]:
        """By shard, the number to go on with; shards that have all their verdicts are left out."""
        now_ms = self._clock.monotonic_ms()
        first: dict[int, int] = {}
        for shard, each in waiting.items():
            said = self._said.get(shard)
            # A shard that went back, or did not take what was said in time, is told again.
            is_trusted = said is not None and each.next >= said.first and now_ms < said.until_ms
            number = max(each.next, said.end) if said is not None and is_trusted else each.next
            if number < each.end:
                first[shard] = number
        return first

    def _look_up(self, first: Mapping[int, int]) -> list[tuple[int, LateVerdict]]:
        """Where the stream ends is read first: all else is then known at least up to there."""
        books = self._books
        reached = books.reached()
        wanted = {s: (number, reached[s]) for s, number in first.items() if s in reached}
        if not wanted:
            return []
        of_each = max(ITEMS_PER_SHARD_MIN, ITEMS_PER_ROUND // len(wanted))
        items = in_turn(books.late_items(wanted, of_each), wanted)
        if not items:
            return []
        applied = books.applied_names([item.event for item in items])
        used = of_sessions(items)
        return verdicts(items, reached, applied, books.sealed_lives(used) if used else ())
