"""Passes that members bought, as the log and the catalogue's words say they must be.

Invariant: shares nothing with ``rating`` or ``shard``; an end is looked for on the local clock.
It does not own what use inside them costs (``covered``, ``prices``).
"""

from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cli.sim.audit.calendars import DAY_MS, QUARTER_MS, local_time, period_at
from cli.sim.audit.logged import Member
from cli.sim.audit.terms import PPM, Tariff, Words, micros
from schemas.commands import BuyPass
from schemas.moment import HOUR_MS

TRIES = 72
AHEAD_MAX = 100
Place = tuple[Member, str]


@dataclass
class Held:
    """A pass that was paid.

    Args:
        tariff: In whose words it was sold.
        period: ``day``, ``week`` or ``month``.
        from_ms: Its beginning.
        to_ms: Where it is over.
        amount: What it cost.
        is_rolling: Whether it ends with no calendar period.
        day: On which its month ends.
        next_ms: When another one is to be bought, or None.
    """

    tariff: Tariff
    period: str
    from_ms: int
    to_ms: int
    amount: int
    is_rolling: bool
    day: int
    next_ms: int | None

    @property
    def provided(self) -> int:
        """The provider's part."""
        return self.amount * self.tariff.version_at(self.from_ms).provider_ppm // PPM


class Due(NamedTuple):
    """A renewal that is to be tried."""

    at_ms: int
    place: Place


@dataclass
class Memberships:
    """All passes of one shard's members.

    Args:
        held: By member and tariff, in the order of their beginnings.
    """

    held: dict[Place, list[Held]] = field(default_factory=dict[Place, list[Held]])

    def stretches(self, member: Member, tariff: str) -> tuple[tuple[int, int], ...]:
        """What a member's passes on a tariff cover."""
        return tuple((each.from_ms, each.to_ms) for each in self.held.get((member, tariff), ()))

    def all(self) -> Iterator[tuple[Member, Held]]:
        """Every pass and whose it is."""
        for (member, _), passes in self.held.items():
            for each in passes:
                yield member, each

    def spent(self, member: Member) -> int:
        """What a member paid for them."""
        return sum(each.amount for whose, each in self.all() if whose == member)

    def buy(
        self, member: Member, tariff: Tariff | None, wish: BuyPass, now_ms: int, posted: int | None
    ) -> str:
        """Why a pass is not sold, or nothing: then it is."""
        if tariff is None:
            return "content-unknown"
        words = _sold(tariff, wish.period, now_ms)
        if words is None:
            return "pass-not-sold"
        if wish.renews and not words.get("renews"):
            return "pass-renews-not"
        if posted is None:
            return "wallet-frozen"
        known = self.held.get((member, tariff.id), [])
        if len([each for each in known if each.to_ms > now_ms]) >= AHEAD_MAX:
            return "passes-too-many"
        if posted < micros(words["price"]):
            return "insufficient-funds"
        renews = words.get("renews", False) if wish.renews is None else wish.renews
        self._sell(member, tariff, words, now_ms, renews=bool(renews))
        return ""

    def cancel(self, member: Member, sold: tuple[Member, str, int] | None) -> str:
        """Why a renewal cannot be cancelled, or nothing: then there is none."""
        owner, tariff, from_ms = sold or (member, "", 0)
        for each in self.held.get((member, tariff), ()):
            if owner == member and each.from_ms == from_ms:
                each.next_ms = None
                return ""
        return "pass-unknown"

    def renew(
        self,
        until_ms: int | None,
        tariff_of: Callable[[Member, str], Tariff | None],
        left_for: Callable[[Member, Tariff | None, int], int],
    ) -> None:
        """Tries whatever is due, the earliest first, until nothing is."""
        while until_ms is not None:
            due = [
                Due(passes[-1].next_ms, place)
                for place, passes in self.held.items()
                if passes[-1].next_ms is not None and passes[-1].next_ms <= until_ms
            ]
            if not due:
                return
            self._try(min(due, key=_in_turn), tariff_of, left_for)

    def _try(
        self,
        due: Due,
        tariff_of: Callable[[Member, str], Tariff | None],
        left_for: Callable[[Member, Tariff | None, int], int],
    ) -> None:
        member, name = due.place
        last = self.held[due.place][-1]
        tariff = tariff_of(member, last.tariff.content)
        words = None if tariff is None else _sold(tariff, last.period, due.at_ms)
        if tariff is None or words is None or tariff.id != name or not words.get("renews"):
            last.next_ms = None
        elif left_for(member, tariff, due.at_ms) >= micros(words["price"]):
            self._sell(member, tariff, words, due.at_ms, renews=True)
        else:
            later_ms = due.at_ms + HOUR_MS
            last.next_ms = later_ms if later_ms <= last.to_ms + TRIES * HOUR_MS else None

    def _sell(
        self, member: Member, tariff: Tariff, words: Words, now_ms: int, *, renews: bool
    ) -> None:
        known = self.held.setdefault((member, tariff.id), [])
        from_ms = max([now_ms, *(each.to_ms for each in known)])
        rolling = bool(words.get("rolling"))
        day = local_time(from_ms, tariff.zone).day
        if known and known[-1].to_ms == from_ms and known[-1].is_rolling:
            day = known[-1].day if known[-1].period == words["period"] == "month" else day
        to_ms = end_ms(str(words["period"]), from_ms, tariff.zone, day if rolling else 0)
        for each in known:
            each.next_ms = None
        amount = micros(words["price"])
        known.append(
            Held(
                tariff, str(words["period"]), from_ms, to_ms, amount, rolling, day,
                to_ms if renews else None,
            )
        )  # fmt: skip


def _in_turn(due: Due) -> tuple[int, str]:
    (tenant, member), tariff = due.place
    return due.at_ms, f"{tenant}\x1f{member}\x1f{tariff}"


def _sold(tariff: Tariff, period: str, now_ms: int) -> Words | None:
    """The words of the pass that is on sale."""
    return next(
        (
            words
            for words in tariff.version_at(now_ms).components
            if words["kind"] == "flat"
            and words.get("starts") == "purchase"
            and words["period"] == period
        ),
        None,
    )


@cache
def end_ms(period: str, from_ms: int, zone: ZoneInfo, day: int) -> int:
    """Where a pass is over.

    Args:
        period: ``day``, ``week`` or ``month``.
        from_ms: Its beginning.
        zone: The content's.
        day: Of a rolling pass; of a month the day on which it ends. 0 for a calendar period.
    """
    if day and period != "month":
        return from_ms + {"day": 1, "week": 7}[period] * DAY_MS
    local = local_time(from_ms, zone).replace(tzinfo=None)
    first = (local.replace(day=1) + timedelta(days=32)).replace(day=1)
    wanted = first.replace(day=min(max(day, 1), monthrange(first.year, first.month)[1]))
    name = period_at(period, from_ms, zone)
    at_ms = from_ms // QUARTER_MS * QUARTER_MS
    while True:
        at_ms += QUARTER_MS
        if not day and period_at(period, at_ms, zone) != name:
            return at_ms
        ahead_ms = (wanted - local_time(at_ms, zone).replace(tzinfo=None)) // timedelta(
            milliseconds=1
        )
        if day and 0 <= ahead_ms < QUARTER_MS:
            return at_ms + ahead_ms
