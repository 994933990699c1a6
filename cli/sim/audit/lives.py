"""Sessions as sets of facts: what all events of one life of a session say together.

Invariant: shares nothing with ``rating.session``; a total is made from all facts, not moved along.
It does not own which life an event belongs to (``choosing``).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cli.sim.audit.periods import Period, brought_by
from cli.sim.audit.prices import NOTHING, Line, Price, price_of
from cli.sim.audit.terms import ORPHAN_TIMEOUT_MS, Tariff, announced, tariffs
from cli.sim.audit.uses import Use
from schemas.moment import HOUR_MS
from schemas.usage import EventType, UsageEvent

ENDINGS = (EventType.STOP, EventType.ERROR)
UNKNOWN_MS = -(2**62)
_CAUSES = {"": "normal", "member": "normal"}


class SessionName(NamedTuple):
    """Names a session."""

    tenant: str
    member: str
    source: str
    session: str


@dataclass(eq=False)
class Life:
    """One life of a session.

    Args:
        name: The session.
        number: As the shard calls it.
        first_ms: Earliest event.
        last_ms: Latest.
        heard_ms: When the latest was taken in.
        previous: The life before it, if it is linked to one.
        facts: Every event that counted.
        paths: By which they came.
        content: What was used, or empty.
        version: Catalogue that prices it, or 0.
        is_open: Whether it goes on.
        cause: Why it does not.
        decided_ms: When that was certain.
        supplement_ms: Length that silence added.
        is_free: Whether its end makes it cost nothing.
        is_cut: Whether its server was told to stop.
        closed_hour: Hour of the shard's clock in which it last changed while closed.
        came_ms: When each catalogue came into force, as far as the log was read.
        terms: By which it was last priced, or None.
        brought: What it brings into calendar periods.
        price: What it costs, as last worked out.
        moved_total: What it moved in calendar periods.
        moved_parts: Likewise of providers' parts.
        passes: What the member's passes on its tariff cover, as far as the log was read.
        marks: Of each fact, where what passes keep apart began when it counted.
        told: Its lines when an amount last changed, of it or of a period: only then lines are told.
    """

    name: SessionName
    number: int
    first_ms: int
    last_ms: int
    heard_ms: int
    previous: "Life | None" = None
    facts: list[UsageEvent] = field(default_factory=list[UsageEvent])
    paths: set[str] = field(default_factory=set[str])
    content: str = ""
    version: int = 0
    is_open: bool = True
    cause: str = ""
    decided_ms: int = UNKNOWN_MS
    supplement_ms: int = 0
    is_free: bool = False
    is_cut: bool = False
    closed_hour: int = 0
    came_ms: Mapping[int, int] = field(default_factory=dict[int, int])
    terms: Tariff | None = None
    brought: dict[Period, int] = field(default_factory=dict[Period, int])
    price: Price = NOTHING
    moved_total: int = 0
    moved_parts: int = 0
    passes: Sequence[tuple[int, int]] = ()
    marks: list[int] = field(default_factory=list[int])
    told: tuple[Line, ...] = ()

    @property
    def tariff(self) -> Tariff | None:
        """Its terms, or None while its content is unknown."""
        return tariffs(self.version, self.name.tenant)[self.content] if self.version else None

    @property
    def end_ms(self) -> int:
        """Where it ends, with what silence added."""
        return self.last_ms + self.supplement_ms

    @property
    def stop(self) -> tuple[int, str, bool]:
        """Time, reason and kind of the last stop or error."""
        stops = [
            (
                each.event_at_ms,
                each.reason or ("client_error" if each.type == EventType.ERROR else ""),
                each.type == EventType.ERROR,
            )
            for each in self.facts
            if each.type in ENDINGS
        ]
        return max(stops, default=(UNKNOWN_MS, "", False))

    @property
    def is_stopped(self) -> bool:
        """Whether nothing is known that is later than a stop."""
        return self.stop[0] >= self.last_ms

    @property
    def timeout_ms(self) -> int:
        """Covered silence after which it has ended."""
        tariff = self.tariff
        if tariff is None:
            return ORPHAN_TIMEOUT_MS
        return int(tariff.silence.get("timeout_s", 90)) * 1_000

    @property
    def opens_again(self) -> bool:
        """Whether use after its end belongs to it, whatever lies between."""
        tariff = self.tariff
        return tariff is None or tariff.silence.get("later", "reopens") == "reopens"

    def take(self, event: UsageEvent, path: str) -> bool:
        """One more fact; whether it is later than all before."""
        is_later = event.event_at_ms > self.last_ms
        if is_later:
            self.heard_ms = max(self.heard_ms, event.received_at_ms)
        self.first_ms = min(self.first_ms, event.event_at_ms)
        self.last_ms = max(self.last_ms, event.event_at_ms)
        self.paths.add(path)
        self.facts.append(event)
        return is_later

    def stop_here(self) -> None:
        """Ends it with its last stop."""
        at_ms, reason, is_error = self.stop
        self.is_open, self.decided_ms, self.supplement_ms = False, at_ms, 0
        self.cause = _CAUSES.get(reason, reason)
        if self.is_cut and not is_error:
            self.cause = "cut_off"
        tariff = self.tariff
        charges = tariff is None or tariff.words.get("charge_errors", True)
        self.is_free = is_error and not charges

    def open_again(self) -> None:
        """Goes on after all."""
        self.is_open, self.cause, self.decided_ms = True, "", UNKNOWN_MS
        self.supplement_ms, self.is_free, self.is_cut = 0, False, False

    def fall_silent(self, decided_ms: int) -> None:
        """Ends it because nothing was heard."""
        tariff = self.tariff
        silence: Mapping[str, Any] = {} if tariff is None else tariff.silence
        self.is_open, self.decided_ms, self.supplement_ms = False, decided_ms, 0
        self.cause = "cut_off" if self.is_cut else str(silence.get("means", "network"))
        pays = silence.get("pays", "last_event")
        if pays == "half_interval":
            self.supplement_ms = int(silence.get("interval_s", 30)) * 1_000 // 2
        self.is_free = pays == "nothing"

    def settle(self, hour: int) -> None:
        """Works out what it costs; notes the hour in which it is closed."""
        tariff = self.tariff
        self.terms, self.price, self.brought = None, NOTHING, {}
        if tariff is not None and not self.is_free:
            self.terms = announced(tariff, self.version, self.name.tenant, self.came_ms)
            self.price = price_of(self.terms, self.use)
            self.brought = brought_by(self.terms, self.use)
        if not self.is_open:
            self.closed_hour = max(hour, self.last_ms // HOUR_MS)

    @property
    def use(self) -> Use:
        """All that was used."""
        return Use(
            self.first_ms, self.end_ms, tuple(self.facts), is_session=True,
            passes=self.passes, marks=tuple(self.marks),
        )  # fmt: skip


def sessions_of(admitted: list[UsageEvent]) -> Iterator[tuple[SessionName, list[UsageEvent]]]:
    """The admitted events of each session of a frame, in order."""
    found: dict[SessionName, list[UsageEvent]] = {}
    for event in admitted:
        if event.session is not None and event.type != EventType.REPORT:
            name = SessionName(event.tenant, event.subject, event.source, event.session)
            found.setdefault(name, []).append(event)
    yield from found.items()


def is_loose(event: UsageEvent) -> bool:
    """Whether the event is use outside sessions."""
    return event.session is None or event.type == EventType.REPORT
