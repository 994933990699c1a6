"""Which language an answer speaks.

Invariant: pure; whoever asks for none that is spoken gets English.
Source: RFC 9110, section 12.5.4 (Accept-Language).
"""

from typing import Final, Literal

from api.words.english import ENGLISH
from api.words.korean import KOREAN
from api.words.tongue import Tongue

Language = Literal["en", "ko"]
TONGUES: Final = {ENGLISH.code: ENGLISH, KOREAN.code: KOREAN}
HEADER_CHARS_MAX: Final = 1_000
_QUALITY_MAX = 1_000


def tongue_of(lang: str | None, accept_language: str | None) -> Tongue:
    """The language of an answer.

    Args:
        lang: Asked for by name; counts before the header.
        accept_language: The header, or None. One beyond ``HEADER_CHARS_MAX`` says nothing.
    """
    if lang in TONGUES:
        return TONGUES[lang]
    header = accept_language or ""
    best, chosen = 0, ENGLISH
    for wish in header.split(",") if len(header) <= HEADER_CHARS_MAX else ():
        range_, *parameters = (each.strip() for each in wish.lower().split(";"))
        code = range_.split("-")[0]
        tongue = ENGLISH if code == "*" else TONGUES.get(code)
        quality = _quality(parameters)
        if tongue is not None and quality > best:
            best, chosen = quality, tongue
    return chosen


def _quality(parameters: list[str]) -> int:
    """The weight in thousandths; 0 where it cannot be read."""
    for each in parameters:
        name, _, value = each.partition("=")
        if name.strip() == "q":
            whole, _, digits = value.strip().partition(".")
            written = f"{whole}{digits.ljust(3, '0')}"
            if not written.isascii() or not written.isdigit():
                return 0
            return min(int(written), _QUALITY_MAX) if len(digits) <= 3 else 0  # noqa: PLR2004
    return _QUALITY_MAX
