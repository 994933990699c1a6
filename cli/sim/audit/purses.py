"""What every lot of every wallet holds, and whether the right ones paid.

Reads the transfers of each record as facts, since their sums are judged elsewhere, and holds each
against what the lots were meant for, when they expire, and in which order they are spent.
Invariant: shares no rule with ``wallet`` or ``shard.waking``; what a lot is meant for is taken from
the command that brought it.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from cli.sim.audit.logged import Member
from schemas.commands import Command, GiveCredit, TopUp
from schemas.ledger import Transfer
from schemas.legs import Leg

PRIORITIES = {"promotion": 10, "points": 20, "card": 30, "cash": 40}
# By lot, what holds need of a member's lots, of which these may pay for a use.
Needed = Callable[[Member, "list[Lot]", "set[int]"], Counter[int]]
# Provider of a tenant's content, as the catalogue in force says.
ProviderOf = Callable[[str, str], str]


@dataclass
class Lot:
    """A lot, with what it was meant for."""

    number: int
    bucket: str
    left: int = 0
    priority: int = 40
    expires_ms: int = 0
    contents: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()

    def pays(self, content: str, provider: str, at_ms: int | None) -> bool:
        """Whether it may pay for a use, at a moment or some time."""
        if self.expires_ms and at_ms is not None and at_ms >= self.expires_ms:
            return False
        if self.contents and content not in self.contents:
            return False
        return not self.providers or provider in self.providers

    @property
    def turn(self) -> tuple[int, float, int]:
        """Its place among others."""
        return self.priority, self.expires_ms or float("inf"), self.number


class Paid(NamedTuple):
    """What a lot, or debt, has paid for a use."""

    bucket: str
    lot: int
    amount: int


class Spending(NamedTuple):
    """A transfer that takes money, what it took of each lot, and what holds need."""

    transfer: Transfer
    provider: str
    taken: Mapping[int, int]
    needed: Callable[[list[Lot], set[int]], Counter[int]]


@dataclass
class Purse:
    """What one member holds."""

    lots: dict[int, Lot] = field(default_factory=dict[int, Lot])
    owed: int = 0
    made: int = 0
    is_frozen: bool = False
    # By scope, what has paid for it, in that order.
    paid: dict[tuple[str, ...], list[Paid]] = field(
        default_factory=dict[tuple[str, ...], list[Paid]]
    )

    def at_most(self, left: int) -> int:
        """What may be spent of what is left."""
        return min(left, 0) if self.is_frozen else left


@dataclass
class Purses:
    """All of one shard.

    Args:
        moved: Transfers by the offset of their record.
    """

    moved: Mapping[int, Sequence[Transfer]]
    findings: list[str] = field(default_factory=list[str])
    expired: Counter[Member] = field(default_factory=Counter[Member])
    _held: dict[Member, Purse] = field(default_factory=dict[Member, Purse])

    def of(self, member: Member) -> Purse:
        """What a member holds."""
        return self._held.setdefault(member, Purse())

    def freeze(self, member: Member, reason: str) -> tuple[str, str]:
        """An operator's word; how that ends."""
        self.of(member).is_frozen = bool(reason)
        return "done", ""

    def unfit(self, member: Member, content: str, provider: str, at_ms: int) -> int:
        """What a member holds that may not pay for a use."""
        lots = self.of(member).lots.values()
        return sum(lot.left for lot in lots if not lot.pays(content, provider, at_ms))

    def take(
        self,
        offset: int,
        record: object,
        provider_of: ProviderOf,
        expired_ms: Callable[[str], int | None],
        needed: Needed,
    ) -> None:
        """Takes the transfers of a record.

        Args:
            offset: Of the record.
            record: It.
            provider_of: As the catalogue in force says.
            expired_ms: By tenant, what expired by then is to have left every purse.
            needed: What holds need after the record.
        """
        for transfer in self.moved.get(offset, ()):
            member = (transfer.tenant, transfer.member)
            purse, where = self.of(member), f"record {offset}: transfer for {member}"
            kind = transfer.cause
            if isinstance(record, Command) and kind in {"top_up", "credit"}:
                self._bring(purse, transfer, record.body, where)
            elif isinstance(record, Leg):
                if kind != "turned_back":
                    body = TopUp(record.amount_micros, record.currency)
                    self._bring(purse, transfer, body, where)
            elif kind == "sent":
                self._pay_out(purse, transfer, where)
            elif kind == "expiry":
                self._expire(purse, member, transfer, expired_ms(transfer.tenant), where)
            else:
                provider = provider_of(transfer.tenant, transfer.content)
                self._spend(purse, transfer, provider, partial(needed, member), where)

    def unspent(self, expired_ms: Callable[[str], int | None]) -> Iterator[str]:
        """Lots that ought to have left their purses."""
        for (tenant, member), purse in sorted(self._held.items()):
            until_ms = expired_ms(tenant)
            for lot in purse.lots.values():
                if until_ms is not None and lot.left and 0 < lot.expires_ms <= until_ms:
                    yield f"{tenant}/{member}: lot {lot.number} expired and is still there"

    def _pay_out(self, purse: Purse, transfer: Transfer, where: str) -> None:
        """Cash alone, the oldest first."""
        left = -sum(_own(transfer).values())
        expected: Counter[tuple[str, int]] = Counter()
        for lot in sorted(purse.lots.values(), key=lambda each: each.number):
            part = min(left, lot.left) if lot.bucket == "cash" else 0
            if part:
                left -= part
                lot.left -= part
                expected["cash", lot.number] = -part
        if left or _own(transfer) != expected:
            self.findings.append(f"{where}: sent {_own(transfer)}, must be {expected}")

    def _bring(self, purse: Purse, transfer: Transfer, body: object, where: str) -> None:
        assert isinstance(body, TopUp | GiveCredit)
        bucket = "cash" if isinstance(body, TopUp) else body.bucket
        only = None if isinstance(body, TopUp) else body.only
        collects = bucket in {"cash", "card"} and only is None
        to_debt = min(purse.owed, body.amount_micros) if collects else 0
        rest = body.amount_micros - to_debt
        expected = Counter({("debt", 0): to_debt})
        if rest:
            purse.made += 1
            lot = Lot(purse.made, bucket, rest, PRIORITIES[bucket])
            if isinstance(body, GiveCredit):
                lot.expires_ms = body.expires_ms
                lot.priority = lot.priority if body.priority is None else body.priority
            if only is not None:
                lot.contents, lot.providers = only.contents, only.providers
            purse.lots[lot.number] = lot
            expected[bucket, lot.number] = rest
        purse.owed -= to_debt
        if +_own(transfer) != +expected:
            self.findings.append(f"{where}: brought {_own(transfer)}, must be {expected}")

    def _expire(
        self, purse: Purse, member: Member, transfer: Transfer, until_ms: int | None, where: str
    ) -> None:
        for (_, number), amount in _own(transfer).items():
            lot = purse.lots.get(number)
            if lot is None or lot.left != -amount:
                self.findings.append(f"{where}: {-amount} of lot {number} expired, held is {lot}")
                continue
            if not lot.expires_ms or until_ms is None or lot.expires_ms > until_ms:
                self.findings.append(f"{where}: lot {number} expired too early")
            self.expired[member] += lot.left
            lot.left = 0

    def _spend(
        self, purse: Purse, transfer: Transfer, provider: str,
        needed: Callable[[list[Lot], set[int]], Counter[int]], where: str,
    ) -> None:  # fmt: skip
        own = _own(transfer)
        number = str(transfer.incarnation)
        scope = (transfer.source, transfer.session, number, transfer.scope)
        paid = purse.paid.setdefault(scope, [])
        total = sum(own.values())
        if total < 0:
            taken = {lot: -amount for (name, lot), amount in own.items() if name != "debt"}
            spending = Spending(transfer, provider, taken, needed)
            self._check_order(purse, spending, f"{where} at {transfer.scope}")
            paid += [Paid(name, lot, -amount) for (name, lot), amount in own.items()]
        elif transfer.scope == "session":
            self._check_return(purse, paid, total, own, where)
        purse.owed -= own.pop(("debt", 0), 0)
        for (bucket, lot_number), amount in own.items():
            lot = purse.lots.setdefault(
                lot_number, Lot(lot_number, bucket, priority=PRIORITIES[bucket])
            )
            lot.left += amount
            purse.made = max(purse.made, lot_number)
            if lot.left < 0:
                self.findings.append(f"{where}: lot {lot_number} is {lot.left}")

    def _check_return(
        self, purse: Purse, paid: list[Paid], total: int, own: Mapping[tuple[str, int], int],
        where: str,
    ) -> None:  # fmt: skip
        """What a session gets back: debt shrinks first, the rest goes where the last came from."""
        back: list[Paid] = []
        left = total
        while left and paid:
            last = paid.pop()
            part = min(left, last.amount)
            left -= part
            back.append(last._replace(amount=part))
            if last.amount > part:
                paid.append(last._replace(amount=last.amount - part))
        back.append(Paid("cash", 0, left))
        to_debt = min(purse.owed, total)
        expected: Counter[tuple[str, int]] = Counter({("debt", 0): to_debt})
        for each in sorted(back, key=lambda part: part.bucket != "debt"):
            rest = max(0, each.amount - to_debt)
            to_debt -= each.amount - rest
            expected["cash" if each.bucket == "debt" else each.bucket, each.lot] += rest
        # A lot of its own, of cash, has what was owed for the use or is not known to have paid.
        said = Counter[tuple[str, int]]()
        for (bucket, lot), amount in own.items():
            said[bucket, 0 if lot > purse.made else lot] += amount
        if +said != +expected:
            self.findings.append(f"{where}: gave back to {+said}, must be {+expected}")

    def _check_order(self, purse: Purse, spending: Spending, where: str) -> None:
        """Each lot that paid may pay for this, and none that comes before it has anything left.

        What holds need of it is taken when nothing else is there, and then in the same order.
        """
        transfer, taken = spending.transfer, spending.taken
        content = transfer.content
        # A pass says when it begins, not when it was bought.
        at_ms = None if transfer.cause == "pass" else transfer.event_at_ms
        lots = sorted(purse.lots.values(), key=lambda each: each.turn)
        fitting = [each for each in lots if each.pays(content, spending.provider, at_ms)]
        numbers = {each.number for each in fitting}
        for number in taken:
            if number not in numbers:
                self.findings.append(f"{where}: lot {number} is not meant for {content} at {at_ms}")
        kept = spending.needed(lots, numbers)
        if kept and at_ms is None:
            return
        rest = [e for e in fitting if not (e.expires_ms and at_ms is None)]
        beyond = -sum(e.amount_micros for e in transfer.entries if e.account.endswith("/debt"))
        own = {each.number: taken.get(each.number, 0) for each in fitting}
        # Beyond what holds need, then of that.
        spare = next((e for e in rest if e.left - kept[e.number] > own[e.number]), None)
        whole = next((e for e in rest if e.left > own[e.number]), None)
        if spare is not None:
            into = [e.number for e in rest if own[e.number] > max(0, e.left - kept[e.number])]
            later = [e.number for e in fitting if own[e.number] and e.turn > spare.turn]
            if into or later or beyond > 0:
                self.findings.append(
                    f"{where}: {into or later or 'debt'} paid before lot {spare.number}"
                )
        elif whole is not None:
            later = [
                e.number
                for e in fitting
                if e.turn > whole.turn and own[e.number] > max(0, e.left - kept[e.number])
            ]
            if later or beyond > 0:
                self.findings.append(f"{where}: {later or 'debt'} paid before lot {whole.number}")


def _own(transfer: Transfer) -> Counter[tuple[str, int]]:
    """What a transfer moved of the member's own, by bucket and lot."""
    found: Counter[tuple[str, int]] = Counter()
    for entry in transfer.entries:
        if entry.account.startswith("member/"):
            found[entry.account.rsplit("/", 1)[1], entry.lot] += entry.amount_micros
    return Counter({place: amount for place, amount in found.items() if amount})
