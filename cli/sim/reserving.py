"""Callers without sessions: they set money aside, and take of it; members send each other money.

Invariant: what is asked is chosen by the seed alone. It does not own when (``workload``).
"""

from dataclasses import dataclass, field
from random import Random

from cli.sim.desk import Order
from cli.sim.market import STRANGER
from schemas.commands import CaptureHold, FreezeWallet, PlaceHold, ReleaseHold, SendMoney
from schemas.moment import MINUTE_MS, SECOND_MS
from schemas.money import MICROS

# In ms; what is not more than nothing is refused.
VALID = (0, 5 * SECOND_MS, 20 * SECOND_MS, 10 * MINUTE_MS, 10 * MINUTE_MS, 300 * MINUTE_MS)
PLACED_MAX = (300, 80_000, 120_000)
KNOWN = 4


@dataclass
class Reserving:
    """What was placed so far.

    Args:
        chance: The workload's own.
    """

    chance: Random
    _placed: list[Order] = field(default_factory=list[Order])
    _asked: list[Order] = field(default_factory=list[Order])
    _frozen: tuple[str, str] | None = None
    _sent: list[Order] = field(default_factory=list[Order])
    _count: int = 0

    def order(self, owner: tuple[str, str], contents: tuple[str, ...]) -> Order:
        """The next order about holds.

        Args:
            owner: Tenant and member, for one that is new.
            contents: That it may be for.
        """
        chance = self.chance
        self._count += 1
        key = f"h{self._count}"
        if self._asked and not chance.randrange(5):
            return chance.choice(self._asked[-KNOWN:])
        if not self._placed or not chance.randrange(3):
            content = chance.choice(("", *contents, "nothing")) if chance.randrange(3) else ""
            body = PlaceHold(
                amount_micros=chance.randrange(1, chance.choice(PLACED_MAX)) * MICROS // 3,
                currency="KRW",
                valid_ms=chance.choice(VALID),
                content=content,
                provider="" if content or chance.randrange(2) else "gateway",
                reference=key,
            )
            order = Order(*owner, key, body=body)
            self._placed.append(order)
        else:
            order = self._about(chance.choice(self._placed[-KNOWN:]), key)
        self._asked.append(order)
        return order

    def gift(self, owner: tuple[str, str], receiver: str) -> Order:
        """Money to another member, or to oneself; often asked for again."""
        chance = self.chance
        self._count += 1
        if not chance.randrange(8):
            # An operator freezes somebody, or lets go whoever was frozen.
            body = FreezeWallet("" if self._frozen else "looked into")
            owner, self._frozen = self._frozen or owner, None if self._frozen else owner
            return Order(*owner, f"f{self._count}", body=body)
        if self._sent and not chance.randrange(4):
            return chance.choice(self._sent[-KNOWN:])
        amount = chance.randrange(1, chance.choice(PLACED_MAX)) * MICROS // 3
        receiver = receiver if chance.randrange(5) else STRANGER
        sent = SendMoney(receiver, 0, amount, "KRW", f"s{self._count}")
        order = Order(*owner, f"s{self._count}", body=sent)
        self._sent.append(order)
        return order

    def _about(self, placed: Order, key: str) -> Order:
        chance, asked = self.chance, placed.body
        assert isinstance(asked, PlaceHold)
        if not chance.randrange(4):
            return Order(placed.tenant, placed.member, key, body=ReleaseHold(0), of=placed.key)
        part = asked.amount_micros // chance.choice((1, 2, 3))
        body = CaptureHold(0, part + (0 if chance.randrange(6) else 1), bool(chance.randrange(2)))
        return Order(placed.tenant, placed.member, key, body=body, of=placed.key)
