"""CloudEvents 1.0, as senders write usage, to and from ``UsageEvent``.

Invariant: an event is taken whole or refused with a stable reason; nothing else is ever raised.
Fields that we do not know are ignored, so that a newer sender is understood.
It does not own the wording of refusals (``schemas.cloudevent_faults``), keys, or transport modes.
Source: CloudEvents 1.0.2, JSON event format; ``specversion`` may be left out of plain JSON.
"""

import json
from base64 import b64decode
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec

from schemas.cloudevent_faults import (
    COUNT_MAX,
    NEEDS_FIELD,
    SESSIONLESS,
    TOKEN_CHARS_MAX,
    diagnosis,
    json_object,
    shown,
)
from schemas.consent import Consent, ConsentKind
from schemas.errors import UNREADABLE, InvalidEvent
from schemas.ids import ID_CHARS_MAX
from schemas.moment import ms_from_text, text_from_ms
from schemas.usage import (
    EVENT_TYPE_TEXTS,
    EVENT_TYPES,
    METERS_MAX,
    EventType,
    UsageEvent,
    content_digest,
)

SPEC_VERSION = "1.0"
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=ID_CHARS_MAX)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=COUNT_MAX)]
_Token = Annotated[str, msgspec.Meta(min_length=1, max_length=TOKEN_CHARS_MAX)]
_Quantity = Annotated[int, msgspec.Meta(ge=1, le=COUNT_MAX)]


class _Data(msgspec.Struct, gc=False, rename={"page_from": "from", "page_to": "to"}):
    """``data`` of the contract's table; page names and boots may be numbers, kept as text."""

    session: _Text | None = None
    content: _Text | None = None
    meters: dict[_Text, _Count] | None = None
    seq: _Count | None = None
    boot: _Text | _Count | None = None
    active: bool | None = None
    direction: Literal["forward", "backward", "jump"] | None = None
    page_from: _Text | _Count | None = None
    page_to: _Text | _Count | None = None
    item: _Text | None = None
    quantity: _Quantity = 1
    reason: Literal["member", "client_error", "network", "server"] | None = None
    role: Literal["manager"] | None = None
    consent: _Token | None = None
    mandate: _Text | None = None
    payee: _Text | None = None


class _CloudEvent(msgspec.Struct, gc=False):
    """The attributes that we read; extensions are ignored."""

    id: _Text
    source: _Text
    type: str
    subject: _Text
    time: str
    data: _Data
    specversion: str = SPEC_VERSION


# Verifies a member token that came with an event; raises ``InvalidEvent``.
ConsentReader = Callable[[str, UsageEvent], Consent]
_decoder = msgspec.json.Decoder(_CloudEvent)
_canonical = msgspec.msgpack.Encoder(order="deterministic")


def event_from_cloudevent(
    event: bytes | msgspec.Raw | dict[str, object],
    *,
    tenant: str,
    received_at_ms: int | None,
    recorded: bool,
    allowance_past_ms: int,
    allowance_future_ms: int,
    consent_of: ConsentReader | None = None,
) -> UsageEvent:
    """The usage event that a CloudEvent says.

    Args:
        event: One CloudEvent in the JSON event format, encoded or already parsed.
        tenant: Of the key that sent it.
        received_at_ms: When it was taken in; ignored when recorded.
        recorded: Whether the key's clock is recorded: then received time is event time.
        allowance_past_ms: How old a live event may be.
        allowance_future_ms: How far ahead of received time a live event may be.
        consent_of: Verifies its member token, which is then dropped; None takes no token.

    Raises:
        InvalidEvent: With one of ``schemas.refusals`` and what to mend.
    """
    parsed = _parsed(event)
    kind = EVENT_TYPES.get(parsed.type)
    data = parsed.data
    if kind is None or not _is_sound(parsed, data, kind):
        raise diagnosis(_with_text_data(_as_object(event)))
    at_ms = _event_at_ms(parsed.time)
    if recorded or received_at_ms is None:
        received_at_ms = at_ms
    elif not received_at_ms - allowance_past_ms <= at_ms <= received_at_ms + allowance_future_ms:
        raise InvalidEvent(
            "time-outside-allowance",
            f"time {parsed.time} is not within {allowance_past_ms // 1000} s before and "
            f"{allowance_future_ms // 1000} s after {text_from_ms(received_at_ms)}, when it was "
            "received; set the sender's clock, or send old events with a key for recordings",
        )
    usage = _usage_event(
        parsed, kind, tenant=tenant, at_ms=at_ms, received_at_ms=received_at_ms, recorded=recorded
    )
    if data.consent is None and data.mandate is None:
        return usage
    return msgspec.structs.replace(usage, consent=_consent(data, usage, consent_of))


def usage_event_to_cloudevent(event: UsageEvent) -> dict[str, object]:
    """The CloudEvent that says the same, ready for a JSON encoder.

    Args:
        event: Any usage event; tenant, clock and digest are not said, the receiver makes them. A
            token is not said either: nobody keeps it.
    """
    data = {
        "session": event.session,
        "content": event.content,
        "meters": event.meters,
        "seq": event.seq,
        "boot": event.boot,
        "active": event.active,
        "direction": event.direction,
        "from": event.page_from,
        "to": event.page_to,
        "item": event.item,
        "quantity": event.quantity if event.quantity != 1 else None,
        "reason": event.reason,
        "role": "manager" if event.manager else None,
        "mandate": _mandate(event.consent),
        "payee": event.payee,
    }
    return {
        "specversion": SPEC_VERSION,
        "id": event.id,
        "source": event.source,
        "type": EVENT_TYPE_TEXTS[EventType(event.type)],
        "subject": event.subject,
        "time": text_from_ms(event.event_at_ms),
        "datacontenttype": "application/json",
        "data": {name: value for name, value in data.items() if value is not None},
    }


