"""Where sessions stand, read from the shards' state: what the HTTP answer to events tells.

Invariant: a read, bounded by the sessions asked for and by a time; it decides nothing, and events
that were taken a moment ago may not be in it yet.
"""

import asyncio
from collections.abc import Sequence

from api.ports import LiveState, Terms
from schemas.control import SessionRef, Standing
from schemas.errors import RecoverableError
from schemas.moment import SECOND_MS
from shard.standing import is_told, standing

READ_MS_MAX = 500


class LiveStandings:
    """See ``ingest.port.Standings``.

    Args:
        live: State of the shards.
        terms: Catalogue in force.
        read_ms_max: Longest wait for Redis.
    """

    def __init__(self, live: LiveState, terms: Terms, read_ms_max: int = READ_MS_MAX) -> None:
        self._live = live
        self._terms = terms
        self._read_ms_max = read_ms_max

    async def standings(self, tenant: str, names: Sequence[SessionRef]) -> list[Standing]:
        """See ``ingest.port.Standings``."""
        try:
            async with asyncio.timeout(self._read_ms_max / SECOND_MS):
                held = await self._live.held_sessions(tenant, names)
        except TimeoutError as error:
            raise RecoverableError(f"Redis did not answer within {self._read_ms_max} ms") from error
        terms = self._terms.tenant(tenant)
        return [standing(session, wallet, terms) for session, wallet in held if is_told(session)]
