"""Money with conditions that members are given: for some contents, for a while, before other money.

Invariant: what is given is chosen by the seed and the time alone. It does not own when
(``workload``).
"""

from random import Random

from schemas.buckets import Bucket, Only
from schemas.commands import GiveCredit
from schemas.moment import MINUTE_MS
from schemas.money import MICROS

BUCKETS = (Bucket.PROMOTION, Bucket.PROMOTION, Bucket.POINTS, Bucket.CARD)
# In minutes from now; what has passed is refused.
LASTS = (-1, 1, 1, 2, 3, 5, 45)
GIVEN_MAX = 400


def gift(chance: Random, contents: tuple[str, ...], now_ms: int) -> GiveCredit:
    """What is given.

    Args:
        chance: The workload's own.
        contents: That it may be meant for.
        now_ms: The true time.
    """
    only = None
    if chance.randrange(2):
        only = Only(contents=tuple(sorted(chance.sample(contents, min(2, len(contents))))))
    return GiveCredit(
        bucket=chance.choice(BUCKETS),
        amount_micros=chance.randrange(1, GIVEN_MAX) * MICROS // 3,
        currency="KRW",
        priority=None if chance.randrange(4) else chance.choice((5, 40, 60)),
        expires_ms=now_ms + chance.choice(LASTS) * MINUTE_MS if chance.randrange(4) else 0,
        only=only,
        reference="spring",
    )
