"""Wrong rules of silence, as patches: with each of them a target of the corpus is missed.

Invariant: a patch is the product's own code but for the one mistake.
"""

import pytest

from cli.ends import owning
from rating.merging import Added, merge
from rating.session import Session
from schemas.usage import UsageEvent
from shard import sessions, silence
from shard.domain import DomainClock

_read = owning._Owning._read


def timeout_by_event_time(patch: pytest.MonkeyPatch) -> None:
    """Silence is measured from when the sender says that something happened."""

    def merged(session: Session, event: UsageEvent, path: str) -> Added:
        added = merge(session, event, path)
        session.received_ms = session.last_ms
        return added

    patch.setattr(sessions, "merge", merged)


def timeout_by_the_owners_clock(patch: pytest.MonkeyPatch) -> None:
    """Silence is measured by the clock of whoever reads the log, whenever that is."""
    now_ms = [0]

    async def noted(self: owning._Owning, end: int) -> None:
        now_ms[0] = self._around.now_ms
        await _read(self, end)

    def mark(_: DomainClock, __: tuple[str, ...]) -> int:
        return now_ms[0]

    patch.setattr(owning._Owning, "_read", noted)
    patch.setattr(silence, "watermark_of", mark)
