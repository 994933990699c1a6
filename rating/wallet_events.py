"""What a tenant is told of its members' wallets, compiled.

Invariant: made once per version with every bound checked. It does not own what is said when
(``shard.wallet_events``).
"""

from collections.abc import Mapping

import msgspec

from rating.written import amount, count
from schemas.catalogue import MemberTerms
from schemas.errors import InvalidDocument
from schemas.moment import HOUR_MS
from schemas.wallet_events import WalletEventKind, WalletEventRules

NOTICE_H_MAX = 24 * 366


class WalletEventTerms(msgspec.Struct, frozen=True):
    """Which events, and at what.

    Args:
        kinds: That are said.
        low_micros: The balance at or below which it is low; 0 for never.
        low_of: The same of members with terms of their own.
        notice_ms: How long before money ends that is said; 0 for never.
    """

    kinds: frozenset[str]
    low_micros: int
    low_of: Mapping[str, int]
    notice_ms: int

    def low_balance_micros(self, member: str) -> int:
        """The balance at or below which a member's is low."""
        return self.low_of.get(member, self.low_micros)


def compile_wallet_events(
    path: str, rules: WalletEventRules | None, members: list[MemberTerms]
) -> WalletEventTerms | None:
    """The terms, or None where the tenant asks for nothing.

    Raises:
        InvalidDocument: An amount or a number of hours that cannot be; the message names the path.
    """
    own = {
        each.id: amount(f"{path}.members[{each.id}].low_balance", each.low_balance)
        for each in members
        if each.low_balance is not None
    }
    if rules is None:
        return None
    where = f"{path}.wallet_events"
    notice_h = count(f"{where}.expiry_notice_h", rules.expiry_notice_h, least=0)
    if notice_h > NOTICE_H_MAX:
        raise InvalidDocument(f"{where}.expiry_notice_h: {notice_h} is beyond {NOTICE_H_MAX} hours")
    return WalletEventTerms(
        frozenset(each.value for each in rules.kinds or WalletEventKind),
        amount(f"{where}.low_balance", rules.low_balance),
        own,
        notice_h * HOUR_MS,
    )
