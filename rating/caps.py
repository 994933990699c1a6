"""Caps of a session: what its lines come to at most.

Invariant: a cap takes back what is above it from the latest versions first, so every version's part
only grows while time passes. Caps over periods are ``rating.scopes``'.
"""

from collections.abc import Iterator, Sequence

from rating.components import CapTerms
from rating.tariff import TariffTerms
from schemas.ledger import ChargeLine


def cap_lines(tariff: TariffTerms, lines: Sequence[ChargeLine]) -> Iterator[ChargeLine]:
    """What the session's cap takes back, one line for each version that it takes from.

    Args:
        tariff: Compiled.
        lines: Of its components.
    """
    for cap in tariff.caps:
        if cap.period is None:
            left = cap.amount_micros
            for version in tariff.versions:
                spent = covered_micros(cap, lines, version.from_ms)
                if spent > left:
                    yield ChargeLine(
                        "cap", "session", 0, left - spent, "", version.from_ms, cap.text
                    )
                left = max(left - spent, 0)


def covered_micros(cap: CapTerms, lines: Sequence[ChargeLine], version: int) -> int:
    """What the lines of one version come to, of the kinds that a cap covers."""
    return sum(
        line.amount_micros
        for line in lines
        if line.version == version and is_covered(cap, line.kind)
    )


def is_covered(cap: CapTerms, kind: str) -> bool:
    """Whether a cap covers lines of a kind; the minimum belongs to time."""
    return ("time" if kind == "minimum" else kind) in cap.kinds
