"""One partition of the raw topic as a member of the live Kafka path: what it may vouch for.

Invariant: it vouches for t only when every record appended at t or earlier was forwarded, and
what it vouches for never falls. Pure: offsets and times come in as arguments.
It does not own reading, committing or publishing.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class RawPartition:
    """Progress through one raw partition.

    Args:
        position: Offset behind the last record that was read and forwarded; -1 when unknown.
        appended_at_ms: Append time of the last forwarded record; None before the first.
        committed: Position that the group was told.
        told_ms: What the last tick vouched for.
    """

    position: int = -1
    appended_at_ms: int | None = None
    committed: int = -1
    told_ms: int | None = None
    _target: tuple[int, int] | None = None

    def forwarded(self, *, offset: int, appended_at_ms: int) -> None:
        """A record was delivered to the shards, and all before it."""
        self.position = max(self.position, offset + 1)
        self.appended_at_ms = max(self.appended_at_ms or 0, appended_at_ms)

    def reached_end(self, offset: int) -> None:
        """The broker said that nothing is behind this offset; markers in between do not count."""
        self.position = max(self.position, offset)

    def end_was(self, *, offset: int, asked_at_ms: int) -> None:
        """The partition's end, read after ``asked_at_ms`` less the skew of clocks."""
        # An unmet target is kept: replaced at every question, it would never be met under load.
        if self._target is None or self.position >= self._target[0]:
            self._target = (offset, asked_at_ms)

    def vouched(self) -> int | None:
        """The next tick's end, or None when there is nothing new to vouch for."""
        if self._target is not None and self.position >= self._target[0]:
            to_ms = self._target[1]
        elif self.appended_at_ms is not None:
            # Others may carry the same stamp as the last one.
            to_ms = self.appended_at_ms - 1
        else:
            return None
        return to_ms if self.told_ms is None or to_ms > self.told_ms else None
