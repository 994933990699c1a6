"""How much of what is wanted an amount buys, by the dearest prices that a grant may meet.

Invariant: nothing of the state is changed; what use would cost is what the very functions say that
charge it, so a grant that is used in time is covered by what was set aside for it.
It does not own who asks, nor what is set aside (``shard.granting``).
"""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import msgspec

from rating.ahead import moments_ahead, with_units
from rating.catalogue import ContentTerms
from rating.passes import passes
from rating.price import Usage, price
from rating.scopes import brought_in
from rating.session import Session, billable
from rating.tariff import TariffTerms
from schemas.errors import BrokenInvariant
from schemas.grants import Units
from schemas.money import AMOUNT_MAX
from shard.bought import cuts, stretches
from shard.counters import Owner, move
from shard.posting import pass_field
from shard.state import ShardState


class Sized(NamedTuple):
    """What an amount buys.

    Args:
        units: As wanted, or less.
        cost_micros: The most that they cost.
        is_whole: Whether they are all that was wanted.
    """

    units: tuple[Units, ...]
    cost_micros: int
    is_whole: bool

    @property
    def is_something(self) -> bool:
        """Whether anything may be delivered."""
        return any(each.units for each in self.units)


class Sizing:
    """What more use of a session costs.

    Args:
        state: Read only; what ``shard.wants`` named for the asking is loaded.
        session: As it is, or as it would begin.
        terms: That price it.
        until_ms: Until when the grant holds.
        is_new: Whether it has not begun; it may do so at any moment until then.
    """

    def __init__(
        self,
        state: ShardState,
        session: Session,
        terms: ContentTerms,
        until_ms: int,
        *,
        is_new: bool,
    ) -> None:
        self._state, self._session, self._terms = state, session, terms
        self._is_new = is_new
        covered = stretches(state, session.tenant, session.member, terms, session.start_ms)
        self._usage = billable(session, terms.tariff, covered)
        between = cuts(state, session, terms)
        until_ms = max(until_ms, session.last_ms)
        moments = [*moments_ahead(terms.tariff, session.last_ms, until_ms, between)]
        # Moments of one version and one period share their tiers and free units.
        self._groups: dict[tuple[int, int], list[int]] = {}
        for at_ms in moments:
            self._groups.setdefault(_ladder(terms.tariff, at_ms), []).append(at_ms)
        self._moments = tuple(moments)
        self._owner = Owner(session.tenant, session.member, terms, session.catalogue)

    def within(self, wanted: Sequence[Units], budget_micros: int) -> Sized:
        """As much of what is wanted as an amount pays, all things in the same proportion.

        Args:
            wanted: More than was used so far.
            budget_micros: To be spent.
        """
        budget_micros = max(0, budget_micros)
        whole = self._cost(wanted)
        if whole <= budget_micros:
            return Sized((*wanted,), whole, is_whole=True)
        most = max((each.units for each in wanted), default=0)
        low, high = 0, most
        while high - low > 1:
            middle = (low + high) // 2
            if self._cost(_part_of(wanted, middle, most)) <= budget_micros:
                low = middle
            else:
                high = middle
        units = _part_of(wanted, low, most)
        cost = self._cost(units)
        if cost > budget_micros:
            units = _part_of(wanted, 0, most)
            cost = 0
        return Sized(units, cost, is_whole=False)

    def _cost(self, more: Sequence[Units]) -> int:
        """The most that it costs, whenever it is used; the largest amount where it has no price.

        Each thing may be used when that is dearest, and some of it before prices change and some
        behind that, where free units, tiers and their fees begin anew.
        """
        counted = [each for each in more if each.kind != "time" and each.units]
        try:
            if len(self._moments) == 1 or not counted:
                return max(self._cost_at(more, at_ms) for at_ms in self._moments)
            timed = [each for each in more if each.kind == "time"]
            cost = max(self._cost_at(timed, at_ms) for at_ms in self._moments)
            for moments in self._groups.values():
                for each in counted:
                    grown = [
                        self._cost_at((each,), at_ms) - self._without[at_ms] for at_ms in moments
                    ]
                    cost += max(0, *grown)
        except BrokenInvariant:
            return AMOUNT_MAX
        return cost

    @cached_property
    def _without(self) -> dict[int, int]:
        """What it costs at each moment where nothing more is used."""
        return {at_ms: self._cost_at((), at_ms) for at_ms in self._moments}

    def _cost_at(self, more: Sequence[Units], at_ms: int) -> int:
        session, tariff, usage = self._session, self._terms.tariff, self._usage
        if self._is_new:
            usage = msgspec.structs.replace(usage, start_ms=at_ms)
        usage = with_units(tariff, usage, more, at_ms)
        lines = price(tariff, usage)
        cost = sum(line.amount_micros for line in lines) - session.charged_micros
        if tariff.finest is not None:
            since_ms = min(usage.start_ms + self._usage.duration_ms, at_ms)
            after = brought_in(tariff, usage, lines, session.scopes, since_ms)
            cost += move(self._state, self._owner, session.scopes, after, {}).total_micros
        return max(0, cost + self._passes(usage, at_ms))

    def _passes(self, usage: Usage, at_ms: int) -> int:
        """Passes that the use would need and the member has not got."""
        terms, session = self._terms, self._session
        end_ms = max(at_ms, usage.start_ms + usage.duration_ms)
        due = 0
        for each in passes(terms.tariff, usage.start_ms, end_ms, terms.zone):
            field = pass_field(
                session.tenant, session.member, terms.tariff.id, each.kind, each.period
            )
            if self._state.pass_sold(field) is None:
                due += each.amount_micros
        return due


def _ladder(tariff: TariffTerms, at_ms: int) -> tuple[int, int]:
    """Version and period of a moment."""
    period_ms = 0 if tariff.calendar is None else tariff.calendar.at(at_ms).start_ms
    return tariff.version_at(at_ms), period_ms


def _part_of(wanted: Sequence[Units], part: int, whole: int) -> tuple[Units, ...]:
    return tuple(
        Units(each.kind, each.meter, each.units * part // whole if whole else 0) for each in wanted
    )
