"""Money between members, as the logs of their shards have it.

Invariant: shares no rule with ``shard.sending``; which legs a shard must have put out follows from
the commands and legs in its log, and that none is lost, from the logs of all shards together.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from cli.sim import market
from cli.sim.audit.accounts import Accounts
from cli.sim.audit.lives import Life
from cli.sim.audit.logged import Member
from cli.sim.audit.purses import Purses
from cli.sim.audit.terms import Tariff, micros
from schemas.commands import SendMoney
from schemas.legs import Leg

FOR_EVER_MS = 2**62
# Tenants whose members are registered, all but the stranger.
CLOSED = frozenset({"fm"})


class Books(Protocol):
    """Who knows what everybody has."""

    accounts: Accounts
    purses: Purses

    def all_lives(self) -> list[Life]:
        """All lives of all sessions."""
        ...

    def left_for(self, member: Member, tariff: Tariff | None, at_ms: int) -> int:
        """What a member has that may pay for a content."""
        ...


class Sent(NamedTuple):
    """A leg, but for what a person reads."""

    target: int
    number: int
    kind: str
    tenant: str
    sender: str
    receiver: str
    amount: int


@dataclass
class Sending:
    """Legs of one shard.

    Args:
        shard: Which.

    Attributes:
        out: Those that it must have put out.
        taken: How many it has taken, by source.
    """

    shard: int
    out: list[Sent] = field(default_factory=list[Sent])
    taken: dict[int, int] = field(default_factory=dict[int, int])

    def send(self, member: Member, body: SendMoney, books: Books) -> tuple[str, str]:
        """How a command to send ends, and why if it is refused."""
        if body.receiver == member[1]:
            return "refused", "same-member"
        if body.amount_micros <= 0:
            return "refused", "amount-invalid"
        if books.purses.of(member).is_frozen:
            return "refused", "wallet-frozen"
        lots = books.purses.of(member).lots.values()
        cash = sum(lot.left for lot in lots if lot.bucket == "cash")
        needed = sum(
            micros(life.tariff.words.get("low_balance", "0"))
            for life in books.all_lives()
            if life.is_open
            and (life.name.tenant, life.name.member) == member
            and life.tariff is not None
            and life.tariff.costs_by_use
        )
        # What ends some day is no stand-in for cash that holds need.
        lasting = books.left_for(member, None, FOR_EVER_MS)
        if min(cash, lasting) - needed < body.amount_micros:
            return "refused", "insufficient-funds"
        books.accounts.topped_up[member] -= body.amount_micros
        books.accounts.came_from["transit"] -= body.amount_micros
        self._put("send", body.target, (*member, body.receiver), body.amount_micros)
        return "sent", ""

    def take(self, leg: Leg, stamp_ms: int, books: Books) -> None:
        """Takes a leg, if it is the next of its source."""
        if leg.number != self.taken.get(leg.source, 0):
            return
        self.taken[leg.source] = leg.number + 1
        is_return = leg.kind == "return"
        member = leg.sender if is_return else leg.receiver
        is_closed = leg.tenant in CLOSED and member == market.STRANGER
        reason = "member-unknown" if is_closed and not is_return else ""
        books.accounts.arrive(leg, member, reason, stamp_ms)
        if reason:
            names = (leg.tenant, leg.sender, leg.receiver)
            self._put("return", leg.source, names, leg.amount_micros)

    def check(self, said: Iterable[Leg]) -> Iterator[str]:
        """What a shard put out is what it must have."""
        found = [
            Sent(
                leg.target, leg.number, leg.kind, leg.tenant, leg.sender, leg.receiver,
                leg.amount_micros,
            )
            for leg in said
        ]  # fmt: skip
        if found != self.out:
            yield f"shard {self.shard}: put out legs {found}, must be {self.out}"

    def _put(self, kind: str, target: int, names: tuple[str, str, str], amount: int) -> None:
        number = sum(each.target == target for each in self.out)
        self.out.append(Sent(target, number, kind, *names, amount))


def check_arrivals(shards: Mapping[int, Sending]) -> Iterator[str]:
    """After a quiet time every leg has been taken, and none that nobody sent."""
    for source, sending in shards.items():
        for target, other in shards.items():
            sent = sum(each.target == target for each in sending.out)
            if other.taken.get(source, 0) != sent:
                yield (
                    f"legs from {source} to {target}: {sent} were sent, "
                    f"{other.taken.get(source, 0)} taken"
                )
