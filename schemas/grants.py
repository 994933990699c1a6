"""Grants: units that a content server may deliver, for which money is set aside.

Invariant: what a grant was is kept with the result of asking for it; its money is a hold of the
wallet, under the session's name. Source: RFC 8506, sections 5.1 and 8.
"""

from typing import Final, Literal

import msgspec

UNITS_MAX: Final = 2**40
TIME_S_MAX: Final = 86_400
VALID_S_MAX: Final = 86_400
WANTED_MAX: Final = 16
PERCENT: Final = 100
# Nothing granted is priced later than so long behind the moment at which it was asked for.
AHEAD_MS_MAX: Final = (TIME_S_MAX + VALID_S_MAX) * 1_000 + 86_400_000

UnitKind = Literal["time", "volume", "item", "page"]
FinalUnit = Literal["terminate", "redirect", "restrict"]
OnFailure = Literal["terminate", "continue", "retry_and_terminate"]


class Units(msgspec.Struct, frozen=True, array_like=True):
    """So much of one thing that has a price.

    Args:
        kind: As in charge lines.
        meter: ``s`` for time; else the meter, the item, or the direction of page moves.
        units: Whole seconds, units, items or moves.
    """

    kind: UnitKind
    meter: str
    units: int


class Grant(msgspec.Struct, frozen=True, array_like=True):
    """What a content server may deliver.

    Args:
        units: More of each thing than the session has used so far; 0 of what is not to be had.
        held_micros: Money that is set aside for it.
        expires_ms: From when on it holds no more, unless its session is heard of again.
        is_final: Whether there is no money for more than this.
        charged_micros: What the session has cost so far.
        threshold_percent: What is left of it when its server is to ask again.
        final_unit: What its server does once final units are used.
        redirect_to: Where the member is sent then, or empty.
        on_failure: What its server does when nobody answers.
    """

    units: tuple[Units, ...]
    held_micros: int
    expires_ms: int
    is_final: bool = False
    charged_micros: int = 0
    threshold_percent: int = 0
    final_unit: str = "terminate"
    redirect_to: str = ""
    on_failure: str = "terminate"
