"""Whose turn it is in one shard's stream: the next part, a repeat, an early one, or a wrong one.

Owns: the expected sequence and chain, and the parts that came before their turn.
Invariant: parts leave it in order, each once; each continues the chain of the one before.
Does not own: Kafka, the warehouse, what a part holds.
"""

from schemas.errors import NcashError
from schemas.outputs import GENESIS
from streams.sinks.source import Part
from warehouse.contiguous import Reached

EARLY_PARTS_MAX = 1_000


class SinkStopped(NcashError):
    """One shard's stream contradicts what was sunk: it waits for an operator."""


class Progress:
    """One shard of one stream.

    Args:
        reached: How far the warehouse has it, or None when nothing is there.
        dense: Whether sequences have no holes.
    """

    def __init__(self, reached: Reached | None, *, dense: bool = True) -> None:
        self.next = reached.next if reached else 0
        self.resume_offset = reached.resume_offset if reached else 0
        self._chain = reached.chain if reached else GENESIS
        self._dense = dense
        self._early: dict[int, Part] = {}

    @property
    def waits(self) -> bool:
        """Whether something is missing that later parts wait for: an alarm."""
        return bool(self._early)

    def take(self, part: Part) -> list[Part]:
        """What may be written now that this part has come.

        Args:
            part: The topic's next message.

        Returns:
            Nothing for a repeat or an early part; else the part and those that waited for it.

        Raises:
            SinkStopped: It contradicts the chain, overlaps what was sunk, or too many parts wait
                for a missing one.
        """
        self.resume_offset = part.offset + 1
        if part.last < self.next:
            self._check_repeat(part)
            self._hold_resume()
            return []
        if part.first > self.next and self._dense:
            self._keep(part)
            return []
        taken = [self._advance(part)]
        while (early := self._early.pop(self.next, None)) is not None:
            taken.append(self._advance(early))
        self._hold_resume()
        return taken

    def reached(self) -> Reached:
        """How far this shard is once all that was handed out is written."""
        return Reached(self.next, self._chain, self.resume_offset)

    def _advance(self, part: Part) -> Part:
        if part.first < self.next:
            raise SinkStopped(f"{_name(part)} overlaps what was sunk up to {self.next}")
        if part.chain_before != self._chain:
            raise SinkStopped(f"{_name(part)} does not continue the chain of what was sunk")
        self.next = part.last + 1
        self._chain = part.chain_after
        return part

    def _keep(self, part: Part) -> None:
        if len(self._early) >= EARLY_PARTS_MAX:
            raise SinkStopped(f"{_name(part)}: {EARLY_PARTS_MAX} parts wait for {self.next}")
        self._early.setdefault(part.first, part)
        self._hold_resume()

    def _check_repeat(self, part: Part) -> None:
        if part.last + 1 == self.next and part.chain_after != self._chain:
            raise SinkStopped(f"{_name(part)} was sunk with another hash")

    def _hold_resume(self) -> None:
        """A restart must read again what only waits in memory."""
        for early in self._early.values():
            self.resume_offset = min(self.resume_offset, early.offset)


def _name(part: Part) -> str:
    return f"{part.stream}/{part.shard} [{part.first}, {part.last}] at offset {part.offset}"
