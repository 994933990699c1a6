"""Passes that members buy: the stretch that one covers, as wire, state and answers tell it.

Invariant: a pass, once sold, keeps its stretch and its price; only its renewal is decided later.
What a pass costs and covers is the tariff's to say (``schemas.tariff.FlatPrice``).
"""

import msgspec

NEVER_MS = 0


class BoughtPass(msgspec.Struct, frozen=True, array_like=True):
    """A pass that a member bought, or that renewed itself.

    Args:
        id: ``<shard>-<sequence>`` of the transfer that paid it.
        content: At which it was bought; its provider has a part of the price.
        tariff: Use of which it covers.
        period: ``day``, ``week`` or ``month``.
        from_ms: First moment that it covers.
        to_ms: The moment after the last.
        amount_micros: What it cost.
        renews_at_ms: When the next one is tried to be bought, ``NEVER_MS`` where none is.
        day: Day of the month on which a rolling month ends, 0 for others.
    """

    id: str
    content: str
    tariff: str
    period: str
    from_ms: int
    to_ms: int
    amount_micros: int
    renews_at_ms: int = NEVER_MS
    day: int = 0

    @property
    def renews(self) -> bool:
        """Whether another one follows it by itself."""
        return self.renews_at_ms != NEVER_MS
