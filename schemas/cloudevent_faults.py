"""Why a CloudEvent is no usage event: the first fault in it, in words that help its sender.

Invariant: for every JSON value there is a diagnosis, and it names attribute, value and mend.
It does not own the decision that an event is refused: that is taken in ``schemas.cloudevent``.
"""

import re
from collections.abc import Callable, Mapping
from typing import cast

from schemas.errors import InvalidEvent
from schemas.ids import id_fault
from schemas.moment import ms_from_text
from schemas.usage import EVENT_TYPES, METERS_MAX, EventType

COUNT_MAX = 2**53 - 1
SHOWN_CHARS_MAX = 80
TOKEN_CHARS_MAX = 8_192
# How every signed token begins: the base64 of '{"'.
_TOKEN_LIKE = re.compile("eyJ[A-Za-z0-9_-]")
SESSIONLESS = frozenset({EventType.REPORT, EventType.ITEM})
NEEDS_FIELD: dict[EventType, str] = {
    EventType.REPORT: "meters",
    EventType.ITEM: "item",
    EventType.PAGE: "direction",
}
_COUNT = f"a whole number from 0 to {COUNT_MAX}"
_CHOICES: dict[str, tuple[str, ...]] = {
    "direction": ("forward", "backward", "jump"),
    "reason": ("member", "client_error", "network", "server"),
    "role": ("manager",),
}


def shown(value: object) -> str:
    """A value as it may stand in a message: escaped and cut, and never a token."""
    text = ascii(value)
    if _TOKEN_LIKE.search(text):
        return "(a token, not shown)"
    return text if len(text) <= SHOWN_CHARS_MAX else f"{text[:SHOWN_CHARS_MAX]}…"


