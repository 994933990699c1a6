"""Who owes what: money in, and everything that was used, summed from nothing each time.

Invariant: shares nothing with ``wallet`` or ``shard.posting``; a balance is a sum, not moved along.
It does not own what was used by sessions (``lives``), which it asks for their totals.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cli.sim.audit.calendars import periods
from cli.sim.audit.lives import Life
from cli.sim.audit.logged import Member
from cli.sim.audit.periods import PeriodPrice, Priced, price_of_periods
from cli.sim.audit.prices import Line, Price, price_of
from cli.sim.audit.terms import PPM, Tariff
from cli.sim.audit.uses import loose_use
from schemas.commands import Command
from schemas.usage import UsageEvent

CURRENCY = "KRW"
# A member and a tariff; what their calendar periods cost.
Scope = tuple[Member, str]
Periods = dict[tuple[str, str], PeriodPrice]


class Answer(NamedTuple):
    """What a command must have come to."""

    outcome: str
    reason: str
    amount_micros: int
    currency: str
    stamp_ms: int
    request_hash: bytes


class Loose(NamedTuple):
    """One use outside sessions.

    Args:
        member: Who used.
        priced: What, by which terms.
        price: What it costs by itself.
    """

    member: Member
    priced: Priced
    price: Price


@dataclass
class Accounts:
    """The money of one shard.

    Args:
        answers: What each command must have come to, by tenant, member and key.
        topped_up: Money in, by member.
        loose: Use outside sessions.
        passes: By member, tariff and period, with the terms and the line.
    """

    answers: dict[tuple[str, str, str], Answer] = field(
        default_factory=dict[tuple[str, str, str], Answer]
    )
    topped_up: Counter[Member] = field(default_factory=Counter[Member])
    loose: list[Loose] = field(default_factory=list[Loose])
    passes: dict[tuple[Member, str, str], tuple[Tariff, Line]] = field(
        default_factory=dict[tuple[Member, str, str], tuple[Tariff, Line]]
    )
    _periods: dict[Scope, tuple[list[Priced], Periods]] = field(
        default_factory=dict[Scope, tuple[list[Priced], Periods]]
    )

    def command(self, command: Command, stamp_ms: int) -> None:
        """The first command of a key decides; later ones change nothing."""
        name = (command.tenant, command.member, command.key)
        if name in self.answers:
            return
        body = command.body
        outcome, reason = "posted", ""
        if stamp_ms > command.deadline_ms:
            outcome, reason = "expired", "expired"
        elif body.amount_micros <= 0:
            outcome, reason = "refused", "amount-invalid"
        elif body.currency != CURRENCY:
            outcome, reason = "refused", "currency-mismatch"
        else:
            self.topped_up[command.tenant, command.member] += body.amount_micros
        amount, currency = body.amount_micros, body.currency
        self.answers[name] = Answer(
            outcome, reason, amount, currency, stamp_ms, command.request_hash
        )

    def use(self, event: UsageEvent, tariff: Tariff) -> None:
        """Use outside sessions is priced alone."""
        member, use = (event.tenant, event.subject), loose_use(event)
        self.loose.append(Loose(member, Priced(tariff, use), price_of(tariff, use)))
        self.buy_passes(member, tariff, event.event_at_ms, event.event_at_ms)

    def buy_passes(self, member: Member, tariff: Tariff, first_ms: int, last_ms: int) -> None:
        """A pass for every period that a use touches, once."""
        for kind, price in tariff.passes:
            for name in periods(kind, first_ms, last_ms, tariff.zone):
                line = Line("flat", name, "", 0, 1, price)
                self.passes.setdefault((member, tariff.id, name), (tariff, line))

    def periods(self, lives: Iterable[Life], whose: Member | None = None) -> dict[Scope, Periods]:
        """What calendar periods cost besides the uses in them, by member and tariff.

        Args:
            lives: All, or all of a member.
            whose: That member.
        """
        uses: dict[Scope, list[Priced]] = {}
        for life in lives:
            if life.priced is not None and life.priced.counts:
                member = (life.name.tenant, life.name.member)
                uses.setdefault((member, life.priced.tariff.id), []).append(life.priced)
        for each in self.loose:
            if each.priced.counts and whose in {each.member, None}:
                uses.setdefault((each.member, each.priced.tariff.id), []).append(each.priced)
        return {scope: self._period(scope, found) for scope, found in uses.items()}

    def _period(self, scope: Scope, uses: list[Priced]) -> Periods:
        """Worked out from all uses, once for the same uses."""
        known = self._periods.get(scope)
        if known is None or [*map(id, known[0])] != [*map(id, uses)]:
            known = self._periods[scope] = (uses, price_of_periods(uses))
        return known[1]

    def posted(self, member: Member, lives: Iterable[Life]) -> int:
        """What a member has: all that came in, less all that everything costs."""
        own = [life for life in lives if (life.name.tenant, life.name.member) == member]
        spent = sum(life.price.total for life in own)
        spent += sum(each.price.total for each in self.loose if each.member == member)
        spent += sum(
            line.amount for (whose, _, _), (_, line) in self.passes.items() if whose == member
        )
        for found in self.periods(own, member).values():
            spent += sum(each.total for each in found.values())
        return self.topped_up[member] - spent

    def members(self, lives: Iterable[Life]) -> list[Member]:
        """Everybody whose money moved or could have."""
        found = {*self.topped_up, *(each.member for each in self.loose)}
        found |= {(life.name.tenant, life.name.member) for life in lives}
        return sorted(found | {whose for whose, _, _ in self.passes})

    def providers(self, lives: Sequence[Life]) -> Counter[str]:
        """What each provider is owed."""
        owed: Counter[str] = Counter()
        for life in lives:
            if life.priced is not None:
                owed[life.priced.tariff.provider] += life.price.provider
        for each in self.loose:
            owed[each.priced.tariff.provider] += each.price.provider
        for tariff, line in self.passes.values():
            owed[tariff.provider] += line.amount * tariff.versions[0].provider_ppm // PPM
        for found in self.periods(lives).values():
            for period in found.values():
                owed.update(period.providers)
        return owed
