"""Numbers and names from the words of a document, with every fault named by its path.

Invariant: exact; a price is a fraction of two ints, never rounded here.
"""

from fractions import Fraction

from schemas.errors import InvalidDocument
from schemas.ids import id_fault
from schemas.money import AMOUNT_MAX, amount_from_text

SECONDS_MAX = 1_000_000_000
FINE_DIGITS_MAX = 12
_AMOUNT_DIGITS = 6


def amount(path: str, text: str) -> int:
    """Micro-units, at least 0, from text that a person wrote.

    Raises:
        InvalidDocument: Not an amount, too large, or negative.
    """
    try:
        micros = amount_from_text(text)
    except ValueError as error:
        raise InvalidDocument(f"{path}: {error}") from error
    if micros < 0:
        raise InvalidDocument(f"{path}: {text!r} is negative; write 0 or more")
    return micros


def rate(path: str, text: str) -> Fraction:
    """Micro-units, exact, from the text of a price that may be finer than an amount.

    Args:
        path: For messages.
        text: Such as ``"0.00000025"``; up to ``FINE_DIGITS_MAX`` digits below a micro-unit.

    Raises:
        InvalidDocument: Not a number, too large, too fine, or negative.
    """
    major, _, decimals = text.partition(".")
    fine = decimals[_AMOUNT_DIGITS:]
    if not fine:
        return Fraction(amount(path, text))
    if len(fine) > FINE_DIGITS_MAX:
        raise InvalidDocument(
            f"{path}: {text[:40]!r} has more than {_AMOUNT_DIGITS + FINE_DIGITS_MAX} decimals; "
            f"write the price of more units"
        )
    if major.startswith("-"):
        raise InvalidDocument(f"{path}: {text!r} is negative; write 0 or more")
    if not (fine.isascii() and fine.isdigit()):
        raise InvalidDocument(f"{path}: {text!r} is not a price such as '0.00000025'")
    whole = amount(path, f"{major}.{decimals[:_AMOUNT_DIGITS]}")
    return whole + Fraction(int(fine), 10 ** len(fine))


def count(path: str, value: int, *, least: int) -> int:
    """A whole number between ``least`` and 2**53 - 1.

    Raises:
        InvalidDocument: It is not.
    """
    if not least <= value <= AMOUNT_MAX:
        raise InvalidDocument(f"{path}: {shown(value)} is not between {least} and {AMOUNT_MAX}")
    return value


def seconds(path: str, value: int, *, least: int = 1) -> int:
    """Whole seconds between ``least`` and ``SECONDS_MAX``.

    Raises:
        InvalidDocument: They are not.
    """
    if not least <= value <= SECONDS_MAX:
        raise InvalidDocument(f"{path}: {shown(value)} is not {least} to {SECONDS_MAX} seconds")
    return value


def named(path: str, value: str) -> str:
    """An id that events can name.

    Raises:
        InvalidDocument: Empty, too long, or with control characters.
    """
    fault = id_fault(value)
    if fault is not None:
        raise InvalidDocument(f"{path}: {value[:40]!r} {fault}; write 1 to 256 plain characters")
    return value


def shown(value: int) -> str:
    """A number as a message shows it."""
    # A number of thousands of digits helps nobody, and Python refuses to print one.
    return str(value) if abs(value) <= AMOUNT_MAX else "a number beyond 2**53"
