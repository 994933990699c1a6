"""Buckets: what kinds of money a wallet can hold, what it may be spent on, and what paid.

Invariant: a bucket's name is that of its ledger account, ``member/<member>/<bucket>``.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

NAMES_MAX = 20
DEBT = "debt"


class Bucket(StrEnum):
    """Kinds of money."""

    CASH = "cash"
    CARD = "card"
    POINTS = "points"
    PROMOTION = "promotion"


# What was given is spent before what was paid, and what cannot be paid out before cash.
PRIORITIES: Final[Mapping[str, int]] = {
    Bucket.PROMOTION: 10,
    Bucket.POINTS: 20,
    Bucket.CARD: 30,
    Bucket.CASH: 40,
}
PRIORITY_MAX = 99
# Money that somebody paid; what is owed is collected from it alone.
PAID: Final = frozenset({Bucket.CASH, Bucket.CARD})


class Only(msgspec.Struct, frozen=True, array_like=True):
    """What money may be spent on; an empty list says nothing.

    Args:
        contents: These contents.
        providers: Contents of these providers.
        kinds: Charge lines of these kinds, as ``schemas.ledger.ChargeLine`` names them.
    """

    contents: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


class Part(NamedTuple):
    """What a lot has paid for a use.

    Args:
        lot: Its number among the wallet's; 0 where it is not known, and for debt.
        bucket: A ``Bucket``, or ``DEBT``.
        amount_micros: Paid.
        expires_ms: When the lot ends, 0 for never: what comes back to it ends then too.
    """

    lot: int
    bucket: str
    amount_micros: int
    expires_ms: int = 0


# In the order of paying.
Parts = tuple[Part, ...]
