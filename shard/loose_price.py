"""What events outside sessions come to together, each priced alone.

Invariant: pure; the order and the company of the events change nothing but the order of the lines.
It does not own posting (``shard.loose``).
"""

from rating.coverage import Stretch
from rating.price import Usage, price
from rating.scopes import BroughtIn, brought_in
from rating.share import earned_part
from rating.tariff import TariffTerms
from schemas.ledger import ChargeLine
from schemas.money import checked
from schemas.usage import UsageEvent
from shard.earned import NOTHING_EARNED, Earned, earned_loose
from shard.posting import NOTHING, Charged, charged_for


class LoosePrice:
    """Sums over events, each of which is a scope of its own.

    Args:
        tariff: By which they are priced.

    Attributes:
        charged: What they are charged.
        brought: What they bring into periods.
        earned_micros: What a member earns by them.
    """

    def __init__(self, tariff: TariffTerms) -> None:
        self._tariff = tariff
        self.charged = NOTHING
        self.brought: BroughtIn = {}
        self.earned_micros = 0

    def add(self, event: UsageEvent, passes: tuple[Stretch, ...] = ()) -> Charged:
        """Adds an event; what it is charged alone.

        Args:
            event: It.
            passes: What its member's bought passes cover.

        Raises:
            BrokenInvariant: An amount is beyond the largest.
        """
        usage = _usage(event, passes)
        lines = price(self._tariff, usage)
        alone = charged_for(lines, self._tariff)
        self.charged = _sum(self.charged, alone)
        self.earned_micros += earned_part(self._tariff, alone.total_micros)
        if self._tariff.finest is not None:
            _add(self.brought, brought_in(self._tariff, usage, lines, {}, usage.start_ms))
        return alone

    def earned_by(self, first: UsageEvent, scoped_micros: int) -> Earned:
        """What a member earns by all of them.

        Args:
            first: One of them; all have one payee.
            scoped_micros: What they move for periods.
        """
        terms = self._tariff.earns
        if terms is None or (terms.is_payee and first.payee is None):
            return NOTHING_EARNED
        delta = self.earned_micros + earned_part(self._tariff, scoped_micros)
        return earned_loose(terms, delta, first)


def _usage(event: UsageEvent, passes: tuple[Stretch, ...]) -> Usage:
    items = {} if event.item is None else {event.item: event.quantity}
    return Usage(
        duration_ms=0,
        meters=event.meters or {},
        items=items,
        pages={},
        start_ms=event.event_at_ms,
        passes=passes,
    )


def _add(brought: BroughtIn, more: BroughtIn) -> None:
    for rule, amounts in more.items():
        known = brought.setdefault(rule, {})
        for start_ms, amount in amounts.items():
            known[start_ms] = known.get(start_ms, 0) + amount


def _sum(one: Charged, other: Charged) -> Charged:
    lines: dict[tuple[str, str, str, int], ChargeLine] = {}
    for line in (*one.lines, *other.lines):
        what = (line.kind, line.meter, line.rate, line.version)
        known = lines.get(what)
        if known is None:
            lines[what] = line
        else:
            quantity = checked(known.quantity + line.quantity)
            amount = known.amount_micros + line.amount_micros
            lines[what] = ChargeLine(
                line.kind, line.meter, quantity, amount, line.rate, line.version, line.price
            )
    return Charged(
        tuple(lines.values()),
        one.total_micros + other.total_micros,
        one.provider_micros + other.provider_micros,
    )
