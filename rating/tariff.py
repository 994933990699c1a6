"""A compiled tariff: components, shares and the rules of silence, ready to price with.

Invariant: made only by ``rating.compiling``, so every number in it has been checked.
"""

from typing import Literal

import msgspec

from rating.components import ComponentTerms
from rating.rounding import RoundingName
from schemas.applied import Cause


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


class TariffTerms(msgspec.Struct, frozen=True):
    """What a tariff says.

    Args:
        id: Unique within the tenant.
        components: In declared order; a price is their sum.
        provider_ppm: The provider's part, in parts per million.
        rounding: Name of the rounding of each component's total.
        low_balance_micros: What is left to spend when the low-balance signal goes out.
        timeout_ms: Covered silence after which a session has ended; where its input limit is
            shorter, silence is lack of input.
        silence_cause: ``network`` or ``idle``.
        pays: What a vanished session is charged.
        interval_ms: Heartbeat interval that senders are asked to keep.
        reopens: Whether an event after the end reopens; else it begins a new incarnation.
        charge_errors: Whether a session that ended in an error is charged.
        has_passes: Whether any component is a flat price.
        is_free: Whether nothing in it can ever cost anything.
        costs_by_use: Whether going on costs more: anything in it but passes has a price.
        limits: Of sessions at once and of time without input; None where it has none.
    """

    id: str
    components: tuple[ComponentTerms, ...]
    provider_ppm: int
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
    limits: LimitTerms | None = None
