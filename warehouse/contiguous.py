"""How far a stream's rows are in the warehouse without a gap.

Owns: reading ``sink_ranges``.
Invariant: the answer is the end of the contiguous ranges from the first one, never the maximum;
ranges written twice count once.
Does not own: writing ranges (streams.sinks).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from warehouse.port import Reader


@dataclass(frozen=True, slots=True)
class Reached:
    """How far one shard's stream is.

    Args:
        next: Sequence that is not there yet.
        chain: Hash after the one before it.
        resume_offset: Where its topic is read on.
    """

    next: int
    chain: bytes
    resume_offset: int


@dataclass(frozen=True, slots=True)
class Range:
    """One row of ``sink_ranges``, without its stream and shard."""

    first: int
    last: int
    chain: bytes
    resume_offset: int


def contiguous_end(ranges: Iterable[Range]) -> Reached | None:
    """Where the ranges stop being contiguous from 0 on, or None when nothing begins there.

    Args:
        ranges: In any order, with repeats.
    """
    reached: Reached | None = None
    for found in sorted(ranges, key=lambda one: (one.first, one.last)):
        expected = reached.next if reached else 0
        if found.first > expected:
            break
        if found.last + 1 > expected:
            reached = Reached(found.last + 1, found.chain, found.resume_offset)
    return reached


def reached_by(reader: Reader, stream: str) -> dict[int, Reached]:
    """How far each shard of a stream is; shards without rows are left out.

    Args:
        reader: The warehouse.
        stream: Topic of the stream.

    Raises:
        WarehouseUnavailable: No answer.
    """
    # One row per shard is enough while its ranges are whole: their lengths then add up to the
    # last end. Only where they do not, all of a shard's ranges are read.
    answer = reader.query(
        "SELECT shard, min(first), max(last), sum(last - first + 1), argMax(chain, last), "
        "argMax(resume_offset, last) FROM (SELECT DISTINCT shard, first, last, chain, "
        "resume_offset FROM sink_ranges WHERE stream = %(stream)s) GROUP BY shard ORDER BY shard",
        {"stream": stream},
    )
    found: dict[int, Reached] = {}
    for cells in answer.rows:
        shard, first, last, length, offset = (int(str(cells[at])) for at in (0, 1, 2, 3, 5))
        whole = first == 0 and length == last + 1
        end = (
            Reached(last + 1, bytes.fromhex(str(cells[4])), offset)
            if whole
            else contiguous_end(_ranges(reader, stream, shard))
        )
        if end is not None:
            found[shard] = end
    return found


def contiguous(reader: Reader, stream: str, shard: int) -> int:
    """The next sequence of a shard's stream that is not in the warehouse.

    Raises:
        WarehouseUnavailable: No answer.
    """
    reached = reached_by(reader, stream).get(shard)
    return 0 if reached is None else reached.next


def _ranges(reader: Reader, stream: str, shard: int) -> list[Range]:
    answer = reader.query(
        "SELECT DISTINCT first, last, chain, resume_offset FROM sink_ranges "
        "WHERE stream = %(stream)s AND shard = %(shard)s",
        {"stream": stream, "shard": shard},
    )
    return [
        Range(int(str(first)), int(str(last)), bytes.fromhex(str(chain)), int(str(offset)))
        for first, last, chain, offset in answer.rows
    ]
