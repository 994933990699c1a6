"""What a language has to say: sentences with named gaps, and the forms of what fills them.

Invariant: a language is data alone; every language has the same keys (a test compares them).
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tongue:
    """A language.

    Args:
        code: As in ``lang`` and ``Accept-Language``.
        currencies: Template of an amount by ISO 4217 code; ``""`` for any other.
        durations: Templates of hours, minutes and seconds.
        per_time: Template of a price by the seconds that it is for; 0 for any other length.
        date: Template of a day; ``month_of_year`` of a month, ``at`` of a moment on another day.
        months: Their names, from January on.
        utc: Follows a time that is no local one.
        counts: One and many of a meter, ``page:<direction>`` or ``item``; ``""`` for any other.
        one: How many stand before a unit that a price is for one of.
        details: Details of a use in their order: ``price``, ``when``, ``rate``.
        opening: Before the first detail.
        joint: Between two.
        closing: After the last.
        parts: Between two parts of a sentence.
        sentences: By key; ``.next`` is of a part that need not say the content again.
        things: Names of what a line is about, of fees, buckets, periods and reasons.
    """

    code: str
    currencies: Mapping[str, str]
    durations: tuple[str, str, str]
    per_time: Mapping[int, str]
    date: str
    month_of_year: str
    at: str
    months: tuple[str, ...]
    utc: str
    counts: Mapping[str, tuple[str, str]]
    one: str
    details: tuple[str, ...]
    opening: str
    joint: str
    closing: str
    parts: str
    sentences: Mapping[str, str]
    things: Mapping[str, str]
