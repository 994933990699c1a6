"""Silence while a shard replays what was published before: the same outputs are not said twice.

Invariant: an output is left out only when its stream already has it, and where what was published
ends, its chain hash must be the one that the replay arrives at.
"""

from collections.abc import Mapping, Sequence

from schemas.errors import ShardStopped
from schemas.outputs import STREAMS, Stream
from shard.cursor import Cursor, Head
from shard.emission import Output


class Muted:
    """Leaves out what is published already.

    Args:
        cursor: Where the replay begins.
        ends: The published end of each stream.

    Raises:
        ShardStopped: Less was published than the state says, or something else.
    """

    def __init__(self, cursor: Cursor, ends: Mapping[Stream, Head]) -> None:
        self._ends: dict[Stream, Head] = {}
        for stream in STREAMS:
            head, end = cursor.head(stream), ends[stream]
            if end.next < head.next:
                raise ShardStopped(
                    f"{stream} ends at {end.next}, the state was made with {head.next} published; "
                    f"{stream} has lost messages: restore it before this shard goes on"
                )
            if end.next == head.next:
                _compare(stream, end, head.chain)
            else:
                self._ends[stream] = end

    def unsaid(self, outputs: Sequence[Output]) -> Sequence[Output]:
        """The outputs that are not published yet.

        Raises:
            ShardStopped: What was published is not what the replay puts out.
        """
        if not self._ends:
            return outputs
        return [output for output in outputs if not self._is_said(output)]

    def _is_said(self, output: Output) -> bool:
        end = self._ends.get(output.stream)
        if end is None:
            return False
        if output.next > end.next:
            raise ShardStopped(
                f"{output.stream} ends at {end.next}, inside what one record puts out "
                f"({output.first} to {output.next}): it was written by other rules or another log"
            )
        if output.next == end.next:
            _compare(output.stream, end, output.chain_after)
            del self._ends[output.stream]
        return True


def _compare(stream: Stream, end: Head, chain: bytes) -> None:
    if end.chain != chain:
        raise ShardStopped(
            f"{stream} at {end.next} has chain {end.chain.hex()}, the replay {chain.hex()}: "
            "the same log gave another result; keep both and compare them"
        )
