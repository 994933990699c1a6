"""The pushers of all endpoints, as one process runs them.

Invariant: an endpoint whose URL may not be reached stops the start, by name; a fault that is ours
ends the process, and what was not committed is pushed again by the next one.
"""

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import AsyncExitStack

from runtime.clock import SystemClock
from runtime.metrics import Metrics
from runtime.settings import Settings
from runtime.webhooks import Endpoint, endpoints_from_file
from schemas.errors import InvalidDocument
from streams.webhooks.channels import Channel, channels_of
from streams.webhooks.feed import KafkaSignals
from streams.webhooks.guard import Guard
from streams.webhooks.ports import PushLimits
from streams.webhooks.posting import HttpPoster
from streams.webhooks.pushing import Pusher
from streams.webhooks.rounds import Rounds


class Webhooks:
    """All pushers.

    Args:
        settings: Kafka, the file of endpoints, allowed hosts and times.
        metrics: Of the process.
        limits: None takes the settings' and the rest as it is by default.
    """

    def __init__(
        self, settings: Settings, metrics: Metrics, limits: PushLimits | None = None
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._limits = limits or PushLimits(
            request_ms_max=settings.webhook_timeout_ms, give_up_ms=settings.webhook_give_up_ms
        )
        self._guard = Guard(settings.webhook_hosts_allowed)
        self._endpoints = _endpoints(settings, self._guard)
        self._pushers: list[Pusher] = []

    @property
    def is_ready(self) -> bool:
        """Whether every endpoint's group has begun: what is said from now on is pushed."""
        return bool(self._pushers) and all(each.has_begun for each in self._pushers)

    async def run(self, stop: asyncio.Event) -> None:
        """Push until asked to stop; requests under way are left, and pushed again next time."""
        tls = ssl.create_default_context()
        async with AsyncExitStack() as open_parts:
            wanted = [(each, way) for each in self._endpoints for way in channels_of(each)]
            for endpoint, channel in wanted:
                poster = HttpPoster(
                    endpoint, guard=self._guard, clock=SystemClock(), limits=self._limits, tls=tls
                )
                open_parts.push_async_callback(poster.close)
                self._pushers.append(self._pusher(endpoint, poster, channel))
            tasks = [asyncio.create_task(each.run()) for each in self._pushers]
            tasks.append(asyncio.create_task(_asked(stop)))
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await _end(tasks)

    def _pusher(self, endpoint: Endpoint, poster: HttpPoster, channel: Channel) -> Pusher:
        def feed() -> KafkaSignals:
            return KafkaSignals(self._settings.kafka, endpoint.id, self._limits.batch_max, channel)

        return Pusher(
            endpoint,
            feed=feed,
            rounds=Rounds(f"{endpoint.id}{channel.label}", poster, self._metrics, self._limits),
            clock=SystemClock(),
            metrics=self._metrics,
            limits=self._limits,
            channel=channel,
        )


def _endpoints(settings: Settings, guard: Guard) -> Sequence[Endpoint]:
    if settings.webhooks_file is None:
        raise InvalidDocument("NCASH_WEBHOOKS_FILE is not set; name a JSON list of endpoints")
    endpoints = endpoints_from_file(settings.webhooks_file)
    if not endpoints:
        raise InvalidDocument(f"webhooks file {settings.webhooks_file}: it names no endpoint")
    for endpoint in endpoints:
        try:
            guard.check_url(endpoint.url)
        except InvalidDocument as error:
            raise InvalidDocument(f"webhooks[{endpoint.id}].url: {error}") from error
    return endpoints


async def _asked(stop: asyncio.Event) -> None:
    await stop.wait()


async def _end(tasks: Sequence["asyncio.Task[None]"]) -> None:
    """Cancel what runs, and pass on the first fault of what ended by itself."""
    faults = [each.exception() for each in tasks if each.done() and not each.cancelled()]
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for fault in faults:
        if fault is not None:
            raise fault
