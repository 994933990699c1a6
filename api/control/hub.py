"""Signals as they come, handed to the clients of this process that may hear them.

Invariant: everything happens on one event loop; a client's buffer is bounded, and one that runs
full is ended, never shortened: what was not sent is behind the position that its client has. It
does not own where signals come from (``kafka``) nor how they are written (``stream``).
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from api.control.positions import Positions
from api.limits import HISTORY_TURNS
from api.problems import Problem
from api.turns import Turns
from runtime.keys import ApiKey
from runtime.metrics import Metrics
from schemas.errors import NcashError, RecoverableError

EndReason = Literal["too-slow", "stopping", "interrupted", "history-unread"]


class ControlMessage(NamedTuple):
    """A message of the control topic.

    Args:
        partition: Its shard.
        offset: Its place.
        tenant: Whose signal.
        source: The service that it is for.
        value: The signal, JSON text of one line.
    """

    partition: int
    offset: int
    tenant: str
    source: str
    value: bytes


class PositionLost(NcashError):
    """The topic has not, or no longer, what is behind a position."""


class History(Protocol):
    """What was said before a client came."""

    async def check(self, low: Positions, high: Positions) -> None:
        """Return when the topic has all from ``low`` up to ``high``; bounded, no retry.

        Raises:
            PositionLost: It has not.
            RecoverableError: Kafka does not tell.
        """
        ...

    def between(self, low: Positions, high: Positions) -> AsyncGenerator[list[ControlMessage]]:
        """All messages from ``low`` up to ``high``, whoever they are for, in parts.

        Raises:
            PositionLost: The topic has not all of them.
            RecoverableError: Kafka does not give them.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HubLimits:
    """How many clients listen, and how much waits for each.

    Args:
        clients_max: Of this process; more are answered 503.
        tenant_clients_max: Of one tenant; more are answered 429.
        key_clients_max: Of one key; more are answered 429.
        buffer_messages_max: Signals that wait for one client.
        buffer_bytes_max: Their bytes.
        heartbeat_ms: Longest silence on a stream.
        send_ms_max: Longest wait for a client that takes nothing.
        retry_ms: What a client is asked to wait before it comes again.
    """

    clients_max: int = 256
    tenant_clients_max: int = 64
    key_clients_max: int = 16
    buffer_messages_max: int = 1_000
    buffer_bytes_max: int = 1024 * 1024
    heartbeat_ms: int = 10_000
    send_ms_max: int = 30_000
    retry_ms: int = 1_000


