"""Sessions that were ended while somebody still had news of them: what must never happen.

Invariant: an event that a vouching collector had taken in before silence was certain is in the log
before the tick that ended its session. A collector that was given up after the grace is no excuse
for anybody, and none is asked of it.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from cli.sim.audit.lives import Life
from cli.sim.audit.logged import Logged, event_name
from cli.sim.journal import EventName
from schemas.frames import HTTP_PATH, UsageFrame


class Silent(NamedTuple):
    """A decision that a session was silent.

    Args:
        life: That ended.
        due_ms: When it was certain.
        last_ms: Its latest event then.
        paths: That it had used.
        members: Collectors that vouched.
    """

    life: Life
    due_ms: int
    last_ms: int
    paths: frozenset[str]
    members: frozenset[str]


class LagWatch:
    """All sessions that ended in silence."""

    def __init__(self) -> None:
        self._silent: list[Silent] = []

    def note(self, life: Life, due_ms: int, members: Iterable[str]) -> None:
        """A session was found silent; call it before it is ended.

        Args:
            life: It.
            due_ms: When that was certain.
            members: Collectors that vouched, of the HTTP path.
        """
        paths = frozenset(life.paths)
        self._silent.append(Silent(life, due_ms, life.last_ms, paths, frozenset(members)))

    def check(self, frame: UsageFrame, logged: Logged, known: Iterable[EventName]) -> Iterator[str]:
        """Events of a frame that should have kept a session alive.

        Args:
            frame: From the log.
            logged: Its place.
            known: Names of events that counted before.
        """
        if logged.is_late:
            return
        for event in frame.events:
            if event_name(event) in known:
                continue
            own = (event.tenant, event.subject, event.source, event.session)
            for silent in self._silent:
                vouched = frame.path in silent.paths and (
                    frame.path != HTTP_PATH or logged.producer in silent.members
                )
                was_healthy = (
                    event.received_at_ms <= silent.due_ms and event.event_at_ms > silent.last_ms
                )
                if silent.life.name == own and vouched and was_healthy:
                    yield (
                        f"session {own} was ended at {silent.due_ms} by lag: event {event.id} had "
                        f"been taken in at {event.received_at_ms} by {logged.producer}"
                    )
