"""One session's events of a frame: to which life each goes, what comes of it, whether it has room.

Invariant: shares no rule with ``shard``; what may not be is tried on the books and put back whole.
It does not own what a life costs nor the books around it (``book``).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from cli.sim.audit.choosing import Choosing
from cli.sim.audit.lives import Life, SessionName
from cli.sim.audit.logged import event_name
from cli.sim.audit.silences import Silences
from cli.sim.audit.terms import tariffs
from cli.sim.journal import EventName
from schemas.usage import EventType, UsageEvent


@dataclass
class Touched:
    """A life that a frame had events for.

    Args:
        life: It.
        is_new: Whether nothing of it was known.
        was_open: Whether it went on before.
        was_idle: Whether its member had done nothing for too long.
        was_stopped: Whether a stop was the last thing known.
        is_later: Whether any event is later than all that was known.
        is_anew: Whether that was a start.
        learned: Whether its content became known only now.
    """

    life: Life
    is_new: bool
    was_open: bool
    was_idle: bool
    was_stopped: bool
    is_later: bool = False
    is_anew: bool = False
    learned: bool = False


@dataclass
class Turn:
    """What came of some events of one session.

    Args:
        outcomes: Of each event.
        touched: Lives that changed, those that lost their place too.
        told: Sessions whose servers must be told that a limit is reached.
        findings: What is wrong.
    """

    outcomes: list[tuple[UsageEvent, str]] = field(default_factory=list[tuple[UsageEvent, str]])
    touched: list[Touched] = field(default_factory=list[Touched])
    told: list[SessionName] = field(default_factory=list[SessionName])
    findings: list[str] = field(default_factory=list[str])

    @property
    def done(self) -> list[UsageEvent]:
        """Events that counted."""
        return [event for event, outcome in self.outcomes if outcome == "applied"]


class Crowd(NamedTuple):
    """Who else is there when a session begins.

    Args:
        others: Other open lives of the member on the tariff, the oldest first.
        beyond: How many there are too many, with this one.
        when_full: What the tariff does then.
    """

    others: list[Life]
    beyond: int
    when_full: str


class Asking(Protocol):
    """Who asks whether a member agreed."""

    def fault(self, life: Life, event: UsageEvent) -> str | None:
        """Why an event may not give a life its content, or None."""
        ...

    def consent_of(self, event: UsageEvent) -> str:
        """The consent that a life begins under, or nothing."""
        ...


class Uses:
    """The sessions of a shard.

    Args:
        choosing: Their lives.
        clock: Of the shard.
        numbers: What the shard calls the life of each event; names only.
        came_ms: When each catalogue came into force.
        asking: Whether members agreed, where contents ask.
    """

    def __init__(
        self,
        choosing: Choosing,
        clock: Silences,
        numbers: dict[EventName, list[int]],
        came_ms: Mapping[int, int],
        asking: "Asking",
    ) -> None:
        self._choosing = choosing
        self._clock = clock
        self._numbers = numbers
        self._came_ms = came_ms
        self._asking = asking

    def take(
        self, name: SessionName, events: Sequence[UsageEvent], path: str, version: int
    ) -> list[Turn]:
        """Events that are not late; one by one where the tariff refuses what has no room."""
        kept = self._choosing.kept(name)
        turn = self._together(name, events, path, version, is_late=False)
        own = self._newly_open(turn)
        crowd = None if own is None else self._crowd(own.life)
        if own is None or crowd is None or crowd.beyond <= 0:
            return [turn]
        if crowd.when_full == "refuse":
            if len(events) > 1:
                self._choosing.put_back(name, kept)
                return [
                    each for event in events for each in self.take(name, [event], path, version)
                ]
            if own.is_new or own.life.is_open or (own.was_stopped and own.is_later):
                self._choosing.put_back(name, kept)
                return [Turn([(events[0], "session-limit")], told=[name])]
        elif own.life.is_open:
            if crowd.when_full == "allow":
                turn.told.append(name)
            else:
                self._make_room(turn, own.life, crowd)
        return [turn]

    def take_late(
        self, name: SessionName, event: UsageEvent, path: str, version: int
    ) -> list[Turn]:
        """A late event, which opens nothing."""
        return [self._together(name, [event], path, version, is_late=True)]

    def _newly_open(self, turn: Turn) -> Touched | None:
        """The session's current life, unless it counted as open on its tariff before."""
        for each in turn.touched:
            if self._choosing.is_current(each.life):
                counted = each.was_open and not each.is_new and not each.learned
                return None if counted else each
        return None

    def _crowd(self, life: Life) -> Crowd | None:
        tariff = life.tariff
        most = None if tariff is None else tariff.limits.get("sessions")
        if tariff is None or most is None:
            return None
        others = [
            each
            for each in self._choosing.open_lives()
            if each.name != life.name
            and (each.name.tenant, each.name.member) == (life.name.tenant, life.name.member)
            and each.tariff is not None
            and each.tariff.words["id"] == tariff.words["id"]
        ]
        others.sort(key=lambda each: (each.first_ms, each.name))
        when_full = str(tariff.limits.get("when_full", "refuse"))
        return Crowd(others, len(others) + 1 - int(most), when_full)

    def _make_room(self, turn: Turn, life: Life, crowd: Crowd) -> None:
        for old in crowd.others[: crowd.beyond]:
            old.give_place(life)
            old.close(self._clock.hour)
            turn.touched.append(_touched(old))
            turn.told.append(old.name)

    def _together(
        self,
        name: SessionName,
        events: Sequence[UsageEvent],
        path: str,
        version: int,
        *,
        is_late: bool,
    ) -> Turn:
        turn, taken = Turn(), Counter[EventName]()
        beside: list[tuple[Life, Life]] = []
        for event in events:
            numbers = self._numbers.get(event_name(event), [])[taken[event_name(event)] :]
            number = numbers[0] if numbers else 0
            choose = self._choosing.choose_late if is_late else self._choosing.choose
            chosen = choose(name, event, number)
            if chosen is None:
                turn.outcomes.append((event, "late"))
                continue
            life = chosen.life
            reason = _content_fault(life, event, version) or self._asking.fault(life, event)
            if reason is not None:
                turn.outcomes.append((event, reason))
                continue
            known = next((each for each in turn.touched if each.life is life), None)
            if known is None:
                known = _touched(life)
                turn.touched.append(known)
                if known.is_new:
                    # Priced after the one whose place it takes, or that it is put in before.
                    other = self._choosing.current(name) if chosen.is_current else chosen.follows
                    beside += [] if other is None else [(other, life)]
            self._choosing.take_up(chosen)
            if event.content is not None and not life.content:
                life.content, life.version = event.content, version
                life.consent = self._asking.consent_of(event)
                life.came_ms = self._came_ms
                known.learned = not known.is_new
            if life.take(event, path):
                known.is_later = True
                known.is_anew |= event.type == EventType.START
            if life.number != number:
                turn.findings.append(
                    f"event {event.id} went to life {number} of {name}, must be {life.number}"
                )
            turn.outcomes.append((event, "applied"))
            taken[event_name(event)] += 1
        for first, then in beside:
            _put_before(turn.touched, first, then)
        for each in turn.touched:
            self._conclude(each, is_late=is_late)
            each.life.close(self._clock.hour)
            is_told = not is_late and self._choosing.is_current(each.life)
            if is_told and each.life.goes_without_end and not each.life.is_stopped:
                turn.told.append(name)
        return turn

    def _conclude(self, touched: Touched, *, is_late: bool) -> None:
        """Says whether a life goes on, now that a frame's events are known."""
        life = touched.life
        opens = not is_late and self._choosing.is_current(life)
        if life.taken_by is not None:
            ended_before = life.is_stopped and life.stop[0] <= life.decided_ms
            if not ended_before and not (touched.is_anew and opens):
                life.supplement_ms = (life.input_end_ms or 0) - life.last_ms if life.is_idle else 0
                return
            life.taken_by = None
        if life.is_idle:
            life.idle_out()
        elif life.is_stopped:
            life.stop_here()
        elif touched.is_new or touched.was_open:
            # What another took the place of in this frame may not have ended by itself after all.
            if not self._choosing.is_current(life) or (is_late and touched.is_new):
                self._end(life)
        elif opens and (touched.is_later or (touched.was_idle and self._has_room(life))):
            life.open_again()
        elif touched.is_later or touched.learned or touched.was_idle:
            self._end(life)

    def _has_room(self, life: Life) -> bool:
        crowd = self._crowd(life)
        return crowd is None or crowd.beyond <= 0 or crowd.when_full == "allow"

    def _end(self, life: Life) -> None:
        life.fall_silent(max(life.decided_ms, life.heard_ms))


def _put_before(touched: list[Touched], first: Life, then: Life) -> None:
    places = {id(each.life): place for place, each in enumerate(touched)}
    before, after = places.get(id(first)), places[id(then)]
    if before is not None and before > after:
        touched.insert(after, touched.pop(before))


def _touched(life: Life) -> Touched:
    return Touched(life, not life.facts, life.is_open, life.is_idle, life.is_stopped)


def _content_fault(life: Life, event: UsageEvent, version: int) -> str | None:
    if event.content is None or event.content == life.content:
        return None
    if life.content:
        return "content-changed"
    known = event.content in tariffs(version, event.tenant)
    return None if known else "content-unknown"
