"""One life of a session while events are merged into a copy of it.

Invariant: nothing of the state changes while a life is worked on; it is committed whole.
"""

from operator import attrgetter

from rating.merging import Added
from rating.session import Session
from schemas.usage import EventType, UsageEvent

# What a CDR tells of a session, but for its meters.
_told = attrgetter(
    "start_ms", "last_ms", "content", "cause", "supplement_ms", "unpaid", "charged_micros",
    "provider_micros", "scoped_micros", "scoped_provider_micros", "stop_ms", "stop_reason",
    "stop_is_error",
)  # fmt: skip

_NEVER_MS = 2**62


class Working:
    """A life in work.

    Args:
        session: The editable copy.
        place: Field of a life that is not the session's current one, or None for that.
        original: As it was, or None for a life of which no event was known.
        replaces: The life that it takes the place of, if any.
        precedes: The life before which it is to be linked in, if any.
    """

    __slots__ = ("merged", "original", "place", "precedes", "replaces", "session")

    def __init__(
        self,
        session: Session,
        place: str | None,
        original: Session | None,
        *,
        replaces: "Working | None" = None,
        precedes: "Working | None" = None,
    ) -> None:
        self.session = session
        self.place = place
        self.original = original
        self.replaces = replaces
        self.precedes = precedes
        self.merged: list[tuple[int, UsageEvent, Added]] = []

    @property
    def was_open(self) -> bool:
        """Whether it went on before; a new one did."""
        return self.original is None or self.original.is_open

    @property
    def is_counted(self) -> bool:
        """Whether it was one of its member's open sessions on its tariff before."""
        original = self.original
        return original is not None and original.is_open and original.catalogue > 0

    @property
    def begins_anew(self) -> bool:
        """Whether a start is later than all that was known."""
        return any(
            added.is_later and event.type == EventType.START for _, event, added in self.merged
        )

    @property
    def is_later(self) -> bool:
        """Whether any event is later than all that was known."""
        return any(added.is_later for _, _, added in self.merged)

    @property
    def since_ms(self) -> int:
        """Nothing that the life had used before this moment has changed."""
        original, session = self.original, self.session
        if original is None or self.learned_content or original.unpaid != session.unpaid:
            return session.start_ms
        moments = [event.event_at_ms for _, event, _ in self.merged]
        # What an input limit cuts off ends before what was merged.
        return min(original.last_ms, original.end_ms, session.end_ms, *moments)

    @property
    def learned_content(self) -> bool:
        """Whether its content, and with it its terms, became known only now."""
        return self.original is not None and self.original.catalogue != self.session.catalogue

    @property
    def is_watched_anew(self) -> bool:
        """Whether the moment at which its silence is to be looked at may be sooner than known."""
        original = self.original
        return (
            original is None
            or not original.is_open
            or original.paths != self.session.paths
            or self.learned_content
        )

    @property
    def tells_news(self) -> bool:
        """Whether a CDR of it would say something else than the last one."""
        original = self.original
        if original is None or original.is_open or _told(original) != _told(self.session):
            return True
        return any(added.meters for _, _, added in self.merged)
