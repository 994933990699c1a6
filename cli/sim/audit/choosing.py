"""Which life of its session an event belongs to.

A tariff may let a use begin anew after an end; then a session has lives, told apart by gaps longer
than the tariff's timeout and by stops. Invariant: shares nothing with ``shard``; says what the
product promises (docs/adr/0007 and the README of shard), looked at from the whole list of lives.
"""

from typing import Any, NamedTuple

from cli.sim.audit.lives import ENDINGS, Life, SessionName
from cli.sim.audit.silences import Silences
from schemas.moment import HOUR_MS
from schemas.usage import EventType, UsageEvent

LIVES_BACK_MAX = 6


class Chosen(NamedTuple):
    """The life of an event.

    Args:
        life: Known, or new.
        is_current: Whether a new one is to be its session's current life.
        follows: The life before which a new one is put in.
    """

    life: Life
    is_current: bool = False
    follows: Life | None = None


class Kept(NamedTuple):
    """The lives of a session at one moment."""

    lives: list[tuple[Life, dict[str, Any]]]
    current: Life | None


class Choosing:
    """The lives of all sessions of a shard.

    Args:
        clock: Of the shard.
    """

    def __init__(self, clock: Silences) -> None:
        self.lives: dict[SessionName, list[Life]] = {}
        self._current: dict[SessionName, Life] = {}
        self._clock = clock

    def open_lives(self) -> list[Life]:
        """Those that go on; only a session's current life can."""
        return [life for life in self._current.values() if life.is_open]

    def current(self, name: SessionName) -> Life | None:
        """A session's current life, or None where it is forgotten."""
        life = self._current.get(name)
        return None if life is None or self._is_gone(life) else life

    def is_current(self, life: Life) -> bool:
        """Whether a life is its session's current one."""
        return self._current.get(life.name) is life

    def take_up(self, chosen: Chosen) -> None:
        """Gives a new life its place, once an event of it counts."""
        life = chosen.life
        known = self.lives.setdefault(life.name, [])
        if life in known:
            return
        known.append(life)
        if chosen.follows is not None:
            chosen.follows.previous = life
        if chosen.is_current:
            self._current[life.name] = life

    def kept(self, name: SessionName) -> Kept:
        """A session's lives as they are now, to be put back."""
        lives = self.lives.get(name, [])
        return Kept(
            [
                (life, {**vars(life), "facts": [*life.facts], "paths": {*life.paths}})
                for life in lives
            ],
            self._current.get(name),
        )

    def put_back(self, name: SessionName, kept: Kept) -> None:
        """Undoes all that came since."""
        self.lives[name] = [life for life, _ in kept.lives]
        for life, words in kept.lives:
            vars(life).update(words)
        if kept.current is None:
            self._current.pop(name, None)
        else:
            self._current[name] = kept.current

    # -- in time

    def choose(self, name: SessionName, event: UsageEvent, number: int) -> Chosen | None:
        """The life that an event belongs to; None where it lies too many lives back."""
        current = self.current(name)
        if current is None:
            return Chosen(_begun(name, event, number), is_current=True)
        at_ms = event.event_at_ms
        if at_ms > current.last_ms:
            if current.is_open and not current.is_stopped and not current.is_idle:
                return Chosen(current)
            is_beyond = not current.is_open and current.last_ms // HOUR_MS < self._clock.gone_hour
            if not is_beyond and (event.type in ENDINGS or _goes_on(current, event)):
                return Chosen(current)
            begun = _begun(name, event, number)
            begun.previous = current
            return Chosen(begun, is_current=True)
        if at_ms < current.first_ms:
            return self._before(current, event, number)
        return Chosen(current)

    def _before(self, current: Life, event: UsageEvent, number: int) -> Chosen | None:
        following, at_ms = current, event.event_at_ms
        for _ in range(LIVES_BACK_MAX):
            earlier = following.previous
            if earlier is not None and self._is_gone(earlier):
                earlier = None
            began = earlier is not None and at_ms >= earlier.first_ms
            holds = earlier is not None and (event.type in ENDINGS or at_ms <= earlier.reach_ms)
            if earlier is not None and began and holds:
                return Chosen(earlier)
            # Only what lies behind the life before can be the beginning of the one behind it.
            if (earlier is None or began) and _reaches_back(following, event):
                return Chosen(following)
            if earlier is None:
                break
            if began:
                if _goes_on(earlier, event):
                    return Chosen(earlier)
                break
            following = earlier
        else:
            return None
        mark_ms = self._clock.mark_ms(sorted(following.paths))
        was_silent = mark_ms is not None and at_ms + following.timeout_ms <= mark_ms
        if following.tariff is None or not was_silent:
            return Chosen(following)
        begun = _begun(current.name, event, number)
        begun.previous = following.previous
        return Chosen(begun, follows=following)

    # -- late

    def choose_late(self, name: SessionName, event: UsageEvent, number: int) -> Chosen:
        """The life that a late event belongs to."""
        current = self.current(name)
        known: list[Life] = []
        life = current
        while life is not None and len(known) <= LIVES_BACK_MAX and not self._is_gone(life):
            known.append(life)
            life = life.previous
        closed = [each for each in self.lives.get(name, []) if not each.is_open]
        if closed:
            best = _nearest(closed, event.event_at_ms)
            if best not in known:
                known.append(best)
            if self._is_gone(best):
                # Restored from its CDR it is alone: what it replaced is older.
                best.previous = None
        if not known:
            return Chosen(_begun(name, event, number), is_current=True)
        best = _nearest(known, event.event_at_ms)
        if not _begins(best, event):
            return Chosen(best)
        begun = _begun(name, event, number)
        is_before = event.event_at_ms < best.first_ms
        if current is None or (best is current and not is_before):
            begun.previous = current
            return Chosen(begun, is_current=True)
        return Chosen(begun)

    def _is_gone(self, life: Life) -> bool:
        return not life.is_open and life.closed_hour < self._clock.gone_hour


