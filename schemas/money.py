"""Money: whole micro-units (1e-6 of the major unit) of one currency.

Invariant: an amount or one member's balance is at most 2**53 - 1 in size, so that every reader
(JavaScript, Lua, JSON) holds it exactly. Decimal text meets us only in this file.
"""

from decimal import Decimal, InvalidOperation

from schemas.errors import BrokenInvariant

MICROS = 1_000_000
AMOUNT_MAX = 2**53 - 1
PPM = 1_000_000
_TEXT_MAX = 32


def checked(amount_micros: int) -> int:
    """The amount itself, when its size is allowed.

    Raises:
        BrokenInvariant: The amount is beyond 2**53 - 1.
    """
    if -AMOUNT_MAX <= amount_micros <= AMOUNT_MAX:
        return amount_micros
    raise BrokenInvariant(f"amount {amount_micros} is beyond ±{AMOUNT_MAX} micro-units")


def amount_from_text(text: str) -> int:
    """Micro-units from a decimal text in major units.

    Args:
        text: Such as ``"12.345678"``; at most six decimals, no exponent.

    Raises:
        ValueError: Not a decimal number, finer than a micro-unit, or too large.
    """
    if len(text) > _TEXT_MAX or not text.strip("+-").replace(".", "", 1).isascii():
        raise ValueError(f"{text[:_TEXT_MAX]!r} is not an amount such as '12.345678'")
    if not text.lstrip("+-").replace(".", "", 1).isdigit():
        raise ValueError(f"{text!r} is not an amount such as '12.345678'")
    try:
        micros = Decimal(text).scaleb(6)
    except InvalidOperation as error:
        raise ValueError(f"{text!r} is not an amount such as '12.345678'") from error
    if micros != micros.to_integral_value():
        raise ValueError(f"{text!r} is finer than one micro-unit (six decimals)")
    if abs(micros) > AMOUNT_MAX:
        raise ValueError(f"{text!r} is beyond the largest amount, {text_from_amount(AMOUNT_MAX)}")
    return int(micros)


def text_from_amount(amount_micros: int) -> str:
    """Major units as decimal text, six decimals at most, none that say nothing.

    Args:
        amount_micros: Whole micro-units.

    Returns:
        Such as ``"12.345678"``, ``"-0.5"`` or ``"1000"``.
    """
    sign = "-" if amount_micros < 0 else ""
    major, micros = divmod(abs(amount_micros), MICROS)
    if not micros:
        return f"{sign}{major}"
    return f"{sign}{major}.{micros:06d}".rstrip("0")
