"""Whose turn it is to ask something dear: few at once, and no tenant in another's way.

Invariant: of one tenant at most ``per_tenant`` questions run and ``waiting_max`` wait, so what the
slow questions of one tenant hold up is that tenant's own. Turns are given in the order asked.
It does not own what is asked, nor how long it may take.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from api.limits import TurnLimits
from api.problems import Problem
from schemas.errors import RecoverableError
from schemas.moment import SECOND_MS


class NoTurn(RecoverableError):
    """Others asked so much that no turn came in time; nothing was asked."""


@dataclass(slots=True)
class _Own:
    """A tenant's turns, and how many of its questions run or wait."""

    turns: asyncio.Semaphore
    inside: int = 0


class Turns:
    """Gives turns to the tenants of one process."""

    def __init__(self, limits: TurnLimits) -> None:
        """Begin with all turns free.

        Args:
            limits: How many at once, for one tenant, and in waiting.
        """
        self._limits = limits
        self._free = asyncio.Semaphore(limits.at_once)
        self._own: dict[str, _Own] = {}

    @asynccontextmanager
    async def turn(self, tenant: str) -> AsyncGenerator[None]:
        """Hold a turn while the block runs.

        Args:
            tenant: Who asks; one of the key ring's.

        Raises:
            Problem: ``too-many-questions``: as many of this tenant wait as may.
            NoTurn: None came within ``wait_ms``.
        """
        limits = self._limits
        own = self._own.setdefault(tenant, _Own(asyncio.Semaphore(limits.per_tenant)))
        if own.inside >= limits.per_tenant + limits.waiting_max:
            raise Problem(
                "too-many-questions",
                f"{own.inside} questions of tenant {tenant!r} run or wait; ask fewer at once",
                headers={"Retry-After": str(limits.retry_after_s)},
            )
        own.inside += 1
        try:
            async with AsyncExitStack() as held:
                try:
                    async with asyncio.timeout(limits.wait_ms / SECOND_MS):
                        await held.enter_async_context(own.turns)
                        await held.enter_async_context(self._free)
                except TimeoutError as error:
                    raise NoTurn("too much is asked at once; ask again later") from error
                yield
        finally:
            own.inside -= 1
            if not own.inside:
                del self._own[tenant]
