"""Members who buy passes, ask again for one, or want no other to follow it.

Invariant: what is bought is chosen by the seed alone. It does not own when (``workload``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from cli.sim.desk import Order
from cli.sim.pass_market import PASS_CONTENTS, PASSES
from cli.sim.steps import Use

EARLY = 3


@dataclass
class Buying:
    """What was bought so far.

    Args:
        chance: The workload's own.
    """

    chance: Random
    _bought: list[Order] = field(default_factory=list[Order])
    _count: int = 0

    def wish(self, tenant: str, member: str, content: str) -> tuple[str, str, str]:
        """Who uses what: one in four what passes are sold for, often whoever bought one."""
        if self.chance.randrange(4):
            return tenant, member, content
        if self._bought and self.chance.randrange(2):
            order = self.chance.choice(self._bought)
            tenant, member = order.tenant, order.member
        return tenant, member, self.chance.choice(PASS_CONTENTS)

    def order(self, owner: tuple[str, str], uses: Sequence[Use]) -> Order:
        """The next order about passes.

        Args:
            owner: Tenant and member.
            uses: What goes on right now.
        """
        chance = self.chance
        self._count += 1
        key = f"p{self._count}"
        within = [(use.tenant, use.member) for use in uses if use.content in PASS_CONTENTS]
        if self._bought and not chance.randrange(3):
            old = chance.choice(self._bought)
            if chance.randrange(2):
                return old
            return Order(old.tenant, old.member, key, cancels=old.key)
        if within and chance.randrange(2):
            owner = chance.choice(within)
        # Those that are bought before the first midnight renew at it.
        buys = chance.choice(PASSES if len(self._bought) > EARLY else PASSES[:1])
        order = Order(*owner, key, buys=buys)
        self._bought.append(order)
        return order
