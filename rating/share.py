"""The provider's part of a charge, and a member's.

Invariant: the share is taken of the scope's whole total, and a movement is the difference of two
shares; so over any number of movements nothing drifts by rounding.
"""

from collections.abc import Sequence

from rating.tariff import TariffTerms
from schemas.ledger import ChargeLine
from schemas.money import PPM


def provider_share(total_micros: int, ppm: int) -> int:
    """The provider's cumulative part of a cumulative total.

    Args:
        total_micros: Charged in all, within the scope.
        ppm: The part in parts per million, 0 to 1,000,000.

    Returns:
        Whole micro-units, cut off toward zero: what cannot be divided stays with the platform.
    """
    if total_micros < 0:
        return -(-total_micros * ppm // PPM)
    return total_micros * ppm // PPM


def earned_part(tariff: TariffTerms, total_micros: int) -> int:
    """A member's cumulative part of what a scope was charged in all, periods with it."""
    return 0 if tariff.earns is None else provider_share(total_micros, tariff.earns.ppm)


def provider_part(tariff: TariffTerms, lines: Sequence[ChargeLine], total_micros: int) -> int:
    """The provider's cumulative part of a price: of each version's total by its own share.

    Args:
        tariff: Whose price it is.
        lines: All of it.
        total_micros: Their sum.
    """
    if len(tariff.froms) == 1:
        return provider_share(total_micros, tariff.versions[0].provider_ppm)
    versions = {line.version for line in lines}
    if len(versions) <= 1:
        version = tariff.froms.index(lines[0].version) if lines else 0
        return provider_share(total_micros, tariff.versions[version].provider_ppm)
    sums = {version.from_ms: 0 for version in tariff.versions}
    for line in lines:
        sums[line.version] += line.amount_micros
    return sum(
        provider_share(sums[version.from_ms], version.provider_ppm) for version in tariff.versions
    )
