"""Limits of a tariff from text: sessions at once, and time without input.

Invariant: where silence shows lack of input sooner than the timeout would, that is said here once.
"""

import msgspec

from rating.tariff import LimitTerms
from rating.written import seconds, shown
from schemas.errors import InvalidDocument
from schemas.moment import SECOND_MS
from schemas.tariff import Limits, Silence

SESSIONS_MAX = 10_000
# One heartbeat may be lost before silence tells anything of the member.
_INTERVALS_HEARD = 2


def compile_limits(path: str, limits: Limits, silence: Silence) -> LimitTerms | None:
    """The limits as numbers; None where there are none.

    Args:
        path: Of the tariff, for messages.
        limits: As written.
        silence: Of the same tariff.

    Raises:
        InvalidDocument: A limit that contradicts itself, or is out of range.
    """
    if limits.sessions is None and limits.when_full is not None:
        raise InvalidDocument(
            f"{path}.limits.when_full: {limits.when_full!r} of no number of sessions; write "
            "limits.sessions too, or leave it out"
        )
    if limits.sessions is None and limits.input_s is None:
        return None
    sessions, input_ms = limits.sessions, None
    if sessions is not None and not 1 <= sessions <= SESSIONS_MAX:
        raise InvalidDocument(
            f"{path}.limits.sessions: {shown(sessions)} is not between 1 and {SESSIONS_MAX}; "
            "leave it out for no limit"
        )
    if limits.input_s is not None:
        input_ms = seconds(f"{path}.limits.input_s", limits.input_s) * SECOND_MS
    terms = LimitTerms(sessions, limits.when_full or "refuse", input_ms, is_silence=False)
    if input_ms is None or input_silence_ms(terms, silence) >= silence.timeout_s * SECOND_MS:
        return terms
    return msgspec.structs.replace(terms, is_silence=True)


def input_silence_ms(limits: LimitTerms, silence: Silence) -> int:
    """Silence that shows lack of input: no shorter than two of the heartbeats that would tell."""
    return max(limits.input_ms or 0, _INTERVALS_HEARD * silence.interval_s * SECOND_MS)
