"""The CloudEvents transport modes: which bytes of a request or message are which event.

Invariant: every event comes out as its own JSON text, so that one bad text spoils no other; a
binary-mode event comes out as the structured one that says the same.
It does not own what is in an event. Source: CloudEvents 1.0.2 HTTP and Kafka protocol bindings.
"""

import re
from collections.abc import Iterable
from urllib.parse import unquote

import msgspec

from ingest.limits import EVENTS_PER_REQUEST_MAX
from schemas.errors import UNREADABLE, InvalidEvent

STRUCTURED = "application/cloudevents+json"
_CLOUDEVENTS = "application/cloudevents"
_HTTP_PREFIX = "ce-"
_KAFKA_PREFIX = "ce_"
_SPACE = b" \t\r\n"
_VALUE = msgspec.json.Decoder(msgspec.Raw)
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
# A whole string, or one of the marks that give JSON its shape.
_MARK = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{},]', re.DOTALL)


def elements_of_request(headers: Iterable[tuple[str, str]], body: bytes) -> list[bytes]:
    """The events of an HTTP request, in order, each as structured JSON text.

    Args:
        headers: Names in lower case; the content type tells the mode, as does any ``ce-`` header.
        body: Whole.

    Raises:
        InvalidEvent: ``unreadable``: a format that is not JSON, or nothing at all; ``too-large``:
            more than ``EVENTS_PER_REQUEST_MAX`` elements.
    """
    attributes: dict[str, str] = {}
    media = ""
    for name, value in headers:
        if name == "content-type":
            media = _media_type(value)
        elif name == "content-encoding" and value.lower() != "identity":
            raise InvalidEvent("unreadable", f"content-encoding {value!r}: send it uncompressed")
        elif name.startswith(_HTTP_PREFIX):
            attributes[name.removeprefix(_HTTP_PREFIX)] = unquote(value)
    if media.startswith(_CLOUDEVENTS) and not media.endswith("+json"):
        raise InvalidEvent("unreadable", f"content type {media!r}: send CloudEvents as JSON")
    if attributes and not media.startswith(_CLOUDEVENTS):
        return [_structured(attributes, body)]
    text = body.strip(_SPACE)
    if not text:
        raise InvalidEvent("unreadable", "the body is empty; send an event or an array of events")
    return _elements_of_array(text) if text.startswith(b"[") else [text]


def element_of_message(headers: Iterable[tuple[str, bytes | None]], value: bytes) -> bytes:
    """The event of a Kafka message as structured JSON text.

    Args:
        headers: Of the message; ``content-type`` and ``ce_`` ones tell the mode.
        value: Of the message.
    """
    attributes: dict[str, str] = {}
    for name, content in headers:
        text = (content or b"").decode("utf-8", "replace")
        if name.lower() == "content-type" and _media_type(text).startswith(_CLOUDEVENTS):
            return value
        if name.startswith(_KAFKA_PREFIX):
            attributes[name.removeprefix(_KAFKA_PREFIX)] = text
    return _structured(attributes, value) if attributes else value


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _structured(attributes: dict[str, str], data: bytes) -> bytes:
    """The structured text of a binary-mode event; data that is no JSON stays bytes, as base64."""
    data = data.strip(_SPACE)
    try:
        return msgspec.json.encode({**attributes, "data": _VALUE.decode(data)})
    except UNREADABLE:
        return msgspec.json.encode({**attributes, "data_base64": data} if data else attributes)


def _elements_of_array(text: bytes) -> list[bytes]:
    try:
        elements = [bytes(raw) for raw in _ARRAY.decode(text)]
    except UNREADABLE:
        elements = _torn_apart(text)
    if len(elements) > EVENTS_PER_REQUEST_MAX:
        raise InvalidEvent(
            "too-large", f"{len(elements)} events; send at most {EVENTS_PER_REQUEST_MAX} at once"
        )
    return elements


def _torn_apart(text: bytes) -> list[bytes]:
    """The elements of an array that is no JSON as a whole, told apart by brackets alone.

    NaN, bad UTF-8, endless nesting or a torn end spoil their own element only.
    """
    elements: list[bytes] = []
    depth = 0
    start = 1
    for mark in _MARK.finditer(text, 1):
        sign = mark[0]
        if sign in (b"{", b"["):
            depth += 1
        elif depth and sign in (b"}", b"]"):
            depth -= 1
        elif not depth and sign in (b",", b"]"):
            elements.append(text[start : mark.start()].strip(_SPACE))
            start = mark.end()
            if sign == b"]":
                break
    rest = text[start:].strip(_SPACE)
    return [*elements, rest] if rest else elements
