"""Time at the edges: RFC 3339 text to and from whole UTC epoch milliseconds.

Invariant: inside, time is an int named ``*_ms``; text exists only here.
Source: RFC 3339, section 5.6; a leap second counts as the next second's start.
"""

from datetime import UTC, datetime, timedelta

SECOND_MS = 1_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_TEXT_MAX = 40
# What can be written in UTC; an offset or a leap second leads beyond it.
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999


def ms_from_text(text: str) -> int:
    """Epoch milliseconds from RFC 3339 text with an offset; finer digits are cut off.

    Raises:
        ValueError: Not RFC 3339, without an offset, or outside the years 1 to 9999.
    """
    if len(text) > _TEXT_MAX or len(text) < len("2026-01-01T00:00:00Z") or text[10] not in "Tt ":
        raise ValueError(f"{text[:_TEXT_MAX]!r} is not RFC 3339, such as 2026-01-31T09:30:00Z")
    if "," in text:
        raise ValueError(f"{text!r} is not RFC 3339, which divides a second by a point")
    leap = text[17:19] == "60"
    plain = text.upper()
    try:
        moment = datetime.fromisoformat(f"{plain[:17]}59{plain[19:]}" if leap else plain)
    except ValueError as error:
        raise ValueError(f"{text!r} is not RFC 3339, such as 2026-01-31T09:30:00Z") from error
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset; end it with Z or +09:00")
    at_ms = (moment - _EPOCH) // _MS + (SECOND_MS if leap else 0)
    if not _FIRST_MS <= at_ms <= _LAST_MS:
        raise ValueError(f"{text!r} is outside the years 1 to 9999 in UTC")
    return at_ms


def text_from_ms(at_ms: int) -> str:
    """RFC 3339 text in UTC with milliseconds, such as ``2026-01-31T09:30:00.000Z``."""
    moment = _EPOCH + timedelta(milliseconds=at_ms)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
