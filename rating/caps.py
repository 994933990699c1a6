"""Caps of a session: what its lines come to at most.

Invariant: a cap takes back what is above it from the latest versions first, so every version's part
only grows while time passes. Caps over periods are ``rating.scopes``'.
"""

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
    covers = cap.covers
    spent: dict[int, int] = {}
    for line in lines:
        if line.kind in covers:
            spent[line.version] = spent.get(line.version, 0) + line.amount_micros
    left = cap.amount_micros
    for version in sorted(spent):
        over = spent[version] - left
        if over > 0:
            lines.append(ChargeLine("cap", "session", 0, -over, "", version, cap.text))
            left = 0
        else:
            left = -over
