"""How long an owner waits before it tries again: twice as long each time, with chance in it.

Invariant: the wait is bounded; nothing that is published or stored depends on it.
"""

import asyncio
from secrets import randbelow

BACKOFF_MS_MIN = 50
BACKOFF_MS_MAX = 5_000
DOUBLINGS_MAX = 7


class JitteredPatience:
    """See ``streams.ports.Patience``."""

    async def wait(self, failures: int) -> None:
        """See ``streams.ports.Patience``."""
        doubled = BACKOFF_MS_MIN << min(failures, DOUBLINGS_MAX)
        # Jitter, so that shards that lost one Redis do not come back in step.
        await asyncio.sleep((min(doubled, BACKOFF_MS_MAX) // 2 + randbelow(doubled)) / 1_000)
