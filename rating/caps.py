"""Caps of a session: what its lines come to at most.

Invariant: a cap takes back what is above it from the latest versions first, so every version's part
only grows while time passes. Caps over periods are ``rating.scopes``'.
"""

from rating.components import CapTerms
from rating.tariff import TariffTerms
from schemas.ledger import ChargeLine


def cap_lines(tariff: TariffTerms, lines: list[ChargeLine]) -> None:
    """Adds what the session's cap takes back, one line for each version that it takes from.

    Args:
        tariff: Compiled.
        lines: Of its components; grows.
    """
    cap = tariff.caps[0]
    if cap.period is not None:
        return
    spent = dict.fromkeys((version.from_ms for version in tariff.versions), 0)
    for line in lines:
        if is_covered(cap, line.kind):
            spent[line.version] += line.amount_micros
    left = cap.amount_micros
    for version, amount in spent.items():
        if amount > left:
            lines.append(ChargeLine("cap", "session", 0, left - amount, "", version, cap.text))
            left = 0
        else:
            left -= amount


def is_covered(cap: CapTerms, kind: str) -> bool:
    """Whether a cap covers lines of a kind; the minimum belongs to time."""
    return ("time" if kind == "minimum" else kind) in cap.kinds
