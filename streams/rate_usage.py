"""The agent that rates usage: one actor per partition of the shards' log.

Invariant: a thin shell. It hands over all that waits and acknowledges it; what a record does is
decided in ``shard``, what becomes of it in ``streams.owner``.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, cast

from faust import App
from faust.types import TP, EventT, StreamT

from schemas.ids import ShardId
from schemas.topics import LOG_TOPIC
from shard.emission import LogRecord
from streams.batches import RECORDS_MAX

MS_PER_S = 1_000

Take = Callable[[ShardId, Sequence[LogRecord]], Awaitable[None]]


def rate_usage(app: App, take: Take, on_fault: Callable[[BaseException], None]) -> None:
    """Adds the agent to an app.

    Args:
        app: Faust's.
        take: Gives records to the owner of their shard.
        on_fault: Is told of a fault of the environment; the process is to end.
    """
    log = app.topic(
        LOG_TOPIC, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
    )

    @app.agent(log, isolated_partitions=True, name="rate_usage")
    async def _agent(stream: StreamT[bytes]) -> None:
        # Faust types it as a coroutine; it is an iterator.
        events: AsyncIterator[EventT[bytes]] = cast("Any", stream).events()
        async for first in events:
            waiting = _waiting(app, stream, first)
            shard = ShardId(first.message.partition)
            try:
                await take(shard, [_record(event) for event in waiting])
            except Exception as fault:  # noqa: BLE001 -- the one broad handler of the worker loop
                on_fault(fault)
                return
            for event in waiting[1:]:
                event.ack()


def _waiting(app: App, stream: StreamT[bytes], first: EventT[bytes]) -> list[EventT[bytes]]:
    """The first event, and all that wait behind it in the actor's own queue, up to a limit."""
    events = [first]
    # Faust types it as any iterator; an agent's stream has a topic, which has a queue.
    channel: Any = stream.channel
    queue = channel.queue
    generation = app.consumer_generation_id
    while len(events) < RECORDS_MAX and not queue.empty():
        event: EventT[bytes] = queue.get_nowait()
        if event.message.generation_id == generation:
            events.append(event)
    return events


def _record(event: EventT[bytes]) -> LogRecord:
    message = event.message
    # Faust tells seconds; milliseconds are exact in a float for some 285,000 years.
    stamp_ms = round(message.timestamp * MS_PER_S)
    return LogRecord(message.offset, stamp_ms, message.value or b"")


def log_partition(shard: ShardId) -> TP:
    """The partition that is a shard's log, as Faust names it."""
    return TP(LOG_TOPIC, shard)
