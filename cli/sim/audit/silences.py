"""Time as a shard's log tells it: who vouches for what, and what nobody vouches for.

Invariant: shares nothing with ``shard.domain``. It does not own what silence means (``book``).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from schemas.frames import HTTP_PATH, Tick
from schemas.moment import HOUR_MS

GRACE_MS = 10_000
NEVER_HOUR = -(10**9)


@dataclass
class PathView:
    """One ingest path of the live clock.

    Args:
        begins_ms: From where it was first covered.
        told: By member, up to when it vouches.
        covered_ms: The furthest that anybody vouched for.
        mark_ms: Up to when all is in the log.
        holes: Stretches that nobody vouches for.
    """

    begins_ms: int
    told: dict[str, int] = field(default_factory=dict[str, int])
    covered_ms: int = 0
    mark_ms: int | None = None
    holes: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])


def _without(
    holes: Iterable[tuple[int, int]], from_ms: int, to_ms: int
) -> Iterator[tuple[int, int]]:
    """Holes less a stretch in which a collector went on taking events in."""
    to_ms = max(from_ms, to_ms)
    for begin, end in holes:
        if begin < min(end, from_ms):
            yield begin, min(end, from_ms)
        if max(begin, to_ms) < end:
            yield max(begin, to_ms), end


class Silences:
    """The live clock of one shard."""

    def __init__(self) -> None:
        self.paths: dict[str, PathView] = {}
        self.hour = NEVER_HOUR
        self.gone_hour = NEVER_HOUR

    def take(self, tick: Tick) -> None:
        """One tick."""
        path = self.paths.get(tick.path)
        if path is None:
            begins_ms = tick.to_ms if tick.from_ms is None else tick.from_ms
            path = self.paths[tick.path] = PathView(begins_ms, covered_ms=begins_ms)
        if tick.from_ms is not None and tick.from_ms > path.covered_ms:
            path.holes.append((path.covered_ms, tick.from_ms))
        if tick.from_ms is None and tick.path == HTTP_PATH and tick.member in path.told:
            # What all had vouched for is as it is: a collector set back changes nothing in it.
            known_ms = path.told[tick.member] if path.mark_ms is None else path.mark_ms
            from_ms = max(path.told[tick.member], known_ms)
            path.holes = list(_without(path.holes, from_ms, tick.to_ms))
        path.covered_ms = max(path.covered_ms, tick.to_ms)
        path.told[tick.member] = max(tick.to_ms, path.told.get(tick.member, tick.to_ms))
        if tick.path == HTTP_PATH:
            for member in [
                name for name, to_ms in path.told.items() if to_ms < path.covered_ms - GRACE_MS
            ]:
                del path.told[member]
        low_ms = min(path.told.values(), default=None)
        if low_ms is not None:
            path.mark_ms = low_ms if path.mark_ms is None else max(path.mark_ms, low_ms)
        if tick.leave:
            path.told.pop(tick.member, None)

    def mark_ms(self, names: Iterable[str]) -> int | None:
        """Up to when all that came by these paths is in the log; None while one is not heard of."""
        marks = [self.paths[name].mark_ms if name in self.paths else None for name in names]
        known = [mark for mark in marks if mark is not None]
        return min(known) if known and len(known) == len(marks) else None

    def low_ms(self) -> int | None:
        """The same for all paths that were ever heard of."""
        return self.mark_ms(self.paths)

    def pass_hours(self, horizon_ms: int) -> None:
        """After a tick: hours only go on, and what is the horizon behind is forgotten for good."""
        low_ms = self.low_ms()
        if low_ms is not None:
            self.hour = max(self.hour, low_ms // HOUR_MS)
            self.gone_hour = max(self.gone_hour, self.hour - horizon_ms // HOUR_MS)

    def uncovered_ms(self, names: Iterable[str], from_ms: int, to_ms: int) -> int:
        """How much of a stretch nobody vouches for, on the path that has most of it."""
        return max(
            sum(
                max(0, min(to_ms, end) - max(from_ms, begin))
                for begin, end in self.paths[name].holes
            )
            for name in names
        )
