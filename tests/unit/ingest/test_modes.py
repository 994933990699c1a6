"""Transport modes: which bytes are which event."""

import json

import msgspec
import pytest

from ingest.limits import EVENTS_PER_REQUEST_MAX
from ingest.modes import element_of_message, elements_of_request
from schemas.errors import InvalidEvent

GOOD = b'{"id": "good"}'


@pytest.mark.parametrize(
    ("body", "elements"),
    [
        (GOOD, [GOOD]),
        (b" [%b , %b] " % (GOOD, GOOD), [GOOD, GOOD]),
        (b"[]", []),
        (b'[%b, {"m": NaN}]' % GOOD, [GOOD, b'{"m": NaN}']),
        (b'[{"m": -Infinity}, %b]' % GOOD, [b'{"m": -Infinity}', GOOD]),
        (b'[{"a": "],\\"["}, %b, {"m": NaN}]' % GOOD, [b'{"a": "],\\"["}', GOOD, b'{"m": NaN}']),
        (b'[%b, {"id": "torn' % GOOD, [GOOD, b'{"id": "torn']),
        (b"[%b, %b" % (GOOD, GOOD), [GOOD, GOOD]),
        (b"[%b] and more" % GOOD, [GOOD, b"and more"]),
        (b"[%b,]" % GOOD, [GOOD, b""]),
    ],
    ids=["one", "two", "none", "nan", "infinity", "brackets-in-text", "torn", "unclosed",
         "trailing", "comma"],
)  # fmt: skip
def test_body_when_an_element_is_spoilt_then_the_others_are_whole(
    body: bytes, elements: list[bytes]
) -> None:
    """Good elements come out byte for byte, whatever stands beside them."""
    assert elements_of_request([], body) == elements


@pytest.mark.parametrize("bad", [b"[" * 100_000 + b"]" * 100_000, b'{"id": "\xff"}'])
def test_array_when_an_element_is_hostile_then_the_next_is_found(bad: bytes) -> None:
    """Deep nesting and bad UTF-8 end with their element."""
    assert elements_of_request([], b"[%b,%b]" % (bad, GOOD)) == [bad, GOOD]


@pytest.mark.parametrize(
    ("headers", "body", "reason"),
    [
        ([], b"  ", "unreadable"),
        ([("content-encoding", "gzip")], GOOD, "unreadable"),
        ([("content-type", "application/cloudevents+avro")], GOOD, "unreadable"),
        ([], b"[" + b"{}," * EVENTS_PER_REQUEST_MAX + b"{}]", "too-large"),
    ],
    ids=["empty", "gzip", "avro", "too-many"],
)
def test_request_when_nothing_can_be_read_then_says_why(
    headers: list[tuple[str, str]], body: bytes, reason: str
) -> None:
    """A body that is no events at all is refused whole."""
    with pytest.raises(InvalidEvent) as refusal:
        elements_of_request(headers, body)
    assert refusal.value.reason == reason


def test_request_when_binary_then_headers_become_attributes() -> None:
    """Binary mode comes out as the structured event; header values are percent-encoded."""
    headers = [("content-type", "application/json"), ("ce-id", "a%20b"), ("ce-type", "t")]
    [element] = elements_of_request(headers, b'{"session": "s"}')
    assert json.loads(element) == {"id": "a b", "type": "t", "data": {"session": "s"}}


def test_request_when_binary_data_tries_to_add_attributes_then_stays_data() -> None:
    """Data that is no JSON value cannot reach outside ``data``."""
    [element] = elements_of_request([("ce-id", "i")], b'{}, "subject": "someone-else"')
    assert set(json.loads(element)) == {"id", "data_base64"}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("content-type", b"application/cloudevents+json; charset=utf-8")], {"session": "s"}),
        ([("ce_id", "회원".encode()), ("ce_type", b"t")],
         {"id": "회원", "type": "t", "data": {"session": "s"}}),
        ([("ncash-key-id", b"k")], {"session": "s"}),
    ],
    ids=["structured", "binary", "plain"],
)  # fmt: skip
def test_message_when_read_then_its_headers_tell_the_mode(
    headers: list[tuple[str, bytes | None]], expected: dict[str, object]
) -> None:
    """Structured, binary and plain messages become structured text."""
    element = element_of_message(headers, b'{"session": "s"}')
    assert msgspec.json.decode(element) == expected
