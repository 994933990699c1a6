"""Who owes what: money in, and everything that was used, summed from nothing each time.

Invariant: shares nothing with ``wallet`` or ``shard.posting``; a balance is a sum, not moved along.
It does not own what was used by sessions (``lives``), which it asks for their totals.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from cli.sim.audit.agreements import Agreements
from cli.sim.audit.lives import Life
from cli.sim.audit.logged import Member
from cli.sim.audit.prices import Tariff, Totals, cost, days, share
from cli.sim.audit.shadows import Shadows
from schemas.commands import Command, TopUp
from schemas.usage import UsageEvent

CURRENCY = "KRW"


class Answer(NamedTuple):
    """What a command must have come to."""

    outcome: str
    reason: str
    amount_micros: int
    currency: str
    stamp_ms: int
    request_hash: bytes


@dataclass
class Accounts:
    """The money of one shard.

    Args:
        answers: What each command must have come to, by tenant, member and key.
        topped_up: Money in, by member.
        loose: What use outside sessions costs, by member and content.
        passes: By member, tariff and day, with the terms and the price.
        provided: What providers are owed for use outside sessions.
        shadows: What shadow tariffs would come to.
    """

    answers: dict[tuple[str, str, str], Answer] = field(
        default_factory=dict[tuple[str, str, str], Answer]
    )
    topped_up: Counter[Member] = field(default_factory=Counter[Member])
    loose: Counter[tuple[Member, str]] = field(default_factory=Counter[tuple[Member, str]])
    passes: dict[tuple[Member, str, str], tuple[Tariff, int]] = field(
        default_factory=dict[tuple[Member, str, str], tuple[Tariff, int]]
    )
    provided: Counter[str] = field(default_factory=Counter[str])
    shadows: Shadows = field(default_factory=Shadows)

    def command(
        self, command: Command, stamp_ms: int, agreements: Agreements, lives: Iterable[Life]
    ) -> None:
        """The first command of a key decides; later ones change nothing."""
        name = (command.tenant, command.member, command.key)
        if name in self.answers:
            return
        body = command.body
        outcome, reason = "posted", ""
        if stamp_ms > command.deadline_ms:
            outcome, reason = "expired", "expired"
        elif not isinstance(body, TopUp):
            outcome, reason = agreements.change((command.tenant, command.member), body, lives)
        elif body.amount_micros <= 0:
            outcome, reason = "refused", "amount-invalid"
        elif body.currency != CURRENCY:
            outcome, reason = "refused", "currency-mismatch"
        else:
            self.topped_up[command.tenant, command.member] += body.amount_micros
        amount, currency = 0, ""
        if isinstance(body, TopUp):
            amount, currency = body.amount_micros, body.currency
        self.answers[name] = Answer(
            outcome, reason, amount, currency, stamp_ms, command.request_hash
        )

    def use(self, event: UsageEvent, tariff: Tariff) -> int:
        """Use outside sessions is priced alone; what it costs without a pass."""
        member = (event.tenant, event.subject)
        items = {event.item: event.quantity} if event.item else {}
        used = Totals(0, event.meters or {}, items, {})
        amount = cost(tariff, used)
        self.shadows.use(member, tariff, used)
        self.loose[member, tariff.content] += amount
        self.provided[tariff.provider] += share(tariff, amount)
        self.buy_passes(member, tariff, event.event_at_ms, event.event_at_ms)
        return amount

    def buy_passes(self, member: Member, tariff: Tariff, first_ms: int, last_ms: int) -> None:
        """A pass for every day that a use touches, once."""
        self.shadows.buy_passes(member, tariff, first_ms, last_ms)
        price = tariff.pass_price
        if price is not None:
            for day in days(tariff, first_ms, last_ms):
                self.passes.setdefault((member, tariff.words["id"], day), (tariff, price))

    def posted(self, member: Member, lives: Iterable[Life]) -> int:
        """What a member has: all that came in, less all that everything costs."""
        spent = sum(life.total for life in lives if (life.name.tenant, life.name.member) == member)
        spent += sum(amount for (whose, _), amount in self.loose.items() if whose == member)
        spent += sum(price for (whose, _, _), (_, price) in self.passes.items() if whose == member)
        return self.topped_up[member] - spent

    def members(self, lives: Iterable[Life]) -> list[Member]:
        """Everybody whose money moved or could have."""
        found = {*self.topped_up, *(whose for whose, _ in self.loose)}
        found |= {(life.name.tenant, life.name.member) for life in lives}
        return sorted(found | {whose for whose, _, _ in self.passes})

    def providers(self, lives: Iterable[Life]) -> Counter[str]:
        """What each provider is owed."""
        owed = Counter(self.provided)
        for life in lives:
            if life.tariff is not None:
                owed[life.tariff.provider] += share(life.tariff, life.total)
        for tariff, price in self.passes.values():
            owed[tariff.provider] += share(tariff, price)
        return owed
