"""What a member earns by a charge: a part of it, cumulative over the charge's scope.

Invariant: what was earned is the part of all that the scope was charged, whatever the order in
which that became known; so what is charged less is earned less. It does not own the way to another
member's shard (``shard.earning``).
"""

from collections.abc import Sequence
from typing import NamedTuple

from rating.session import Session
from rating.share import earned_part, provider_share
from rating.tariff import EarningTerms, TariffTerms
from schemas.buckets import DEBT, PAID, PRIORITIES, Parts
from schemas.ledger import Entry
from schemas.usage import UsageEvent
from wallet.lots import Lot
from wallet.moves import earn
from wallet.wallet import Wallet


class Earned(NamedTuple):
    """What is earned more by a scope.

    Args:
        delta_micros: Below 0 where it is less.
        bucket: The kind of money.
        ends_ms: When it ends where it makes a new lot, 0 for never.
        lot: Of the member's own wallet, which has what was earned so far; 0 for none yet.
        payee: Who earns it, empty for the member who uses.
        shard: Of that one.
        paid_ppm: Where it is a part of what paid money paid alone, that part; else 0.
        before_micros: What was earned of that until now.
    """

    delta_micros: int = 0
    bucket: str = ""
    ends_ms: int = 0
    lot: int = 0
    payee: str = ""
    shard: int = 0
    paid_ppm: int = 0
    before_micros: int = 0

    @property
    def is_own(self) -> bool:
        """Whether the member who uses earns it."""
        return not self.payee

    def after(self, paid: Parts) -> "Earned":
        """The same once it is known what has paid for the scope in all."""
        if not self.paid_ppm:
            return self
        amount = sum(part.amount_micros for part in paid if part.bucket in _PAID)
        part = provider_share(amount, self.paid_ppm)
        return self._replace(delta_micros=part - self.before_micros)


# What is owed is paid some day.
_PAID = PAID | {DEBT}
NOTHING_EARNED = Earned()


def earned_by(session: Session, tariff: TariffTerms, total_micros: int) -> Earned:
    """What is earned more by a session.

    Args:
        session: As it was charged until now.
        tariff: By which it is.
        total_micros: What it is charged from now on, with what moves for periods now.
    """
    terms = tariff.earns
    if terms is None or (terms.is_payee and not session.payee):
        return NOTHING_EARNED
    before = session.earned_micros
    delta = earned_part(tariff, session.scoped_micros + total_micros) - before
    payee, shard = (session.payee, session.payee_shard) if terms.is_payee else ("", 0)
    ends_ms, lot = ends_at(terms, session.last_ms), session.earned_lot
    earned = Earned(delta, terms.bucket, ends_ms, lot, payee, shard, _paid_ppm(terms), before)
    return earned.after(session.paid)


def earned_loose(terms: EarningTerms, delta_micros: int, event: UsageEvent) -> Earned:
    """What is earned by use outside sessions.

    Args:
        terms: Of its tariff.
        delta_micros: The part of all of it.
        event: Of it; who earns and from when on it may be spent is said there.
    """
    payee = (event.payee or "") if terms.is_payee else ""
    ends_ms, ppm = ends_at(terms, event.event_at_ms), _paid_ppm(terms)
    return Earned(delta_micros, terms.bucket, ends_ms, 0, payee, event.payee_shard, ppm)


def _paid_ppm(terms: EarningTerms) -> int:
    return terms.ppm if terms.is_of_paid else 0


def ends_at(terms: EarningTerms, at_ms: int) -> int:
    """When what is earned at a moment ends, 0 for never."""
    return at_ms + terms.valid_ms if terms.valid_ms else 0


def take_own(wallet: Wallet, earned: Earned) -> tuple[Wallet, Sequence[Entry], int]:
    """The wallet of who uses after what that one earns; the entries, and the lot that has it."""
    if not earned.delta_micros or not earned.is_own:
        return wallet, (), earned.lot
    lot = Lot(earned.lot, earned.bucket, 0, PRIORITIES[earned.bucket], earned.ends_ms)
    moved, number = earn(wallet, earned.delta_micros, lot)
    return moved.wallet, moved.entries, number
