"""The gate: encoded events of one key in, usage events and reasoned refusals out.

Invariant: every element comes out exactly once, as an event or as a refusal with a dead letter,
and in order. It does not own transport: HTTP and Kafka hand in the bytes and answer.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from ingest.consent.gate import ConsentGate
from ingest.consent.scrub import scrubbed
from ingest.limits import IntakeLimits
from runtime.keys import ApiKey
from schemas.cloudevent import event_from_cloudevent
from schemas.errors import UNREADABLE, InvalidEvent
from schemas.frames import EVENT_BYTES_MAX
from schemas.ids import id_fault
from schemas.moment import SECOND_MS, text_from_ms
from schemas.refusals import DEAD_BYTES_MAX, DeadLetter
from schemas.usage import UsageEvent


class Refusal(msgspec.Struct, frozen=True):
    """One refused element, as the sender is told.

    Args:
        index: Its place in the request, from 0.
        id: The sender's event id, or empty when it has none that can be shown.
        reason: One of ``schemas.refusals``.
        detail: What is wrong and how to mend it.
    """

    index: int
    id: str
    reason: str
    detail: str


@dataclass(slots=True)
class Judged:
    """What became of the elements of one request."""

    events: list[UsageEvent] = field(default_factory=list[UsageEvent])
    refusals: list[Refusal] = field(default_factory=list[Refusal])
    letters: list[DeadLetter] = field(default_factory=list[DeadLetter])

    def extend(self, more: "Judged") -> None:
        """Add what became of the elements that follow."""
        self.events += more.events
        self.refusals += more.refusals
        self.letters += more.letters


class _Names(msgspec.Struct, gc=False):
    id: object = None
    source: object = None
    subject: object = None


_names_decoder = msgspec.json.Decoder(_Names)


def judge(
    elements: Sequence[bytes],
    key: ApiKey,
    *,
    received_at_ms: int,
    limits: IntakeLimits,
    place: str,
    consents: ConsentGate | None = None,
    first: int = 0,
) -> Judged:
    """Check the elements of one request, or some of them.

    Args:
        elements: Structured CloudEvents, each its own JSON text.
        key: Who sent them.
        received_at_ms: One stamp for all of them.
        limits: Gives the clock allowance.
        place: Where they came in, for dead letters.
        consents: Judges member tokens; None takes none.
        first: Place of the first of them in the request.

    Raises:
        KeysWanted: A key may be fetched; do so, and judge all of them again.
        NoKeys: A token's keys cannot be had.
    """
    judged = Judged()
    for index, element in enumerate(elements, first):
        try:
            event = admit(element, key, received_at_ms, limits, consents)
            _check_source(event.source, key)
        except InvalidEvent as error:
            letter = dead_letter(
                element, error, tenant=key.tenant, place=place, refused_at_ms=received_at_ms
            )
            judged.letters.append(letter)
            judged.refusals.append(Refusal(index, letter.id, error.reason, error.detail))
        else:
            judged.events.append(event)
    return judged


def admit(
    element: bytes,
    key: ApiKey,
    received_at_ms: int,
    limits: IntakeLimits,
    consents: ConsentGate | None = None,
) -> UsageEvent:
    """The usage event in one element, whoever may speak for its source.

    Raises:
        InvalidEvent: It is too large, not an event of the contract, or surely without consent.
        KeysWanted: See ``judge``.
        NoKeys: Likewise.
    """
    if len(element) > EVENT_BYTES_MAX:
        raise InvalidEvent(
            "too-large", f"the event has {len(element)} bytes; at most {EVENT_BYTES_MAX}"
        )
    event = event_from_cloudevent(
        element,
        tenant=key.tenant,
        received_at_ms=received_at_ms,
        recorded=key.recorded,
        allowance_past_ms=limits.allowance_past_ms,
        allowance_future_ms=limits.allowance_future_ms,
        consent_of=None if consents is None else consents.consent_of,
    )
    asking = None if consents is None else consents.asking(key.tenant)
    if consents is not None and asking is not None:
        consents.check(event, asking)
    return event


def check_clock(to_ms: int, now_ms: int, limits: IntakeLimits) -> None:
    """Let a recording's clock be told, unless it would be ahead of the real one.

    A watermark never goes back: one that ran ahead would make every later event late, for ever.

    Args:
        to_ms: What the recording's clock is to say.
        now_ms: The real time.
        limits: Give the allowance.

    Raises:
        InvalidEvent: It is too far ahead.
    """
    if to_ms > now_ms + limits.allowance_future_ms:
        raise InvalidEvent(
            "time-outside-allowance",
            f"{text_from_ms(to_ms)} is more than {limits.allowance_future_ms // SECOND_MS} s ahead "
            f"of the real time, {text_from_ms(now_ms)}; tell how far the recording has come",
        )


def dead_letter(
    element: bytes, error: InvalidEvent, *, tenant: str, place: str, refused_at_ms: int
) -> DeadLetter:
    """The letter that keeps a refused element, with as many of its names as can be read."""
    names = _names_of(element)
    return DeadLetter(
        tenant=tenant,
        source=_shown_id(names.source),
        id=_shown_id(names.id),
        subject=_shown_id(names.subject),
        reason=error.reason,
        detail=error.detail,
        place=place,
        refused_at_ms=refused_at_ms,
        body=scrubbed(element)[:DEAD_BYTES_MAX],
    )


def _check_source(source: str, key: ApiKey) -> None:
    if not key.allows_source(source):
        raise InvalidEvent(
            "source-outside-key", f"key {key.id} may not speak for source {source!r}"
        )


def _names_of(element: bytes) -> _Names:
    """What the element calls itself, even where the rest of it is no good."""
    try:
        return _names_decoder.decode(element)
    except UNREADABLE:
        pass
    try:
        # Reads an event that is JSON but for a NaN.
        return msgspec.convert(json.loads(element), _Names)
    except (ValueError, RecursionError):
        return _Names()


def _shown_id(value: object) -> str:
    """The id itself, when it can stand in an answer; else nothing."""
    return value if isinstance(value, str) and id_fault(value) is None else ""
