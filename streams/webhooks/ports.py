"""What the pushing of signals asks of the world, and what the world answers.

Invariant: outcomes are values; who pushes decides on them alone, so a list can stand behind each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from schemas.moment import HOUR_MS, SECOND_MS

Why = Literal["connect", "timeout", "redirect", "rejected", "gone", "status", "address", "skipped"]


class Pushed(NamedTuple):
    """A signal on its way to an endpoint.

    Args:
        partition: Its shard.
        offset: Its place in the control topic.
        tenant: Whose.
        source: Service that it is for.
        session: With source and subject: the session that it is about.
        subject: The member.
        name: ``<shard>-<sequence>``, the webhook id.
        posted_at_ms: When the shard posted it.
        body: The message, which is sent as it is.
        kind: Of an event of a wallet; empty of a signal. Such a one has no source and session.
    """

    partition: int
    offset: int
    tenant: str
    source: str
    session: str
    subject: str
    name: str
    posted_at_ms: int
    body: bytes
    kind: str = ""

    @property
    def place(self) -> tuple[int, int]:
        """Where it stands in the topic."""
        return self.partition, self.offset

    @property
    def about(self) -> tuple[str, str, str]:
        """The session, within its tenant."""
        return self.source, self.session, self.subject


class Failed(NamedTuple):
    """A request that did not deliver.

    Args:
        why: The kind of failure.
        detail: For the log.
    """

    why: Why
    detail: str


class Poster(Protocol):
    """One attempt at a time."""

    async def post(self, signal: Pushed) -> Failed | None:
        """Send a signal; bounded in time, never retries. None: the receiver has it."""
        ...

    async def close(self) -> None:
        """Give the connections back."""
        ...


class SignalFeed(Protocol):
    """The control topic as one endpoint's group reads it."""

    async def open(self) -> None:
        """Join the group; return when partitions are assigned.

        Raises:
            TransportFault: Kafka does not let us in in time.
        """
        ...

    async def poll(self) -> Sequence[Pushed]:
        """What comes next, of all tenants; waits for a moment where nothing does.

        Raises:
            TransportFault: Kafka's client gave up.
        """
        ...

    async def commit(self, signals: Sequence[Pushed]) -> None:
        """Never read these again.

        Raises:
            TransportFault: The group does not know; they may come again.
        """
        ...

    async def close(self) -> None:
        """Leave the group; idempotent."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PushLimits:
    """How hard an endpoint is tried.

    Args:
        batch_max: Signals read and not yet delivered; a full batch means that it is behind.
        sessions_at_once: Requests under way to one endpoint, each of another session; when so many
            sessions failed, the rest of a round is not tried.
        attempts: At one signal in a round.
        backoff_ms: First pause between two attempts, jittered; doubles.
        backoff_ms_max: Longest of them.
        request_ms_max: Longest that one request may take, from look-up to answer.
        response_bytes_max: What is read of an answer.
        failures_max: Rounds in a row without success that disable the endpoint.
        pause_ms: First pause after a failed round, jittered; doubles.
        pause_ms_max: Longest of them.
        give_up_ms: Age beyond which a signal that cannot be delivered is given up.
    """

    batch_max: int = 100
    sessions_at_once: int = 8
    attempts: int = 4
    backoff_ms: int = 500
    backoff_ms_max: int = 8 * SECOND_MS
    request_ms_max: int = 10 * SECOND_MS
    response_bytes_max: int = 4_096
    failures_max: int = 3
    pause_ms: int = 5 * SECOND_MS
    pause_ms_max: int = 600 * SECOND_MS
    give_up_ms: int = 24 * HOUR_MS
