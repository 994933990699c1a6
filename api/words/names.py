"""Names of contents, items and members inside a sentence.

Invariant: a name is one line of bounded length, whatever its writer put in it; a particle is chosen
by a name's last sound only where its last sign tells that sound, and else told as both.
"""

from typing import Final

NAME_CHARS_MAX: Final = 60
TEXT_CHARS_MAX: Final = 120
# After a consonant, after a vowel, where the spelling does not tell.
_PARTICLES: Final = {
    "을": ("을", "를", "을(를)"),
    "이": ("이", "가", "이(가)"),
    "은": ("은", "는", "은(는)"),
}
_FIRST_SYLLABLE, _LAST_SYLLABLE, _FINALS = 0xAC00, 0xD7A3, 28
# 영 일 이 삼 사 오 육 칠 팔 구; whole tens, hundreds and so on end in a consonant as 영 does.
_CONSONANT_DIGITS, _VOWEL_DIGITS = "013678", "2459"


class Name(str):
    """A name that takes a Korean particle in a template: ``{content:을}``."""

    __slots__ = ()

    def __format__(self, particle: str) -> str:
        """The name, with the form of the particle that fits it."""
        return f"{self!s}{_fitting(self, particle)}" if particle else str(self)


def name_of(text: str, limit: int = NAME_CHARS_MAX) -> Name:
    """A name as it may stand in a sentence.

    Args:
        text: As somebody wrote it.
        limit: Characters that are told of it, the last one being ``…`` where it is longer.
    """
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return Name(line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…")


def _fitting(name: str, particle: str) -> str:
    closed, opened, unclear = _PARTICLES[particle]
    last = next((sign for sign in reversed(name) if sign.isalnum() or sign == "…"), "")
    if len(last) == 1 and _FIRST_SYLLABLE <= ord(last) <= _LAST_SYLLABLE:
        return closed if (ord(last) - _FIRST_SYLLABLE) % _FINALS else opened
    if last and last in _CONSONANT_DIGITS:
        return closed
    return opened if last and last in _VOWEL_DIGITS else unclear