def _begun(name: SessionName, event: UsageEvent, number: int) -> Life:
    return Life(name, number, event.event_at_ms, event.event_at_ms, event.received_at_ms)


def _goes_on(life: Life, event: UsageEvent) -> bool:
    """Whether use behind the last event of a life is still part of it."""
    return life.opens_again or not _is_apart(life, event)


def _is_apart(life: Life, event: UsageEvent) -> bool:
    """Whether use behind the last event of a life is another one, where that may be."""
    if life.taken_by is not None:
        return event.type == EventType.START
    if life.is_idle:
        return event.active is not False
    return life.is_stopped or event.event_at_ms - life.last_ms > life.timeout_ms


def _reaches_back(life: Life, event: UsageEvent) -> bool:
    """Whether use before the first event of a life is its beginning."""
    if life.tariff is None or (life.opens_again and life.previous is None):
        return True
    return life.first_ms - event.event_at_ms <= life.timeout_ms and event.type not in ENDINGS


def _begins(life: Life, event: UsageEvent) -> bool:
    """Whether a late event is apart from the nearest life."""
    at_ms = event.event_at_ms
    if life.opens_again:
        return False
    if at_ms < life.first_ms:
        return event.type in ENDINGS or life.first_ms - at_ms > life.timeout_ms
    if life.is_open or at_ms <= life.last_ms or event.type in ENDINGS:
        return False
    return _is_apart(life, event)


def _nearest(lives: list[Life], at_ms: int) -> Life:
    """The one that holds a moment, else the nearest earlier, else the earliest."""
    earlier = [life for life in lives if life.first_ms <= at_ms]
    if not earlier:
        return min(lives, key=lambda life: (life.first_ms, life.reach_ms))
    return max(earlier, key=lambda life: (life.reach_ms >= at_ms, life.first_ms, life.reach_ms))
