"""Sessions as sets of facts: what all events of one life of a session say together.

Invariant: shares nothing with ``rating.session``; a total is made from all facts, not moved along.
It does not own which life an event belongs to (``choosing``).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cli.sim.audit.covered import mark_of
from cli.sim.audit.periods import Brought, Period, brought_by
from cli.sim.audit.prices import NOTHING, Line, Price, price_of
from cli.sim.audit.terms import ORPHAN_TIMEOUT_MS, Tariff, announced, quiet_ms, tariffs
from cli.sim.audit.used import Use
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


# Log record, session and life of an end in silence.
Silenced = tuple[int, SessionName, int]


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
        taken_by: What took its place, where that ended it: session, number, its latest event.
        closed_hour: Hour of the shard's clock in which it last changed while closed.
        consent: Name of what its member agreed to, or empty.
        came_ms: When each catalogue came into force, as far as the log was read.
        terms: By which it was last priced, or None.
        brought: What it brings into calendar periods.
        price: What it costs, as last worked out.
        moved_total: What it moved in calendar periods.
        moved_parts: Likewise of providers' parts.
        passes: What the member's passes on its tariff cover, as far as the log was read.
        marks: Of each fact, where what passes keep apart began when it counted.
        corrections: Orders that priced it anew.
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
    taken_by: "tuple[SessionName, int, str] | None" = None
    closed_hour: int = 0
    consent: str = ""
    came_ms: Mapping[int, int] = field(default_factory=dict[int, int])
    terms: Tariff | None = None
    brought: dict[Period, Brought] = field(default_factory=dict[Period, Brought])
    price: Price = NOTHING
    moved_total: int = 0
    moved_parts: int = 0
    passes: Sequence[tuple[int, int]] = ()
    marks: list[int] = field(default_factory=list[int])
    told: tuple[Line, ...] = ()
    corrections: list[str] = field(default_factory=list[str])

    @property
    def tariff(self) -> Tariff | None:
        """Its terms, or None while its content is unknown."""
        return tariffs(self.version, self.name.tenant)[self.content] if self.version else None

    @property
    def end_ms(self) -> int:
        """Where it ends, with what silence added."""
        return self.last_ms + self.supplement_ms

    @property
    def reach_ms(self) -> int:
        """The last moment that is surely its own."""
        return max(self.last_ms, self.end_ms)

    @property
    def passes_to_ms(self) -> int | None:
        """Up to when it needs passes; None as long as nothing is known of its member's input."""
        if self.input_end_ms is None:
            return self.last_ms
        return min(self.last_ms, self.input_end_ms) if self.inputs else None

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
        return ORPHAN_TIMEOUT_MS if tariff is None else quiet_ms(tariff)[0]

    @property
    def inputs(self) -> list[int]:
        """When its member did something, as far as is told; a stop tells nothing by itself."""
        return [
            each.event_at_ms
            for each in self.facts
            if each.active or (each.active is None and each.type not in ENDINGS)
        ]

    @property
    def input_end_ms(self) -> int | None:
        """Where it ends unless its member does something; None without such a limit."""
        tariff = self.tariff
        allowed_s = None if tariff is None else tariff.limits.get("input_s")
        return None if allowed_s is None else max([self.first_ms, *self.inputs]) + 1_000 * allowed_s

    @property
    def is_idle(self) -> bool:
        """Whether somebody said at or behind that end that the member did nothing."""
        end_ms = self.input_end_ms
        return end_ms is not None and any(
            each.active is False and each.event_at_ms >= end_ms for each in self.facts
        )

    @property
    def goes_without_end(self) -> bool:
        """Whether an event that is no stop leaves it ended: its place is taken, or it is idle."""
        return not self.is_open and (self.taken_by is not None or self.is_idle)

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

    def idle_out(self) -> None:
        """Ends it where its member had done nothing for too long."""
        end_ms = self.input_end_ms or 0
        self.is_open, self.is_free, self.cause, self.decided_ms = False, False, "idle", end_ms
        self.supplement_ms = end_ms - self.last_ms

    def give_place(self, to: "Life") -> None:
        """Ends it for another one."""
        latest = [each.id for each in to.facts if each.event_at_ms == to.last_ms]
        self.taken_by = (to.name, to.number, latest[0])
        self.is_open, self.cause, self.decided_ms = False, "superseded", to.last_ms

    def open_again(self) -> None:
        """Goes on after all."""
        self.is_open, self.cause, self.decided_ms = True, "", UNKNOWN_MS
        self.supplement_ms, self.is_free, self.is_cut = 0, False, False

    def fall_silent(self, decided_ms: int) -> None:
        """Ends it because nothing was heard."""
        tariff = self.tariff
        silence: Mapping[str, Any] = {} if tariff is None else tariff.silence
        self.is_open, self.decided_ms, self.supplement_ms = False, decided_ms, 0
        means = str(silence.get("means", "network"))
        if tariff is not None and quiet_ms(tariff)[1]:
            means = "idle"
        self.cause = "cut_off" if self.is_cut else means
        pays = silence.get("pays", "last_event")
        if pays == "half_interval":
            self.supplement_ms = int(silence.get("interval_s", 30)) * 1_000 // 2
            if self.input_end_ms is not None:
                self.supplement_ms = min(self.supplement_ms, self.input_end_ms - self.last_ms)
        self.is_free = pays == "nothing"

    def close(self, hour: int) -> None:
        """Notes the hour in which it changed, where it is closed."""
        if not self.is_open:
            self.closed_hour = max(hour, self.last_ms // HOUR_MS)

    def mark(self, passes: Sequence[tuple[int, int]]) -> None:
        """Notes the passes on its tariff, and where each event counts that came since."""
        self.passes = passes
        for event in self.facts[len(self.marks) :]:
            if self.tariff is not None:
                self.marks.append(mark_of(self.tariff, passes, event.event_at_ms))

    def settle(self) -> None:
        """Works out what it costs."""
        tariff = self.tariff
        self.terms, self.price, self.brought = None, NOTHING, {}
        if tariff is not None and not self.is_free:
            self.terms = announced(tariff, self.version, self.name.tenant, self.came_ms)
            self.price = price_of(self.terms, self.use)
            self.brought = brought_by(self.terms, self.use)

    @property
    def moved_micros(self) -> int:
        """What it moved: its own price, and what it changed of calendar periods."""
        return self.price.total + self.moved_total

    @property
    def use(self) -> Use:
        """All that was used."""
        return Use(
            self.first_ms, self.end_ms, tuple(self.facts), is_session=True,
            passes=self.passes, marks=tuple(self.marks),
        )  # fmt: skip


def scopes_of(
    admitted: list[UsageEvent],
) -> Iterator[tuple[SessionName | None, list[UsageEvent]]]:
    """The admitted events of a frame that count together, in the order in which they do.

    Each session's are together, and those outside sessions, without a name, by member, source,
    content and hour. What is spent by one may leave the next without consent.
    """
    found: dict[tuple[object, ...], list[UsageEvent]] = {}
    for event in admitted:
        name = _session_of(event)
        hour = event.event_at_ms // HOUR_MS
        use = (None, event.tenant, event.subject, event.source, event.content, hour)
        found.setdefault(use if name is None else (name,), []).append(event)
    for events in found.values():
        yield _session_of(events[0]), events


def _session_of(event: UsageEvent) -> SessionName | None:
    if event.session is None or is_loose(event):
        return None
    return SessionName(event.tenant, event.subject, event.source, event.session)


def is_loose(event: UsageEvent) -> bool:
    """Whether the event is use outside sessions."""
    return event.session is None or event.type == EventType.REPORT