def json_object(value: object) -> dict[str, object] | None:
    """The value as a JSON object, whose names are text, or None when it is something else."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def diagnosis(loose: object) -> InvalidEvent:
    """The first fault of an event that was found unfit.

    Args:
        loose: The event as plain JSON objects.
    """
    event = json_object(loose)
    if event is None:
        return InvalidEvent("unreadable", f"{shown(loose)} is not a JSON object")
    for check in (_version, _names, _type, _time, _data):
        found = check(event)
        if found is not None:
            return found
    # Reached only when a check here is laxer than the types there; a test holds them together.
    return InvalidEvent("attribute-invalid", "an attribute is not as the contract says")


def _version(event: Mapping[str, object]) -> InvalidEvent | None:
    if event.get("specversion", "1.0") == "1.0":
        return None
    return _invalid("specversion", event["specversion"], "only '1.0' is read")


def _names(event: Mapping[str, object]) -> InvalidEvent | None:
    for name in ("id", "source", "subject"):
        if event.get(name) is None:
            return _missing(name)
        found = _text_fault(name, event[name])
        if found is not None:
            return found
    return None


def _type(event: Mapping[str, object]) -> InvalidEvent | None:
    kind = event.get("type")
    if kind is None:
        return _missing("type")
    if not isinstance(kind, str):
        return _invalid("type", kind, "write it as text")
    if kind in EVENT_TYPES:
        return None
    return InvalidEvent("type-unknown", f"type {shown(kind)}; known: {', '.join(EVENT_TYPES)}")


def _time(event: Mapping[str, object]) -> InvalidEvent | None:
    text = event.get("time")
    if text is None:
        return _missing("time")
    if not isinstance(text, str):
        return InvalidEvent("time-invalid", f"time {shown(text)}: write RFC 3339 text")
    try:
        ms_from_text(text)
    except (ValueError, OverflowError) as error:
        return InvalidEvent("time-invalid", f"time: {error}")
    return None


def _data(event: Mapping[str, object]) -> InvalidEvent | None:
    if event.get("data") is None:
        return _missing("data")
    data = json_object(event["data"])
    if data is None:
        return _invalid("data", event["data"], "write a JSON object")
    kind = EVENT_TYPES[str(event["type"])]
    found = _scope_fault(kind, data) or _field_fault(kind, data)
    if found is None and data.get("payee") == event.get("subject"):
        return _invalid("data.payee", data["payee"], "it is the subject; nobody pays themselves")
    return found


def _scope_fault(kind: EventType, data: Mapping[str, object]) -> InvalidEvent | None:
    for name in ("session", "content"):
        found = _text_fault(f"data.{name}", data[name]) if data.get(name) is not None else None
        if found is not None:
            return found
    if data.get("session") is None and kind not in SESSIONLESS:
        return InvalidEvent(
            "session-missing",
            "data.session is missing; only usage.report and item.use may stand outside a session",
        )
    outside = data.get("session") is None or kind is EventType.START
    if data.get("content") is None and outside:
        return InvalidEvent(
            "content-missing",
            "data.content is missing; session.start and use outside a session must name it",
        )
    return None


def _field_fault(kind: EventType, data: Mapping[str, object]) -> InvalidEvent | None:
    for name, check in _CHECKS.items():
        # A quantity of null is not the same as none: it has a default, not an absence.
        if data.get(name) is not None or (name == "quantity" and name in data):
            found = check(f"data.{name}", data[name])
            if found is not None:
                return found
    needed = NEEDS_FIELD.get(kind)
    if needed is not None and data.get(needed) is None:
        return _missing(f"data.{needed}")
    if data.get("consent") is not None and data.get("mandate") is not None:
        return InvalidEvent(
            "attribute-invalid", "data.consent and data.mandate stand together: send one of them"
        )
    return None


def _meters_fault(name: str, value: object) -> InvalidEvent | None:
    meters = json_object(value)
    if meters is None:
        return InvalidEvent("meter-invalid", f"{name} {shown(value)}: write an object of counts")
    if len(meters) > METERS_MAX:
        return InvalidEvent("meter-invalid", f"{name} has {len(meters)}; at most {METERS_MAX}")
    for meter, count in meters.items():
        fault = id_fault(meter)
        if fault is not None:
            return InvalidEvent("meter-invalid", f"{name}: the name {shown(meter)} {fault}")
        if not _is_count(count):
            return InvalidEvent(
                "meter-invalid", f"{name}.{shown(meter)} is {shown(count)}; write {_COUNT}"
            )
    return None


def _text_fault(name: str, value: object) -> InvalidEvent | None:
    if not isinstance(value, str):
        return _invalid(name, value, "write it as text")
    fault = id_fault(value)
    return None if fault is None else _invalid(name, value, f"it {fault}")


def _token_fault(name: str, value: object) -> InvalidEvent | None:
    # Whatever it is may be a secret that was put into the wrong place.
    if isinstance(value, str) and 0 < len(value) <= TOKEN_CHARS_MAX:
        return None
    return InvalidEvent(
        "attribute-invalid",
        f"{name} is no member token: write a compact JWT of at most {TOKEN_CHARS_MAX} characters",
    )


def _label_fault(name: str, value: object) -> InvalidEvent | None:
    return None if _is_count(value) else _text_fault(name, value)


def _count_fault(name: str, value: object) -> InvalidEvent | None:
    return None if _is_count(value) else _invalid(name, value, f"write {_COUNT}")


def _quantity_fault(name: str, value: object) -> InvalidEvent | None:
    if _is_count(value) and value != 0:
        return None
    return _invalid(name, value, f"write a whole number from 1 to {COUNT_MAX}, or leave it out")


def _flag_fault(name: str, value: object) -> InvalidEvent | None:
    return None if isinstance(value, bool) else _invalid(name, value, "write true or false")


def _choice_fault(name: str, value: object) -> InvalidEvent | None:
    choices = _CHOICES[name.removeprefix("data.")]
    return None if value in choices else _invalid(name, value, f"write {' or '.join(choices)}")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= COUNT_MAX


def _missing(name: str) -> InvalidEvent:
    return InvalidEvent("attribute-missing", f"{name} is missing")


def _invalid(name: str, value: object, mend: str) -> InvalidEvent:
    return InvalidEvent("attribute-invalid", f"{name} is {shown(value)}: {mend}")


_CHECKS: dict[str, Callable[[str, object], InvalidEvent | None]] = {
    "meters": _meters_fault,
    "seq": _count_fault,
    "boot": _label_fault,
    "active": _flag_fault,
    "direction": _choice_fault,
    "from": _label_fault,
    "to": _label_fault,
    "item": _text_fault,
    "quantity": _quantity_fault,
    "reason": _choice_fault,
    "role": _choice_fault,
    "consent": _token_fault,
    "mandate": _text_fault,
    "payee": _text_fault,
}
