"""What servers are told, held against the books: limits, cut-offs, low balances.

Invariant: shares no rule with ``shard.signals``; a signal is right when the balance and the consent
at its record are what it says. It does not own either (``book``, ``agreements``).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from cli.sim.audit.agreements import Agreements
from cli.sim.audit.choosing import Choosing
from cli.sim.audit.covered import is_inside
from cli.sim.audit.lives import Life, SessionName
from cli.sim.audit.logged import Logged, Told
from cli.sim.audit.remaining import check_remaining


class Books(Protocol):
    """Who knows what everybody has."""

    def all_lives(self) -> list[Life]:
        """All lives of all sessions."""
        ...

    def available(self, life: Life) -> int:
        """What there is for a session."""
        ...


class Hearing:
    """Signals of one shard.

    Args:
        told: By the offset of their record.
        choosing: Lives of sessions.
        agreements: Of members.
        books: What everybody has.

    Attributes:
        limited: Sessions whose servers must be told of a limit with the record in hand.
    """

    def __init__(
        self,
        told: Mapping[int, Sequence[Told]],
        choosing: Choosing,
        agreements: Agreements,
        books: Books,
    ) -> None:
        self.limited: list[SessionName] = []
        self._told = told
        self._choosing = choosing
        self._agreements = agreements
        self._books = books

    def hear(self, offset: int) -> Iterator[str]:
        """What is wrong with what a record made the shard say, or leave unsaid."""
        yield from self._signals(offset)
        for life in self._choosing.open_lives():
            is_told = not life.consent or life.is_cut
            if not is_told and self._agreements.is_over(life, self._books.all_lives()):
                yield f"record {offset}: {life.name} goes on beyond its consent"

    def _signals(self, offset: int) -> Iterator[str]:
        all_told = self._told.get(offset, ())
        limited = [told.name for told in all_told if told.kind == "limit_reached"]
        if sorted(limited) != sorted({*self.limited}):
            yield f"record {offset}: told {limited} of a limit, must be {self.limited}"
        self.limited.clear()
        for told in all_told:
            if told.kind == "limit_reached":
                continue
            life = self._choosing.current(told.name)
            if life is None or not life.is_open:
                yield f"record {offset}: {told.kind} for {told.name}, not open"
                continue
            left, is_over = self._books.available(life), self._is_over(life)
            fits = left <= 0 or is_over if told.kind == "cut_off" else left > 0 and not is_over
            if not fits:
                yield f"record {offset}: {told.kind} for {told.name} with {left} micro left"
            if told.kind == "low_balance":
                yield from check_remaining(told, life)
            else:
                life.is_cut = told.kind == "cut_off"

    def expect_cut(self, name: SessionName, logged: Logged) -> Iterator[str]:
        """Use without money is answered with a cut-off, each time."""
        life = self._choosing.current(name)
        if life is None or not life.is_open or life.tariff is None:
            return
        left = self._books.available(life)
        at_ms = max(life.last_ms, logged.stamp_ms)
        is_covered = life.tariff.is_free_inside and is_inside(life.passes, at_ms)
        costs = life.tariff.costs_by_use or (bool(life.tariff.passes) and left < 0)
        if not self._is_over(life) and (is_covered or not costs or left > 0):
            return
        told = self._told.get(logged.offset, ())
        if not any(each.kind == "cut_off" and each.name == name for each in told):
            yield f"record {logged.offset}: no cut-off for {name} without money or consent"

    def _is_over(self, life: Life) -> bool:
        return self._agreements.is_over(life, self._books.all_lives())