class Listener:
    """One client: what waits for it, and whether it was ended.

    Args:
        key: Says what it may hear.
        start: It has everything before.
        joined: Where the hub stood when it came: before is history.
        limits: Of its buffer.
    """

    def __init__(
        self, key: ApiKey, *, start: Positions, joined: Positions, limits: HubLimits
    ) -> None:
        self.key = key
        self.start = start
        self.joined = joined
        self.ended: EndReason | None = None
        self._limits = limits
        self._waiting: deque[ControlMessage] = deque()
        self._bytes = 0
        self._woken = asyncio.Event()

    def hears(self, message: ControlMessage) -> bool:
        """Whether a message is for this client, and not one that it has."""
        return (
            message.tenant == self.key.tenant
            and self.key.allows_source(message.source)
            and message.offset >= self.start[message.partition]
        )

    def put(self, message: ControlMessage) -> None:
        """Let a message wait for the client; ends it when the buffer is full."""
        if self.ended is not None:
            return
        self._bytes += len(message.value)
        if (
            len(self._waiting) >= self._limits.buffer_messages_max
            or self._bytes > self._limits.buffer_bytes_max
        ):
            self.end("too-slow")
            return
        self._waiting.append(message)
        self._woken.set()

    def end(self, reason: EndReason) -> None:
        """Let the stream end; what waits is dropped, the client's position is before it."""
        self.ended = self.ended or reason
        self._waiting.clear()
        self._woken.set()

    def taken(self) -> list[ControlMessage]:
        """All that waits; it waits no more."""
        found = list(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        self._woken.clear()
        if self.ended is not None:
            self._woken.set()
        return found

    async def wait(self) -> None:
        """Return when something waits, or the stream was ended."""
        await self._woken.wait()


class ControlHub:
    """The clients of one process.

    Args:
        history: What was said before a client came; without it no client can resume.
        metrics: Counts clients and what became of them.
        limits: See there.
    """

    def __init__(
        self,
        history: History | None = None,
        metrics: Metrics | None = None,
        limits: HubLimits | None = None,
    ) -> None:
        self.limits = limits or HubLimits()
        self.history = history
        # A client that reads its past slowly holds up its own tenant's, no other's.
        self.turns = Turns(HISTORY_TURNS)
        self._metrics = metrics
        self._positions: Positions | None = None
        self._listeners: set[Listener] = set()
        self._is_stopping = False

    @property
    def positions(self) -> Positions:
        """The next offset of each partition.

        Raises:
            RecoverableError: Nothing is read yet.
        """
        if self._positions is None:
            raise RecoverableError("the control topic is not read yet; ask again")
        return list(self._positions)

    @property
    def listeners(self) -> int:
        """How many clients listen."""
        return len(self._listeners)

    def begin(self, positions: Positions) -> None:
        """Read from here on; ends clients whose place means nothing any more."""
        if self._positions is not None:
            self._end_all("interrupted")
        self._positions = list(positions)

    def take(self, messages: Sequence[ControlMessage]) -> None:
        """Hand out what came next."""
        positions = self._positions
        assert positions is not None
        for message in messages:
            positions[message.partition] = message.offset + 1
            for listener in self._listeners:
                if listener.hears(message):
                    listener.put(message)

    async def check(self, listener: Listener) -> None:
        """Return when a client that joined can go on from its place.

        Raises:
            PositionLost: The topic does not have it.
            RecoverableError: Kafka does not tell.
        """
        if self.history is not None and listener.start != listener.joined:
            async with self.turns.turn(listener.key.tenant):
                await self.history.check(listener.start, listener.joined)

    def join(self, key: ApiKey, start: Positions | None) -> Listener:
        """A client that came.

        Args:
            key: Its own.
            start: Where it goes on; None is from now on.

        Raises:
            Problem: ``too-many-streams`` of its key or tenant.
            RecoverableError: As many listen as may, or nothing is read yet.
        """
        joined = self.positions
        self._check_room(key)
        listener = Listener(key, start=start or joined, joined=joined, limits=self.limits)
        self._listeners.add(listener)
        self._show()
        return listener

    def leave(self, listener: Listener) -> None:
        """A client that is gone; harmless when it is gone already."""
        if listener in self._listeners:
            self._listeners.discard(listener)
            self._show()
            if self._metrics is not None:
                reason = listener.ended or "client"
                self._metrics.count("ncash_control_streams_ended_total", reason=reason)

    def stop(self) -> None:
        """End all clients and let none join: the process is about to end."""
        self._is_stopping = True
        self._end_all("stopping")

    def _check_room(self, key: ApiKey) -> None:
        if self._is_stopping or len(self._listeners) >= self.limits.clients_max:
            raise RecoverableError("no more streams can be opened here now; ask again")
        of_tenant = [each.key.id for each in self._listeners if each.key.tenant == key.tenant]
        of_key = Counter(of_tenant)[key.id]
        if of_key >= self.limits.key_clients_max or (
            len(of_tenant) >= self.limits.tenant_clients_max
        ):
            raise Problem(
                "too-many-streams",
                f"key {key.id} has {of_key} streams open, its tenant {len(of_tenant)}; close some: "
                "one stream carries the signals of all sessions",
                headers={"Retry-After": str(self.limits.retry_ms // 1_000 or 1)},
            )

    def _end_all(self, reason: EndReason) -> None:
        for listener in self._listeners:
            listener.end(reason)

    def _show(self) -> None:
        if self._metrics is not None:
            self._metrics.set("ncash_control_streams", len(self._listeners))
