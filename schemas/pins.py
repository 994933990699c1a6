"""PINs of prepaid cards: how they are written, checked and hashed.

A PIN is 16 symbols of Crockford's base 32 in groups of four: a series, 14 at random, a check
symbol. Invariant: pure, and nothing here keeps or shows a PIN. The 14 symbols are 70 bits: among
10 million live cards one guess in 1.2 * 10^14 hits one. It does not own the secrets that
hashes are keyed by (``runtime.card_secrets``), nor where the random ones come from.
Source: Luhn mod N, https://en.wikipedia.org/wiki/Luhn_mod_N_algorithm;
https://www.crockford.com/base32.html.
"""

import hmac
from hashlib import sha256
from typing import Final

from schemas.ids import joined

# Without I, L, O and U, which are taken for others.
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SYMBOLS: Final = 16
RANDOM_SYMBOLS: Final = 14
# What somebody may type, spaces and dashes with it.
TYPED_CHARS_MAX: Final = 64
_GROUP: Final = 4
_VALUES: Final = {symbol: value for value, symbol in enumerate(ALPHABET)}
_MEANT: Final = str.maketrans("OIL", "011", " -")


class InvalidPin(ValueError):
    """What was typed cannot be a PIN; the text says why and never repeats it."""


def pin_of(series: str, random_symbols: str) -> str:
    """A PIN with its check symbol.

    Args:
        series: One symbol, which says by which secret it is hashed.
        random_symbols: ``RANDOM_SYMBOLS`` of them.
    """
    body = series + random_symbols
    return body + _check_symbol(body)


def pin_from_text(text: str) -> str:
    """The PIN that somebody typed, without what does not count: case, spaces, dashes, O for 0.

    Raises:
        InvalidPin: It is no PIN; most often a typing error, which the check symbol finds.
    """
    if len(text) > TYPED_CHARS_MAX:
        raise InvalidPin(f"a PIN has {SYMBOLS} letters and digits")
    pin = text.upper().translate(_MEANT)
    if len(pin) != SYMBOLS:
        raise InvalidPin(f"a PIN has {SYMBOLS} letters and digits, not {len(pin)}")
    if any(symbol not in _VALUES for symbol in pin):
        raise InvalidPin("a PIN is of digits and letters, without I, L, O and U")
    if _check_symbol(pin[:-1]) != pin[-1]:
        raise InvalidPin("its last symbol does not fit the others: it was mistyped")
    return pin


def shown(pin: str) -> str:
    """A PIN as it is printed on a card."""
    return "-".join(pin[start : start + _GROUP] for start in range(0, SYMBOLS, _GROUP))


def card_of_pin(secret: bytes, tenant: str, pin: str) -> bytes:
    """What a card is known by: HMAC-SHA256 of its PIN, 32 bytes.

    Args:
        secret: Of the PIN's series.
        tenant: Whose card; the same PIN of another tenant is another card.
        pin: As ``pin_from_text`` gives it.
    """
    return hmac.digest(secret, joined(tenant, pin).encode(), sha256)


def _check_symbol(body: str) -> str:
    total, base = 0, len(ALPHABET)
    for place, symbol in enumerate(reversed(body)):
        value = _VALUES[symbol] * (1 if place % 2 else 2)
        total += value // base + value % base
    return ALPHABET[-total % base]
