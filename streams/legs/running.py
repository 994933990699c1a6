"""Carrying legs as a worker process does: Kafka behind the ports, again and again.

Invariant: after any fault the feed is opened anew, at what was committed. A worker goes on owning
its shards while legs wait.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import structlog

from runtime.metrics import Metrics
from runtime.publisher import OutMessage, Publisher
from runtime.settings import Settings
from schemas.errors import NcashError, RecoverableError
from schemas.frames import encode_record
from schemas.legs import Leg
from schemas.topics import LOG_TOPIC
from streams import outlet
from streams.legs.carrying import LegCarrier
from streams.legs.feed import KafkaLegs

RETRY_S = 1

_log = structlog.get_logger()


async def run_legs(
    settings: Settings, metrics: Metrics, stop: asyncio.Event, *, member: str | None
) -> None:
    """Carries legs until asked to stop.

    Args:
        settings: Where Kafka is.
        metrics: Of the process.
        stop: Set to end.
        member: Name of the process in the group, or None.
    """
    while not stop.is_set():
        feed, publisher = KafkaLegs(settings.kafka, member), Publisher(settings)
        try:
            await LegCarrier(feed=feed, log=KafkaLegLog(publisher), metrics=metrics).run(stop)
        except RecoverableError as fault:
            _log.warning("legs wait", fault=str(fault))
            await asyncio.sleep(RETRY_S)
        except NcashError as fault:
            # For an operator; the shards of this process must go on.
            _log.error("legs wait for an operator", fault=str(fault))
            await asyncio.sleep(RETRY_S)
        finally:
            with suppress(RecoverableError):
                await feed.close()
            await publisher.close()


class KafkaLegLog:
    """See ``streams.legs.ports.LegLog``.

    Args:
        publisher: Closed by whoever made it.
    """

    def __init__(self, publisher: outlet.Publisher) -> None:
        self._publisher = publisher

    async def append(self, legs: Sequence[Leg]) -> None:
        """See ``streams.legs.ports.LegLog``."""
        await self._publisher.publish(
            [
                OutMessage(topic=LOG_TOPIC, partition=leg.target, value=encode_record(leg))
                for leg in legs
            ]
        )
