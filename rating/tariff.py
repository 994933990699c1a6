"""A compiled tariff: components, shares and the rules of silence, ready to price with.

Invariant: made only by ``rating.compiling``, so every number in it has been checked.
"""

from bisect import bisect_right
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from rating.components import CapTerms, ComponentTerms
from rating.periods import PeriodKind
from rating.rounding import RoundingName
from schemas.applied import Cause


class VersionTerms(msgspec.Struct, frozen=True):
    """Prices from a moment on.

    Args:
        from_ms: UTC epoch milliseconds, 0 for the tariff as it first stood, whatever the time.
        provider_ppm: The provider's part, in parts per million.
    """

    from_ms: int
    provider_ppm: int


class TariffTerms(msgspec.Struct, frozen=True):
    """What a tariff says.

    Args:
        id: Unique within the tenant.
        versions: By rising moment, at least one.
        tracks: For each thing that is counted, its component in each version or None; in the order
            in which the versions first name them.
        components: Those of the first version, in declared order.
        is_plain: Whether there is one version, and neither caps nor prices by the clock.
        caps: Over a session first, in declared order.
        rounding: Name of the rounding of each component's total.
        low_balance_micros: What is left to spend when the low-balance signal goes out.
        timeout_ms: Covered silence after which a session has ended.
        silence_cause: ``network`` or ``idle``.
        pays: What a vanished session is charged.
        interval_ms: Heartbeat interval that senders are asked to keep.
        reopens: Whether an event after the end reopens; else it begins a new incarnation.
        charge_errors: Whether a session that ended in an error is charged.
        has_passes: Whether any component is a pass that use buys.
        is_free: Whether nothing in it can ever cost anything.
        costs_by_use: Whether going on costs more: anything in it but passes and fees has a price.
        finest: A calendar period of which all are made that anything in it counts over, or None.
        zone: Whose calendar that is; None where no clock matters, or before it is bound.
        covers: Kinds that cost nothing inside a bought pass; empty where none can be bought.
        covers_all: Whether going on costs nothing inside one.
    """

    id: str
    versions: tuple[VersionTerms, ...]
    tracks: tuple[tuple[ComponentTerms | None, ...], ...]
    components: tuple[ComponentTerms, ...]
    is_plain: bool
    caps: tuple[CapTerms, ...]
    rounding: RoundingName
    low_balance_micros: int
    timeout_ms: int
    silence_cause: Cause
    pays: Literal["last_event", "half_interval", "nothing"]
    interval_ms: int
    reopens: bool
    charge_errors: bool
    has_passes: bool
    is_free: bool
    costs_by_use: bool
    finest: PeriodKind | None = None
    zone: ZoneInfo | None = None
    covers: frozenset[str] = frozenset()
    covers_all: bool = False

    def version_at(self, at_ms: int) -> int:
        """Index of the version in force at a moment."""
        if len(self.versions) == 1:
            return 0
        return max(bisect_right(self.versions, at_ms, key=_from_ms, lo=1) - 1, 0)


def _from_ms(version: VersionTerms) -> int:
    return version.from_ms
