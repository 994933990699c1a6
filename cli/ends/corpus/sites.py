"""Collectors as the corpus sees them: who is up, what nobody covers, what cannot be told yet.

Invariant: worked out from the plan of lives alone. A vanished collector of the HTTP path is waited
for during a grace; a raw partition for as long as it takes.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cli.ends.corpus.plan import BOTH, HTTP, KAFKA, SECOND_MS, HttpLife, RawLife, Window

BEAT_MS = 250
GRACE_MS = 10 * SECOND_MS
# A raw partition vouches for a second less than now, once a second.
RAW_BEHIND_MS = SECOND_MS
RAW_ROUND_MS = SECOND_MS


class Sites(NamedTuple):
    """All collectors of a scene."""

    collectors: tuple[HttpLife, ...]
    readers: tuple[RawLife, ...]

    def open_at(self, at_ms: int) -> list[HttpLife]:
        """Those that take requests, as a load balancer finds them."""
        return [life for life in self.collectors if life.opens_ms <= at_ms < life.closes_ms]

    def away(self) -> list[Window]:
        """Stretches in which a path, or a part of it, brings nothing."""
        return [*_gaps(self.collectors), *(each for life in self.readers for each in life.away)]


class Ways(NamedTuple):
    """By path: stretches that no tick covers, and stretches of which ticks cannot tell yet."""

    gaps: dict[str, list[Window]]
    stalls: dict[str, list[Window]]

    def due_ms(self, path: str, received_ms: int, timeout_ms: int) -> int:
        """When so much covered silence is over."""
        return max(self._due_on(each, received_ms, timeout_ms) for each in paths_of(path))

    def known_ms(self, path: str, due_ms: int) -> int:
        """The first moment from the due one on at which every path can tell."""
        blocked = [self.stalls[each] + self.gaps[each] for each in paths_of(path)]
        stalls = [stall for each in blocked for stall in each]
        at_ms, is_moved = due_ms, True
        while is_moved:
            later_ms = max((s.to_ms for s in stalls if s.holds(at_ms)), default=at_ms)
            is_moved, at_ms = later_ms > at_ms, later_ms
        return at_ms

    def _due_on(self, path: str, received_ms: int, timeout_ms: int) -> int:
        due_ms = received_ms + timeout_ms
        for gap in self.gaps[path]:
            if gap.to_ms > received_ms and gap.from_ms < due_ms:
                due_ms += gap.to_ms - max(gap.from_ms, received_ms)
        return due_ms


def paths_of(path: str) -> tuple[str, ...]:
    """The ingest paths that a session's own word for its path stands for."""
    return (HTTP, KAFKA) if path == BOTH else (path,)


def ways_of(sites: Sites, held: Iterable[Window]) -> Ways:
    """What the lives of collectors come to.

    Args:
        sites: Of the scene.
        held: When an HTTP collector had a request in work, from receipt to its end.
    """
    http = [*held]
    for life in sites.collectors:
        http += _stalls_of(life)
    raw = [
        Window(away.from_ms - RAW_BEHIND_MS - RAW_ROUND_MS, away.to_ms - RAW_BEHIND_MS)
        for reader in sites.readers
        for away in reader.away
    ]
    return Ways({HTTP: _gaps(sites.collectors), KAFKA: []}, {HTTP: http, KAFKA: raw})


def last_beat_ms(life: HttpLife, before_ms: int) -> int:
    """The last tick of a collector before a moment."""
    return life.opens_ms + (before_ms - 1 - life.opens_ms) // BEAT_MS * BEAT_MS


def next_beat_ms(life: HttpLife, from_ms: int) -> int:
    """Its first from a moment on."""
    return life.opens_ms - (life.opens_ms - from_ms) // BEAT_MS * BEAT_MS


def _stalls_of(life: HttpLife) -> Iterable[Window]:
    """Stretches in which the path waits for this one."""
    if not life.leaves:
        told_ms = last_beat_ms(life, life.closes_ms)
        yield Window(told_ms, told_ms + GRACE_MS)
    for refusal in life.refuses:
        told_ms = last_beat_ms(life, refusal.from_ms)
        yield Window(told_ms, min(told_ms + GRACE_MS, next_beat_ms(life, refusal.to_ms)))


def _gaps(lives: Sequence[HttpLife]) -> list[Window]:
    """Stretches in which no collector ticked at all."""
    spans: list[Window] = []
    for life in lives:
        from_ms = life.opens_ms
        for refusal in life.refuses:
            spans.append(Window(from_ms, last_beat_ms(life, refusal.from_ms)))
            from_ms = next_beat_ms(life, refusal.to_ms)
        spans.append(Window(from_ms, last_beat_ms(life, life.closes_ms)))
    gaps: list[Window] = []
    covered_ms = min(spans).to_ms
    for span in sorted(spans):
        if span.from_ms - covered_ms > BEAT_MS:
            gaps.append(Window(covered_ms, span.from_ms))
        covered_ms = max(covered_ms, span.to_ms)
    return gaps
