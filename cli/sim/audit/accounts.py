"""Who owes what: money in, and everything that was used, summed from nothing each time.

Invariant: shares nothing with ``wallet`` or ``shard.posting``; a balance is a sum, not moved along.
It does not own what was used by sessions (``lives``), which it asks for their totals.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cli.sim.audit.agreements import Agreements
from cli.sim.audit.calendars import periods
from cli.sim.audit.lives import Life
from cli.sim.audit.logged import Member
from cli.sim.audit.memberships import Memberships
from cli.sim.audit.periods import Brought, Period, PeriodPrice, brought_by, price_of_period
from cli.sim.audit.prices import Line, Price, price_of
from cli.sim.audit.set_aside import SetAside
from cli.sim.audit.terms import PPM, Tariff
from cli.sim.audit.used import loose_use
from schemas.card_orders import CardOrder, RedeemCard
from schemas.commands import (
    AskGrant,
    BuyPass,
    CancelPass,
    CaptureHold,
    Command,
    CorrectPrice,
    EndGrant,
    FreezeWallet,
    GiveCredit,
    GrantMandate,
    PlaceHold,
    ReleaseHold,
    Reserve,
    RevokeConsent,
    SendMoney,
    TopUp,
)
from schemas.legs import Leg
from schemas.usage import UsageEvent
from schemas.withdrawals import WithdrawalOrder

CURRENCY = "KRW"
_GIVERS = {"promotion": "promotion", "points": "points", "card": "world"}
Dealt = BuyPass | CancelPass | CorrectPrice | Reserve | SendMoney | FreezeWallet
# A member, a tariff and what counts over a period.
Scope = tuple[Member, str, Period]


class Answer(NamedTuple):
    """What a command must have come to; ``said`` as ``cli.sim.desk.Order`` says it."""

    outcome: str
    reason: str
    said: tuple[object, ...]
    stamp_ms: int
    request_hash: bytes


class Loose(NamedTuple):
    """One use outside sessions.

    Args:
        member: Who used.
        tariff: Its terms.
        price: What it costs by itself.
        brought: What it brings into calendar periods.
    """

    member: Member
    tariff: Tariff
    price: Price
    brought: dict[Period, Brought]


@dataclass
class Accounts:
    """The money of one shard.

    Args:
        answers: What each command must have come to, by tenant, member and key.
        topped_up: Money in, by member.
        came_from: The same by the account that it came from.
        loose: Use outside sessions.
        passes: By member, tariff and period, with the terms and the line.
        memberships: Passes that members bought.
        set_aside: Holds.
        begun: Terms of a calendar period: those in force when it was first brought anything.
    """

    answers: dict[tuple[str, str, str], Answer] = field(
        default_factory=dict[tuple[str, str, str], Answer]
    )
    topped_up: Counter[Member] = field(default_factory=Counter[Member])
    came_from: Counter[str] = field(default_factory=Counter[str])
    loose: list[Loose] = field(default_factory=list[Loose])
    passes: dict[tuple[Member, str, str], tuple[Tariff, Line]] = field(
        default_factory=dict[tuple[Member, str, str], tuple[Tariff, Line]]
    )
    memberships: Memberships = field(default_factory=Memberships)
    set_aside: SetAside = field(default_factory=SetAside)
    begun: dict[Scope, Tariff] = field(default_factory=dict[Scope, Tariff])

    def command(
        self,
        command: Command,
        stamp_ms: int,
        agreements: Agreements,
        lives: Iterable[Life],
        deal: Callable[[Dealt], tuple[str, str]],
    ) -> None:
        """The first command of a key decides; later ones change nothing.

        Args:
            command: From the log.
            stamp_ms: When it was appended.
            agreements: Of members.
            lives: All of them.
            deal: Does what it says of passes, prices and holds; tells how that ended, and why.
        """
        name = (command.tenant, command.member, command.key)
        if name in self.answers:
            return
        body = command.body
        outcome, reason = "posted", ""
        if stamp_ms > command.deadline_ms:
            outcome, reason = "expired", "expired"
        elif isinstance(body, Dealt):
            outcome, reason = deal(body)
        elif isinstance(body, GrantMandate | RevokeConsent):
            outcome, reason = agreements.change((command.tenant, command.member), body, lives)
        elif isinstance(body, GiveCredit) and body.expires_ms and body.expires_ms <= stamp_ms:
            outcome, reason = "refused", "expiry-invalid"
        elif isinstance(body, AskGrant | EndGrant | RedeemCard | CardOrder | WithdrawalOrder):
            raise AssertionError(
                "no workload asks for grants, cards or withdrawals; judge them here"
            )
        elif body.amount_micros <= 0:
            outcome, reason = "refused", "amount-invalid"
        elif body.currency != CURRENCY:
            outcome, reason = "refused", "currency-mismatch"
        else:
            self.topped_up[command.tenant, command.member] += body.amount_micros
            self.came_from[_GIVERS[body.bucket] if isinstance(body, GiveCredit) else "world"] += (
                body.amount_micros
            )
        match body:
            case TopUp():
                said: tuple[object, ...] = (body.amount_micros, body.currency)
            case PlaceHold():
                said = ("hold", body.amount_micros, body.content)
            case CaptureHold():
                said = ("capture", body.amount_micros, body.is_final)
            case ReleaseHold():
                said = ("release",)
            case FreezeWallet():
                said = ("freeze", body.reason)
            case SendMoney():
                said = ("send", body.amount_micros, body.receiver)
            case GiveCredit():
                said = ("give", body.bucket, body.amount_micros)
            case BuyPass():
                said = ("buy", body.content, body.period, body.renews)
            case CancelPass():
                said = ("cancel",)
            case _:
                said = (0, "")
        self.answers[name] = Answer(outcome, reason, said, stamp_ms, command.request_hash)

    def arrive(self, leg: Leg, member: str, reason: str, stamp_ms: int) -> None:
        """Money that came from another shard, or that could not be taken for a reason."""
        if not reason:
            self.topped_up[leg.tenant, member] += leg.amount_micros
            self.came_from["transit"] += leg.amount_micros
        if leg.kind == "send":
            outcome = "refused" if reason else "posted"
            name = (leg.tenant, leg.receiver, f"\x02{leg.name}")
            self.answers[name] = Answer(outcome, reason, (), stamp_ms, b"")

    def use(self, event: UsageEvent, tariff: Tariff) -> int:
        """Use outside sessions is priced alone; what it costs without a pass."""
        member = (event.tenant, event.subject)
        passes = self.memberships.stretches(member, tariff.id) if tariff.covers else ()
        use = loose_use(event, passes)
        brought = brought_by(tariff, use)
        price = price_of(tariff, use)
        self.loose.append(Loose(member, tariff, price, brought))
        self.begin_periods(member, tariff, brought)
        self.buy_passes(member, tariff, event.event_at_ms, event.event_at_ms)
        return price.total

    def begin_periods(self, member: Member, in_force: Tariff, brought: Iterable[Period]) -> None:
        """A calendar period keeps the terms that were in force when it was first brought to."""
        for period in brought:
            self.begun.setdefault((member, in_force.id, period), in_force)

    def buy_passes(self, member: Member, tariff: Tariff, first_ms: int, last_ms: int) -> None:
        """A pass for every period that a use touches, once."""
        for kind, price in tariff.passes:
            for name in periods(kind, first_ms, last_ms, tariff.zone):
                line = Line("flat", name, "", 0, 1, price)
                self.passes.setdefault((member, tariff.id, name), (tariff, line))

    def periods(
        self, lives: Iterable[Life], whose: Member | None = None
    ) -> dict[Scope, PeriodPrice]:
        """What calendar periods cost besides the uses in them.

        Args:
            lives: All, or all of a member.
            whose: That member.
        """
        brought = {
            scope: dict[str, Counter[str]]()
            for scope in self.begun
            if whose is None or scope[0] == whose
        }
        for life in lives:
            if life.terms is not None:
                member = (life.name.tenant, life.name.member)
                for period, by_rate in life.brought.items():
                    into = brought[member, life.terms.id, period]
                    into.setdefault(life.terms.provider, Counter()).update(by_rate)
        for each in self.loose:
            for period, by_rate in each.brought.items() if whose in {each.member, None} else ():
                into = brought[each.member, each.tariff.id, period]
                into.setdefault(each.tariff.provider, Counter()).update(by_rate)
        return {
            scope: price_of_period(self.begun[scope], scope[2], found)
            for scope, found in brought.items()
        }

    def posted(self, member: Member, lives: Iterable[Life]) -> int:
        """What a member has: all that came in, less all that everything costs."""
        own = [life for life in lives if (life.name.tenant, life.name.member) == member]
        spent = sum(life.price.total for life in own)
        spent += sum(each.price.total for each in self.loose if each.member == member)
        spent += sum(
            line.amount for (whose, _, _), (_, line) in self.passes.items() if whose == member
        )
        spent += sum(each.total for each in self.periods(own, member).values())
        spent += sum(
            hold.captured for (whose, _), hold in self.set_aside.taken.items() if whose == member
        )
        return self.topped_up[member] - spent - self.memberships.spent(member)

    def members(self, lives: Iterable[Life]) -> list[Member]:
        """Everybody whose money moved or could have."""
        found = {*self.topped_up, *(each.member for each in self.loose)}
        found |= {(life.name.tenant, life.name.member) for life in lives}
        found |= {whose for whose, _ in self.memberships.all()}
        return sorted(found | {whose for whose, _, _ in self.passes})

    def providers(self, lives: Sequence[Life]) -> Counter[str]:
        """What each provider is owed."""
        owed: Counter[str] = Counter()
        for life in lives:
            if life.terms is not None:
                owed[life.terms.provider] += life.price.provider
        for each in self.loose:
            owed[each.tariff.provider] += each.price.provider
        for tariff, line in self.passes.values():
            owed[tariff.provider] += line.amount * tariff.versions[0].provider_ppm // PPM
        for _, each_pass in self.memberships.all():
            owed[each_pass.tariff.provider] += each_pass.provided
        for period in self.periods(lives).values():
            owed.update(period.providers)
        for hold in self.set_aside.taken.values():
            owed[hold.provider] += hold.captured * hold.ppm // PPM
        del owed[""]
        return owed
