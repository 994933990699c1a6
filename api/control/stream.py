"""A client's stream of server-sent events: what it missed, then what comes, with heartbeats.

Invariant: each event's ``id:`` is the place behind it, so a client that comes again with the last
id it saw is sent the rest; signals of one session come in their order. The signal of an event is
the message of the control topic, unchanged. It does not own who may hear what (``hub``).
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import structlog
from fastapi.sse import format_sse_event
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from api.control.hub import ControlHub, ControlMessage, EndReason, Listener, PositionLost
from api.control.positions import Positions, text_from_positions
from schemas.errors import RecoverableError
from schemas.moment import SECOND_MS

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
END_EVENT = "end"

_log = structlog.get_logger()


class ControlResponse(StreamingResponse):
    """The answer that lasts.

    FastAPI's own kind of it wants a generator for a route, whose end it does not tell; a stream
    has to leave the hub, so this one is a response.

    Args:
        hub: Where the listener is; it leaves when the answer ends, however it ends.
        listener: The client.
    """

    media_type = "text/event-stream"

    def __init__(self, hub: ControlHub, listener: Listener) -> None:
        super().__init__(events_for(hub, listener), headers=HEADERS)
        self._hub = hub
        self._listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._hub.leave(self._listener)

    async def stream_response(self, send: Send) -> None:
        """Send, and give up on a client that takes nothing: its connection is closed."""
        patience_s = self._hub.limits.send_ms_max / SECOND_MS

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(patience_s):
                await send(message)

        try:
            await super().stream_response(send_in_time)
        except TimeoutError:
            self._listener.end("too-slow")
            _log.info("control stream closed", key=self._listener.key.id, reason="too-slow")


async def events_for(hub: ControlHub, listener: Listener) -> AsyncGenerator[bytes]:
    """The bytes of a stream, in whole events; ends when the listener is ended."""
    place = _Place(listener.start)
    yield format_sse_event(comment="connected", id=place.text, retry=hub.limits.retry_ms)
    try:
        async with aclosing(_missed(hub, listener)) as parts:
            async for messages in parts:
                yield place.told(messages)
    except (PositionLost, RecoverableError) as error:
        _log.warning("control history not read", key=listener.key.id, fault=str(error))
        listener.end("history-unread")
    heartbeat_s = hub.limits.heartbeat_ms / SECOND_MS
    if listener.ended is None:
        place.reach(listener.joined)
    while listener.ended is None:
        messages = listener.taken()
        if messages:
            yield place.told(messages)
            continue
        try:
            async with asyncio.timeout(heartbeat_s):
                await listener.wait()
        except TimeoutError:
            # Nothing waits, so all that the hub has taken was sent.
            place.reach(hub.positions)
            yield format_sse_event(comment="heartbeat", id=place.text)
    yield _ending(listener.ended)


async def _missed(hub: ControlHub, listener: Listener) -> AsyncGenerator[list[ControlMessage]]:
    """What was said between the client's place and its coming, as far as it may hear it."""
    behind = any(low < high for low, high in zip(listener.start, listener.joined, strict=True))
    if not behind or hub.history is None:
        return
    async with (
        hub.turns.turn(listener.key.tenant),
        aclosing(hub.history.between(listener.start, listener.joined)) as parts,
    ):
        async for messages in parts:
            if listener.ended is not None:
                return
            heard = [each for each in messages if listener.hears(each)]
            if heard:
                yield heard


class _Place:
    """Where a client stands."""

    def __init__(self, positions: Positions) -> None:
        self._positions = list(positions)

    @property
    def text(self) -> str:
        return text_from_positions(self._positions)

    def reach(self, positions: Positions) -> None:
        """Everything before these was sent, or was for others."""
        self._positions = [max(pair) for pair in zip(self._positions, positions, strict=True)]

    def told(self, messages: list[ControlMessage]) -> bytes:
        """The events of some messages."""
        return b"".join(self._event(message) for message in messages)

    def _event(self, message: ControlMessage) -> bytes:
        self._positions[message.partition] = message.offset + 1
        return format_sse_event(data_str=message.value.decode(), id=self.text)


def _ending(reason: EndReason) -> bytes:
    return format_sse_event(event=END_EVENT, data_str=f'{{"reason":"{reason}"}}')
