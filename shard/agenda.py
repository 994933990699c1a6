"""What is due at some moment of the log's time, of which no record names anybody.

Invariant: all of it is in memory, one moment a field; what comes due comes by moment, then by
field, whatever the order in which it was noted. It does not own what is done then
(``shard.renewing``, ``shard.waking``), nor storing.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence

from schemas.frames import Tick
from schemas.ids import LIVE
from shard.domain import DomainClock

NEVER_MS = 0
SPARE_MAX = 1_000


class Agenda:
    """Fields and when each is due."""

    def __init__(self) -> None:
        self._due: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []

    def take_in(self, dues: Iterable[tuple[str, int]]) -> None:
        """Puts in what was stored."""
        for field, due_ms in dues:
            self._due[field] = due_ms
            self._heap.append((due_ms, field))
        heapq.heapify(self._heap)

    def put(self, field: str, due_ms: int) -> None:
        """Notes when a field is due, in place of what was noted before."""
        if self._due.get(field) == due_ms:
            return
        self._due[field] = due_ms
        heapq.heappush(self._heap, (due_ms, field))
        if len(self._heap) > SPARE_MAX + 2 * len(self._due):
            # What is noted anew again and again leaves its old moments behind.
            self._heap = [(at_ms, each) for each, at_ms in self._due.items()]
            heapq.heapify(self._heap)

    def drop(self, field: str) -> bool:
        """Forgets a field; whether it was there."""
        return self._due.pop(field, None) is not None

    def at(self, field: str) -> int:
        """When a field is due."""
        return self._due[field]

    def clear(self) -> None:
        """Forgets all."""
        self._due.clear()
        self._heap.clear()

    def pop(self, mark_ms: int, most: int) -> Iterator[tuple[int, str]]:
        """What is due by a moment, the earliest first, at most so many.

        Whoever takes a field puts it for a later moment, or drops it, before taking the next.
        """
        given = 0
        while self._heap and self._heap[0][0] <= mark_ms and given < most:
            due_ms, field = heapq.heappop(self._heap)
            # What was dropped, or noted anew since, is due at another moment or not at all.
            if self._due.get(field) == due_ms:
                given += 1
                yield due_ms, field

    def may_pop(
        self, live: DomainClock | None, ticks: Sequence[Tick], commands: int, most: int
    ) -> list[str]:
        """Fields that ticks of the live clock may find due.

        Args:
            live: That clock, where it is known.
            ticks: Of a batch.
            commands: How many are in the batch: each may make room for another field.
            most: How many a tick takes.
        """
        moments = [tick.to_ms for tick in ticks if tick.domain == LIVE]
        reached = [] if live is None else [path.covered_to_ms for path in live.paths.values()]
        # No watermark will pass this.
        until_ms = max([*moments, *reached], default=NEVER_MS)
        if not moments or not self._heap or self._heap[0][0] > until_ms:
            return []
        due = [(due_ms, field) for field, due_ms in self._due.items() if due_ms <= until_ms]
        return [field for _, field in heapq.nsmallest(most * len(moments) + commands, due)]
