"""One round at an endpoint: a batch of signals, each tried a few times, sessions side by side.

Invariant: of one session a signal is sent only after the one before it was delivered; a round is
bounded in time whatever the receiver does. It does not own what follows from a failure
(``pushing``).
"""

import asyncio
from collections.abc import Iterator, Sequence

from tenacity import AsyncRetrying, RetryError, retry_if_result, stop_after_attempt
from tenacity.wait import wait_random_exponential

from runtime.metrics import Metrics
from schemas.moment import SECOND_MS
from streams.webhooks.ports import Failed, Poster, Pushed, PushLimits

Place = tuple[int, int]
_SKIPPED = Failed("skipped", "not tried: others before it failed")
# What says nothing about the endpoint as a whole.
_NOT_THE_ENDPOINT = frozenset({"rejected", "skipped"})


class Rounds:
    """Rounds at one endpoint.

    Args:
        name: Of the endpoint, in metrics.
        poster: Makes one attempt.
        metrics: Counts.
        limits: See there.
    """

    def __init__(self, name: str, poster: Poster, metrics: Metrics, limits: PushLimits) -> None:
        self._name = name
        self._poster = poster
        self._metrics = metrics
        self._limits = limits

    async def deliver(self, signals: Sequence[Pushed]) -> dict[Place, Failed]:
        """Try all of them; returns those that failed, and those behind them in their sessions."""
        by_session: dict[tuple[str, str, str], list[Pushed]] = {}
        for signal in signals:
            by_session.setdefault(signal.about, []).append(signal)
        failed: dict[Place, Failed] = {}
        sessions = iter(by_session.values())
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._limits.sessions_at_once, len(by_session))):
                group.create_task(self._lane(sessions, failed))
        return failed

    async def _lane(
        self, sessions: Iterator[Sequence[Pushed]], failed: dict[Place, Failed]
    ) -> None:
        """Session after session, until so many have failed that the rest would as well."""
        for signals in sessions:
            if self._hopeless(failed):
                failed.update((each.place, _SKIPPED) for each in signals)
            else:
                await self._session(signals, failed)

    def _hopeless(self, failed: dict[Place, Failed]) -> bool:
        counted = [each for each in failed.values() if each.why not in _NOT_THE_ENDPOINT]
        return len(counted) >= self._limits.sessions_at_once

    async def _session(self, signals: Sequence[Pushed], failed: dict[Place, Failed]) -> None:
        fault: Failed | None = None
        for signal in signals:
            # One that is rejected for itself must not hold up those behind it.
            if fault is None or fault.why == "rejected":
                fault = await self._tried(signal)
                if fault is not None:
                    failed[signal.place] = fault
            else:
                failed[signal.place] = _SKIPPED

    async def _tried(self, signal: Pushed) -> Failed | None:
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._limits.attempts),
            wait=wait_random_exponential(
                multiplier=self._limits.backoff_ms / SECOND_MS,
                max=self._limits.backoff_ms_max / SECOND_MS,
            ),
            retry=retry_if_result(_may_pass),
        )
        try:
            outcome: Failed | None = await retrying(self._attempt, signal)
        except RetryError as error:
            last: Failed | None = error.last_attempt.result()
            return last
        return outcome

    async def _attempt(self, signal: Pushed) -> Failed | None:
        outcome = await self._poster.post(signal)
        if outcome is None:
            self._metrics.count("ncash_webhooks_delivered_total", endpoint=self._name)
        else:
            self._metrics.count("ncash_webhooks_failed_total", endpoint=self._name, why=outcome.why)
        return outcome


def _may_pass(outcome: Failed | None) -> bool:
    return outcome is not None and outcome.why != "gone"


def newest_only(signals: Sequence[Pushed]) -> list[Pushed]:
    """The last signal of each session, in their order: it says what the ones before it said."""
    last = {signal.about: signal.place for signal in signals}
    return [signal for signal in signals if last[signal.about] == signal.place]
