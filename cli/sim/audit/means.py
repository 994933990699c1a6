"""What members can spend, on what, and when: what they have, less what is not for that.

Invariant: nothing is kept here; each answer is summed from the accounts, the lots and the holds.
"""

from collections.abc import Sequence
from typing import NamedTuple

from cli.sim.audit.accounts import Accounts
from cli.sim.audit.lives import Life
from cli.sim.audit.logged import Member
from cli.sim.audit.purses import Purses
from cli.sim.audit.terms import Tariff, credit_limit, tariffs
from schemas.commands import Reserve


class Means(NamedTuple):
    """What there is at one moment of the log.

    Args:
        accounts: Of the shard.
        purses: What each lot holds.
        lives: All lives of all sessions.
        version: Of the catalogue.
    """

    accounts: Accounts
    purses: Purses
    lives: Sequence[Life]
    version: int

    def posted(self, member: Member) -> int:
        """What a member has: all that came in, less all that everything costs."""
        return self.accounts.posted(member, self.lives) - self.purses.expired[member]

    def left_for(self, member: Member, tariff: Tariff | None, at_ms: int, credit: int = 0) -> int:
        """What a member has that may pay for a content, with some credit."""
        content, provider = ("", "") if tariff is None else (tariff.content, tariff.provider)
        purse = self.purses.of(member)
        lots = sorted(purse.lots.values(), key=lambda lot: lot.turn)
        held = self.accounts.set_aside.held(member, lots, content, provider, at_ms)
        unfit = self.purses.unfit(member, content, provider, at_ms)
        return purse.at_most(self.posted(member) - unfit - held + credit)

    def available(self, life: Life) -> int:
        """What there is for a session, and the credit."""
        member = (life.name.tenant, life.name.member)
        credit = credit_limit(max(1, self.version), member[0])
        return self.left_for(member, life.terms, life.last_ms, credit)

    def reserve(self, member: Member, body: Reserve, stamp_ms: int) -> tuple[str, str]:
        """How a command about a hold ends, and why if it is refused."""
        credit = credit_limit(self.version, member[0])

        def left(tariff: Tariff | None, at_ms: int) -> int | None:
            is_frozen = self.purses.of(member).is_frozen
            return None if is_frozen else self.left_for(member, tariff, at_ms, credit)

        sold = tariffs(self.version, member[0])
        return self.accounts.set_aside.deal(member, body, sold, stamp_ms, left)
