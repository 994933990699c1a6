"""Who pays for use and who earns by it, of a tariff from text.

Invariant: the provider's and a member's part are never more than the whole, and what a sponsor pays
is not what a member pays.
"""

from collections.abc import Sequence

from rating.components import ComponentTerms, FlatTerms
from rating.tariff import EarningTerms
from rating.written import named, shown
from schemas.errors import InvalidDocument
from schemas.moment import DAY_MS
from schemas.money import PPM
from schemas.tariff import Tariff

VALID_DAYS_MAX = 3_660


def paid_from(path: str, tariff: Tariff) -> frozenset[str]:
    """Buckets that may pay; empty for all.

    Args:
        path: Of the tariff, for messages.
        tariff: As written.

    Raises:
        InvalidDocument: It names none.
    """
    if tariff.paid_from is None:
        return frozenset()
    if not tariff.paid_from:
        raise InvalidDocument(
            f"{path}.paid_from: names nothing, so nothing could pay; name buckets, or leave it out"
        )
    return frozenset(tariff.paid_from)


def sponsor(path: str, tariff: Tariff, written: Sequence[Sequence[ComponentTerms]]) -> str:
    """Who pays instead of the member, or empty.

    Args:
        path: Of the tariff, for messages.
        tariff: As written.
        written: Its components, by version.

    Raises:
        InvalidDocument: The name is none, or the member would pay after all.
    """
    if not tariff.sponsor:
        return ""
    where = f"{path}.sponsor"
    if tariff.paid_from is not None:
        raise InvalidDocument(f"{where}: stands beside paid_from; either one pays or the other")
    if any(isinstance(part, FlatTerms) for parts in written for part in parts):
        raise InvalidDocument(
            f"{where}: the tariff has passes, which are a member's own; take them out, or put them "
            "into a tariff without a sponsor"
        )
    return named(where, tariff.sponsor)


def earnings(path: str, tariff: Tariff) -> EarningTerms | None:
    """What a member earns by use, or None.

    Args:
        path: Of the tariff, for messages.
        tariff: As written.

    Raises:
        InvalidDocument: A part that is none, more than providers leave of a charge, or of what
            the member does not pay.
    """
    earns = tariff.earns
    if earns is None:
        return None
    where = f"{path}.earns"
    if not 1 <= earns.ppm <= PPM:
        raise InvalidDocument(
            f"{where}.ppm: {shown(earns.ppm)} is not between 1 and {PPM} (parts per million)"
        )
    if not 0 <= earns.valid_days <= VALID_DAYS_MAX:
        raise InvalidDocument(
            f"{where}.valid_days: {shown(earns.valid_days)} is not between 0 and {VALID_DAYS_MAX}"
        )
    most = max(tariff.provider_ppm, *(each.provider_ppm for each in tariff.versions), 0)
    if earns.ppm + most > PPM:
        raise InvalidDocument(
            f"{where}.ppm: with the provider's {most} it is more than {PPM}; nobody would pay that"
        )
    if earns.of == "paid" and tariff.sponsor:
        raise InvalidDocument(
            f"{where}.of: nothing of what a sponsor pays is the member's money; write 'all'"
        )
    valid_ms = earns.valid_days * DAY_MS
    return EarningTerms(earns.who == "payee", earns.ppm, earns.bucket, valid_ms, earns.of == "paid")
