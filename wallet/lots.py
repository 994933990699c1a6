"""Lots: money in a wallet, by where it came from and what may be done with it.

Invariant: a lot is what one transfer brought in, under a number that no other lot of the wallet
ever has; so whatever is taken from it is known to be of that transfer.
It does not own in which order lots are taken from (``wallet.wallet`` keeps them in it).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from schemas.buckets import PRIORITIES, Only


class Lot(msgspec.Struct, frozen=True, array_like=True):
    """One.

    Args:
        id: Its number among the wallet's.
        bucket: A ``schemas.buckets.Bucket``.
        amount_micros: What is left of it.
        priority: Lots with a lower one are spent first.
        expires_ms: Use from this moment on cannot spend it; 0 for never.
        only: What it may be spent on; None for anything.
    """

    id: int
    bucket: str
    amount_micros: int
    priority: int
    expires_ms: int = 0
    only: Only | None = None

    @property
    def is_plain(self) -> bool:
        """Whether nothing is to be known of it but its bucket."""
        return (
            not self.expires_ms and self.only is None and self.priority == PRIORITIES[self.bucket]
        )


class Use(NamedTuple):
    """What money is to be spent on.

    Args:
        at_ms: When it was used.
        content: Content id; empty for what is no use of content.
        provider: Who owns it.
        kinds: What is to be paid by kind of charge line; None where it is of no matter.
        session: Storage field of the session that uses it, whose grant's money it may spend.
        buckets: Kinds of money that may pay for it, without credit; empty for all of them.
    """

    at_ms: int
    content: str = ""
    provider: str = ""
    kinds: Mapping[str, int] | None = None
    session: str = ""
    buckets: frozenset[str] | tuple[str, ...] = frozenset()


# Of money without conditions it does not matter when and for what it is spent.
ANYTHING = Use(0)
# Kinds of what holds are for, and of passes; how much of them is of no matter.
CAPTURE: Mapping[str, int] = MappingProxyType({"capture": 0})
FLAT: Mapping[str, int] = MappingProxyType({"flat": 0})
# Pays with nothing that expires some day, or is for some kinds of charges alone.
EVER = Use(2**62, kinds=MappingProxyType({}))


def anything(at_ms: int) -> Use:
    """Whatever it may be, at a moment: money that is meant for something does not pay it."""
    return EVER._replace(at_ms=at_ms)


def plain_lot(number: int, bucket: str, amount_micros: int) -> Lot:
    """A lot without conditions."""
    return Lot(number, bucket, amount_micros, PRIORITIES[bucket])


def order_of(lot: Lot) -> tuple[int, bool, int, int]:
    """Lots are spent in this order: by priority, what ends sooner first, then as they came."""
    return lot.priority, not lot.expires_ms, lot.expires_ms, lot.id


def is_expired(lot: Lot, at_ms: int) -> bool:
    """Whether use of a moment cannot spend it any more."""
    return 0 < lot.expires_ms <= at_ms


def fits(lot: Lot, use: Use) -> bool:
    """Whether a lot may pay for a use, or for some kinds of its charges."""
    if 0 < lot.expires_ms <= use.at_ms:
        return False
    if use.buckets and lot.bucket not in use.buckets:
        return False
    only = lot.only
    if only is None:
        return True
    if only.kinds and use.kinds is not None and not any(kind in use.kinds for kind in only.kinds):
        return False
    return (not only.contents or use.content in only.contents) and (
        not only.providers or use.provider in only.providers
    )
