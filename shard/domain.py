"""Clock domains of a shard: watermarks per ingest path, and stretches that nobody vouched for.

Invariant: a watermark never goes back, and a moment counts as silence only when the ticks of the
log cover it. So neither our lag nor our outage ends a healthy session.
Source: design, idea 7.
"""

import msgspec

from schemas.frames import HTTP_PATH, Tick
from schemas.ids import LIVE
from schemas.moment import HOUR_MS

GRACE_MS = 10_000
GAPS_MAX = 1_000
NEVER_MS = -(2**62)
NEVER_HOUR = NEVER_MS // HOUR_MS


class PathClock(msgspec.Struct, array_like=True):
    """One ingest path.

    Args:
        members: How far each member vouches, by name.
        covered_to_ms: The furthest any member ever vouched.
        watermark_ms: Up to here all is in the log.
    """

    members: dict[str, int]
    covered_to_ms: int
    watermark_ms: int


class DomainClock(msgspec.Struct, array_like=True):
    """One clock domain.

    Args:
        paths: Its ingest paths by name.
        gaps: Stretches (from, to] without cover, ascending, by path.
        id_spans: Hours [first, after) in which remembered ids were taken, ascending.
        hour: The furthest hour that the watermark reached.
        gone_hour: What happened, closed or was applied in hours before this one is forgotten.
        closed: By hour in which sessions last closed, the highest incarnation among them.
        expired: Hours before ``gone_hour`` whose closed sessions may still be in the store.
        ends: By hour of the watermark, the applied sequence that followed it.
        late_floor: A verdict counts only when looked up to here: what this shard had put out
            before and has forgotten since.
    """

    paths: dict[str, PathClock]
    gaps: dict[str, list[tuple[int, int]]]
    id_spans: list[tuple[int, int]]
    hour: int
    gone_hour: int
    closed: dict[int, int]
    expired: list[int]
    ends: dict[int, int]
    late_floor: int


def new_domain() -> DomainClock:
    """A domain that no tick has reached."""
    return DomainClock({}, {}, [], NEVER_HOUR, NEVER_HOUR, {}, [], {}, 0)


def advance(domain: DomainClock, tick: Tick) -> None:
    """Takes a tick in, changing the domain in place.

    A collector of the live HTTP path that vanished is dropped once the others are ``GRACE_MS``
    ahead of it. Partitions of the Kafka path are never dropped: what is in them is not lost.
    What one that begins anew leaves open is covered by another that goes on from before it, as
    far as the watermark has not passed it: a stretch is nobody's only when no collector took
    events in. Below the watermark gaps never become shorter, so what is watched for by their
    length is never looked at too late.
    """
    path = domain.paths.get(tick.path)
    if path is None:
        start_ms = tick.to_ms if tick.from_ms is None else tick.from_ms
        path = domain.paths[tick.path] = PathClock({}, start_ms, NEVER_MS)
    told_ms = path.members.get(tick.member)
    if tick.from_ms is not None and tick.from_ms > path.covered_to_ms:
        _note_gap(domain, tick.path, path.covered_to_ms, tick.from_ms)
    elif tick.from_ms is None and told_ms is not None and tick.path == HTTP_PATH:
        # A raw partition only proves that the topic kept what came, not that any could come.
        # What is certain stays so: ends were decided, and are watched for, by what it was.
        certain_ms = max(told_ms, path.watermark_ms)
        _cover(domain.gaps.get(tick.path, []), certain_ms, tick.to_ms)
    path.members[tick.member] = max(tick.to_ms, path.members.get(tick.member, NEVER_MS))
    path.covered_to_ms = max(path.covered_to_ms, tick.to_ms)
    if tick.path == HTTP_PATH and tick.domain == LIVE:
        floor_ms = path.covered_to_ms - GRACE_MS
        path.members = {name: to for name, to in path.members.items() if to >= floor_ms}
    path.watermark_ms = max(path.watermark_ms, min(path.members.values(), default=NEVER_MS))
    if tick.leave:
        path.members.pop(tick.member, None)


def _note_gap(domain: DomainClock, path: str, from_ms: int, to_ms: int) -> None:
    gaps = domain.gaps.setdefault(path, [])
    gaps.append((from_ms, to_ms))
    if len(gaps) > GAPS_MAX:
        # Together they are longer, never shorter: nobody is ended sooner than was said before.
        gaps[:2] = [(gaps[0][0], gaps[1][1])]


def _cover(gaps: list[tuple[int, int]], from_ms: int, to_ms: int) -> None:
    """Takes (from, to] out of the last gaps; those before it are none of its business."""
    if to_ms <= from_ms:  # a collector whose clock was set back went on over nothing
        return
    first = len(gaps)
    while first and gaps[first - 1][1] > from_ms:
        first -= 1
    for start_ms, end_ms in gaps[first:]:
        del gaps[first]
        left = ((start_ms, min(end_ms, from_ms)), (max(start_ms, to_ms), end_ms))
        kept = [(a, b) for a, b in left if a < b]
        gaps[first:first] = kept
        first += len(kept)


def watermark_of(domain: DomainClock, paths: tuple[str, ...]) -> int:
    """Up to when everything that these paths took in is in the log."""
    marks = [domain.paths[name].watermark_ms for name in paths if name in domain.paths]
    return min(marks) if len(marks) == len(paths) else NEVER_MS


def low_watermark(domain: DomainClock) -> int:
    """The watermark of the slowest path, or ``NEVER_MS`` before the first tick."""
    return min((path.watermark_ms for path in domain.paths.values()), default=NEVER_MS)


def uncovered_ms(domain: DomainClock, paths: tuple[str, ...], from_ms: int, to_ms: int) -> int:
    """How much of (from, to] no tick of these paths covers; the path with the most counts."""
    most = 0
    for name in paths:
        gaps = domain.gaps.get(name, ())
        most = max(most, sum(max(0, min(to_ms, b) - max(from_ms, a)) for a, b in gaps))
    return most