def _parsed(event: bytes | msgspec.Raw | dict[str, object]) -> _CloudEvent:
    """The event as a struct; what does not fit is looked at again, slowly, for its reason."""
    try:
        if isinstance(event, dict):
            return msgspec.convert(event, _CloudEvent)
        # Decoding the text, not the bytes, finds bad UTF-8 in ignored fields too.
        return _decoder.decode(str(event, "utf-8"))
    except UNREADABLE:
        loose = _with_text_data(_as_object(event))
    try:
        return msgspec.convert(loose, _CloudEvent)
    except UNREADABLE as error:
        raise diagnosis(loose) from error


def _as_object(event: bytes | msgspec.Raw | dict[str, object]) -> object:
    """The event as plain objects, NaN and all, to see what is wrong with it.

    Raises:
        InvalidEvent: It is no JSON by any reading.
    """
    if isinstance(event, dict):
        return event
    try:
        # The standard library reads the NaN that it also writes; msgspec rightly does not.
        loose: object = json.loads(str(event, "utf-8"))
    except UnicodeDecodeError as error:
        raise InvalidEvent("unreadable", f"the event is not UTF-8: {error}") from error
    except RecursionError as error:
        raise InvalidEvent("unreadable", "the event is nested too deeply") from error
    except ValueError as error:
        raise InvalidEvent("unreadable", f"the event is not JSON: {error}") from error
    return loose


def _with_text_data(loose: object) -> object:
    """The same with ``data_base64`` read as the JSON that it holds (JSON format, 3.1.1)."""
    event = json_object(loose)
    if event is None or "data" in event:
        return loose
    encoded = event.get("data_base64")
    if not isinstance(encoded, str):
        return loose
    try:
        return {**event, "data": _as_object(b64decode(encoded, validate=True))}
    except ValueError as error:
        raise InvalidEvent("unreadable", f"data_base64 is not base64: {error}") from error


def _is_sound(event: _CloudEvent, data: _Data, kind: EventType) -> bool:
    """What types alone cannot say; a False is explained by ``diagnosis``."""
    session, meters = data.session, data.meters
    needed = NEEDS_FIELD.get(kind)
    return (
        event.specversion == SPEC_VERSION
        and event.id.isprintable()
        and event.source.isprintable()
        and event.subject.isprintable()
        and (kind in SESSIONLESS if session is None else session.isprintable())
        and _content_is_sound(data, kind)
        and (meters is None or (len(meters) <= METERS_MAX and "".join(meters).isprintable()))
        and (needed is None or getattr(data, needed) is not None)
        and (data.item is None or data.item.isprintable())
        and (data.mandate is None or (data.consent is None and data.mandate.isprintable()))
        and (data.boot is None or str(data.boot).isprintable())
        and (data.page_from is None or str(data.page_from).isprintable())
        and (data.page_to is None or str(data.page_to).isprintable())
        and (data.payee is None or (data.payee.isprintable() and data.payee != event.subject))
    )


def _content_is_sound(data: _Data, kind: EventType) -> bool:
    if data.content is None:
        return data.session is not None and kind is not EventType.START
    return data.content.isprintable()


def _event_at_ms(text: str) -> int:
    try:
        return ms_from_text(text)
    except (ValueError, OverflowError) as error:
        raise InvalidEvent("time-invalid", f"time {shown(text)}: {error}") from error


def _usage_event(
    event: _CloudEvent,
    kind: EventType,
    *,
    tenant: str,
    at_ms: int,
    received_at_ms: int,
    recorded: bool,
) -> UsageEvent:
    data = event.data
    said = (
        data.session,
        data.content,
        data.meters,
        data.seq,
        _label(data.boot),
        data.active,
        data.direction,
        _label(data.page_from),
        _label(data.page_to),
        data.item,
        data.quantity,
        data.reason,
        data.role is not None,
    )
    # What no event said before there were payees leaves their digests as they were.
    whole = said if data.payee is None else (*said, data.payee)
    digest = content_digest(_canonical.encode((int(kind), at_ms, whole)))
    return UsageEvent(
        tenant,
        event.source,
        event.id,
        int(kind),
        event.subject,
        at_ms,
        received_at_ms,
        recorded,
        digest,
        *said,
        payee=data.payee,
    )


def _consent(data: _Data, event: UsageEvent, consent_of: ConsentReader | None) -> Consent:
    if data.mandate is not None:
        return Consent(ConsentKind.MANDATE, data.mandate)
    if consent_of is None or data.consent is None:
        raise InvalidEvent("token-invalid", "data.consent: member tokens are not taken here")
    return consent_of(data.consent, event)


def _mandate(consent: Consent | None) -> str | None:
    is_mandate = consent is not None and consent.kind == ConsentKind.MANDATE
    return consent.id if consent is not None and is_mandate else None


def _label(value: str | int | None) -> str | None:
    return str(value) if isinstance(value, int) else value
