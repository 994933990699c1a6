"""A compiled tariff: components, shares and the rules of silence, ready to price with.

Invariant: made only by ``rating.compiling``, so every number in it has been checked.
"""

from bisect import bisect_right
from collections.abc import Mapping
from typing import Literal

import msgspec

from rating.clock import Clock
from rating.components import (
    CapTerms,
    ComponentTerms,
    FeeTerms,
    FlatTerms,
    ItemTerms,
    PageTerms,
    TimeTerms,
    VolumeTerms,
)
from rating.hours import Week
from rating.periods import Calendar, PeriodKind
from rating.rounding import RoundingName
from schemas.applied import Cause
from schemas.grants import FinalUnit, OnFailure

# What is counted by one component, in each version.
TrackTerms = tuple[ComponentTerms | None, ...]


class VersionTerms(msgspec.Struct, frozen=True):
    """Prices from a moment on.

    Args:
        from_ms: UTC epoch milliseconds, 0 for the tariff as it first stood, whatever the time.
        provider_ppm: The provider's part, in parts per million.
        components: In the order of the tariff's tracks.
    """

    from_ms: int
    provider_ppm: int
    components: tuple[ComponentTerms, ...]


class Rule(msgspec.Struct, frozen=True):
    """One thing that counts over a calendar period.

    Args:
        name: Unique in the tariff, and the same in its other catalogues.
        kind: Which calendar periods.
        cap: The cap, or None.
        track: The volume by version, where it is no cap.
        calendar: The periods; None until the tariff is bound to a zone.
    """

    name: str
    kind: PeriodKind
    cap: CapTerms | None
    track: TrackTerms
    calendar: Calendar | None = None


def rule_name(volume: VolumeTerms) -> str:
    """Of the rule of a volume that counts over a period."""
    return f"volume:{volume.period}:{volume.meter}"


class LimitTerms(msgspec.Struct, frozen=True):
    """What one member may do at once, and for how long without input.

    Args:
        sessions: Open sessions on the tariff, or None for any number.
        when_full: What one more does.
        input_ms: Length without input at which a session ends, or None.
        is_silence: Whether a session that is not heard of ends for lack of input, its timeout
            being longer than that.
    """

    sessions: int | None
    when_full: Literal["refuse", "end_oldest", "allow"]
    input_ms: int | None
    is_silence: bool


class GrantTerms(msgspec.Struct, frozen=True):
    """What content servers are granted that ask before they serve.

    Args:
        time_s: Seconds, where a server does not say how many.
        units: By meter, where it wants nothing in particular.
        valid_ms: How long a grant holds from the last that was heard of its session.
        threshold_percent: What is left when its server is to ask again.
        final_unit: What it does after final units.
        redirect_to: Where the member is sent then, or empty.
        on_failure: What it does when nobody answers.
    """

    time_s: int
    units: Mapping[str, int]
    valid_ms: int
    threshold_percent: int
    final_unit: FinalUnit
    redirect_to: str
    on_failure: OnFailure


class EarningTerms(msgspec.Struct, frozen=True):
    """What a member earns by use.

    Args:
        is_payee: Whether that is the other member whom events name, not the one who uses.
        ppm: The part of what is charged, in parts per million.
        bucket: The kind of money.
        valid_ms: How long it may be spent, 0 for ever.
        is_of_paid: Whether the part is only of what money paid that somebody paid for, or owes.
    """

    is_payee: bool
    ppm: int
    bucket: str
    valid_ms: int
    is_of_paid: bool = False


class TariffTerms(msgspec.Struct, frozen=True):
    """What a tariff says.

    Args:
        id: Unique within the tenant.
        versions: By rising moment, at least one.
        froms: When each comes into force.
        tracks: For each thing that is counted, its component in each version or None; in the order
            in which the versions first name them.
        caps: From the shortest to the longest.
        rules: What counts over periods: caps from the shortest to the longest, then volumes.
        meters: Meters that have a price, of which it may matter when they were told.
        reach_ms: By how much a charged interval may lie behind a session's last moment.
        rounding: Name of the rounding of each component's total.
        low_balance_micros: What is left to spend when the low-balance signal goes out.
        timeout_ms: Covered silence after which a session has ended; where its input limit is
            shorter, silence is lack of input.
        silence_cause: ``network`` or ``idle``.
        pays: What a vanished session is charged.
        interval_ms: Heartbeat interval that senders are asked to keep.
        reopens: Whether an event after the end reopens; else it begins a new incarnation.
        charge_errors: Whether a session that ended in an error is charged.
        has_passes: Whether any component is a pass that use buys.
        is_free: Whether nothing in it can ever cost anything.
        costs_by_use: Whether going on costs more: anything in it but passes and fees has a price.
        finest: A calendar period of which all are made that anything in it counts over, or None.
        calendar: These periods; None where nothing does, or before the tariff is bound to a zone.
        covers: Kinds that cost nothing inside a bought pass; empty where none can be bought.
        covers_all: Whether going on costs nothing inside one.
        limits: Of sessions at once and of time without input; None where it has none.
        weeks: Of each version, when which rates of what it counts hold; empty where none has any.
        clocks: The same on the clocks of a zone; empty before the tariff is bound to one.
        grants: What servers are granted that ask before they serve.
        paid_from: Buckets that may pay; empty for all, and credit.
        sponsor: Who pays instead of the member, or empty.
        earns: What a member earns by use, or None.
    """

    id: str
    versions: tuple[VersionTerms, ...]
    froms: tuple[int, ...]
    tracks: tuple[TrackTerms, ...]
    caps: tuple[CapTerms, ...]
    rules: tuple[Rule, ...]
    meters: frozenset[str]
    reach_ms: int
    rounding: RoundingName
    low_balance_micros: int
    timeout_ms: int
    silence_cause: Cause
    pays: Literal["last_event", "half_interval", "nothing"]
    interval_ms: int
    reopens: bool
    grants: GrantTerms
    charge_errors: bool
    has_passes: bool
    is_free: bool
    costs_by_use: bool
    finest: PeriodKind | None = None
    calendar: Calendar | None = None
    covers: frozenset[str] = frozenset()
    covers_all: bool = False
    limits: LimitTerms | None = None
    weeks: tuple[tuple[Week, ...], ...] = ()
    clocks: tuple[Clock, ...] = ()
    paid_from: frozenset[str] = frozenset()
    sponsor: str = ""
    earns: EarningTerms | None = None

    @property
    def has_scopes(self) -> bool:
        """Whether anything in it outlives a use: passes, or what counts over periods."""
        return self.has_passes or bool(self.covers) or self.finest is not None

    @property
    def kinds(self) -> frozenset[str]:
        """Kinds of charge lines that use by it can come to, passes included."""
        parts = {type(part) for track in self.tracks for part in track if part is not None}
        return frozenset(kind for part in parts for kind in _KINDS[part])

    def version_at(self, at_ms: int) -> int:
        """Index of the version in force at a moment."""
        return bisect_right(self.froms, at_ms, 1) - 1 if len(self.froms) > 1 else 0


_KINDS: Mapping[type, tuple[str, ...]] = {
    TimeTerms: ("time", "minimum"),
    FeeTerms: ("fee",),
    VolumeTerms: ("volume",),
    ItemTerms: ("item",),
    PageTerms: ("page",),
    FlatTerms: ("flat",),
}
