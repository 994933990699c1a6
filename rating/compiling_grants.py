"""Grants of a tariff from text: what servers get that ask before they serve.

Invariant: a grant of any tariff is of at least a second, of meters that have a price, for a while.
"""

from collections.abc import Collection
from urllib.parse import urlsplit

from rating.tariff import GrantTerms
from rating.written import shown
from schemas.errors import InvalidDocument
from schemas.grants import PERCENT, TIME_S_MAX, UNITS_MAX, VALID_S_MAX
from schemas.moment import SECOND_MS
from schemas.tariff import Grants

URL_CHARS_MAX = 2_048


def compile_grants(path: str, grants: Grants, meters: Collection[str]) -> GrantTerms:
    """The rules as numbers.

    Args:
        path: Of the tariff, for messages.
        grants: As written.
        meters: That have a price in the tariff.

    Raises:
        InvalidDocument: A number out of range, a meter without a price, a redirection to nowhere.
    """
    where = f"{path}.grants"
    _within(f"{where}.time_s", grants.time_s, 1, TIME_S_MAX)
    _within(f"{where}.valid_s", grants.valid_s, 1, VALID_S_MAX)
    _within(f"{where}.threshold_percent", grants.threshold_percent, 0, PERCENT - 1)
    for meter, units in grants.units.items():
        if meter not in meters:
            raise InvalidDocument(
                f"{where}.units: the tariff has no price for the meter {meter[:40]!r}; name one "
                "of its volume components"
            )
        _within(f"{where}.units[{meter}]", units, 1, UNITS_MAX)
    _check_redirection(where, grants)
    return GrantTerms(
        time_s=grants.time_s,
        units=dict(sorted(grants.units.items())),
        valid_ms=grants.valid_s * SECOND_MS,
        threshold_percent=grants.threshold_percent,
        final_unit=grants.final_unit,
        redirect_to=grants.redirect_to,
        on_failure=grants.on_failure,
    )


def _within(path: str, number: int, least: int, most: int) -> None:
    if not least <= number <= most:
        raise InvalidDocument(f"{path}: {shown(number)} is not between {least} and {most}")


def _check_redirection(where: str, grants: Grants) -> None:
    if grants.final_unit != "redirect":
        if grants.redirect_to:
            raise InvalidDocument(
                f"{where}.redirect_to: only with final_unit 'redirect'; write that, or leave it out"
            )
        return
    try:
        parts = urlsplit(grants.redirect_to)
    except ValueError as error:
        raise InvalidDocument(f"{where}.redirect_to: {error}") from error
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise InvalidDocument(
            f"{where}.redirect_to: {grants.redirect_to[:40]!r} is no http or https URL; say where "
            "the member is sent"
        )
    if len(grants.redirect_to) > URL_CHARS_MAX:
        raise InvalidDocument(f"{where}.redirect_to: at most {URL_CHARS_MAX} characters")
