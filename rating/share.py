"""The provider's part of a charge.

Invariant: the share is taken of the scope's whole total, and a movement is the difference of two
shares; so over any number of movements nothing drifts by rounding.
"""

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
