"""Judging elements where member tokens may be among them: in slices, by turns, within a time.

Invariant: whichever route the elements came by, a tenant's tokens are verified a slice at a time,
so that others' turn comes. It does not own what is judged (``ingest.intake``).
"""

import asyncio

from ingest.consent.gate import SLICE_EVENTS, ConsentGate, KeysWanted
from ingest.intake import Judged, judge
from ingest.limits import IntakeLimits
from runtime.keys import ApiKey
from schemas.errors import RecoverableError
from schemas.moment import SECOND_MS

PLACE = "http"


class Judging:
    """The judge of a collector's HTTP routes.

    Args:
        limits: The clock allowance, and how long tokens may take.
        consents: Judges member tokens; None takes none.
    """

    def __init__(self, limits: IntakeLimits, consents: ConsentGate | None) -> None:
        self._limits, self._consents = limits, consents

    async def judged(self, elements: list[bytes], key: ApiKey, received_at_ms: int) -> Judged:
        """The elements, judged; where tokens may be among them, in slices and within a time.

        Args:
            elements: Structured CloudEvents, each its own JSON text.
            key: Who sent them.
            received_at_ms: One stamp for all of them.

        Raises:
            RecoverableError: A token's keys cannot be had, or not in time.
        """
        if self._consents is None or not self._consents.takes_tokens(key.tenant):
            return self._judge(elements, key, received_at_ms)
        judged = Judged()
        try:
            async with asyncio.timeout(self._limits.verify_ms_max / SECOND_MS):
                for first in range(0, len(elements), SLICE_EVENTS):
                    some = elements[first : first + SLICE_EVENTS]
                    judged.extend(await self._slice(some, first, key, received_at_ms))
        except TimeoutError as error:
            raise RecoverableError(
                f"the request's member tokens were not verified within "
                f"{self._limits.verify_ms_max} ms; send the same again, in smaller requests"
            ) from error
        return judged

    async def _slice(
        self, elements: list[bytes], first: int, key: ApiKey, received_at_ms: int
    ) -> Judged:
        """Some elements, judged; once more where a token's key had to be fetched first."""
        assert self._consents is not None
        while True:
            try:
                async with self._consents.lane(key.tenant):
                    await asyncio.sleep(0)
                    return self._judge(elements, key, received_at_ms, first)
            except KeysWanted as wanted:
                await self._consents.ask(wanted)

    def _judge(
        self, elements: list[bytes], key: ApiKey, received_at_ms: int, first: int = 0
    ) -> Judged:
        return judge(
            elements,
            key,
            received_at_ms=received_at_ms,
            limits=self._limits,
            place=PLACE,
            consents=self._consents,
            first=first,
        )
