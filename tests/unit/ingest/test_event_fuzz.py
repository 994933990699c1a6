"""Arbitrary and almost right input against the reader of CloudEvents, from a fixed seed."""

import json

import msgspec
from hypothesis import example, given, seed, settings
from hypothesis import strategies as st

from schemas.cloudevent import event_from_cloudevent
from schemas.cloudevent_faults import diagnosis
from schemas.errors import InvalidEvent
from schemas.refusals import REASONS
from schemas.usage import EVENT_TYPES, UsageEvent

_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["", "s-1", "\x00", "x" * 257, "forward", "member", "manager", "1.0"])
    | st.sampled_from([0, 1, -1, 2**53 - 1, 2**53, 2**64, 10**30])
)
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)
_IDS = st.just("id-1") | _LEAVES
_DATA = st.fixed_dictionaries(
    {},
    optional={
        "session": _IDS,
        "content": _IDS,
        "meters": st.dictionaries(st.text(max_size=4), _LEAVES, max_size=3) | _JSON,
        "seq": _LEAVES,
        "boot": _LEAVES,
        "active": _LEAVES,
        "direction": st.just("forward") | _LEAVES,
        "from": _LEAVES,
        "to": _LEAVES,
        "item": _IDS,
        "quantity": _LEAVES,
        "reason": st.just("member") | _LEAVES,
        "role": st.just("manager") | _LEAVES,
        "unknown": _JSON,
    },
)
_EVENTS = st.fixed_dictionaries(
    {
        "id": _IDS,
        "source": _IDS,
        "subject": _IDS,
        "type": st.sampled_from(sorted(EVENT_TYPES)) | _LEAVES,
        "time": st.just("2026-01-31T09:30:00Z") | st.text(max_size=30) | _LEAVES,
        "data": _DATA | _JSON,
    },
    optional={"specversion": _LEAVES, "data_base64": _LEAVES},
)
_FALLBACK = diagnosis(
    {"id": "i", "source": "s", "subject": "m", "type": "session.heartbeat",
     "time": "2026-01-31T09:30:00Z", "data": {"session": "s-1"}}
).detail  # fmt: skip


def _read(event: bytes | dict[str, object]) -> UsageEvent | InvalidEvent:
    try:
        return event_from_cloudevent(
            event,
            tenant="demo",
            received_at_ms=None,
            recorded=True,
            allowance_past_ms=0,
            allowance_future_ms=0,
        )
    except InvalidEvent as refusal:
        return refusal


@seed(20260131)
@settings(max_examples=400, deadline=None, derandomize=True)
@given(_JSON)
def test_reader_when_given_any_json_then_refuses_only_with_known_reasons(value: object) -> None:
    """Nothing but InvalidEvent comes out of arbitrary JSON, and its words can be sent."""
    outcome = _read(json.dumps(value).encode())
    assert isinstance(outcome, InvalidEvent)
    assert outcome.reason in REASONS
    assert msgspec.json.encode(outcome.detail)


@seed(20260131)
@settings(max_examples=1_500, deadline=None, derandomize=True)
@given(_EVENTS)
def test_reader_when_given_almost_an_event_then_names_the_fault(event: dict[str, object]) -> None:
    """Types and diagnosis agree: what is refused has a fault that the diagnosis finds."""
    body = json.dumps(event).encode()
    outcome = _read(body)
    parsed = _read(event)
    if isinstance(outcome, InvalidEvent):
        assert outcome.reason in REASONS
        assert outcome.detail != _FALLBACK
        assert isinstance(parsed, InvalidEvent)
        assert parsed.reason == outcome.reason
    else:
        assert parsed == outcome
        assert msgspec.msgpack.encode(outcome)


@seed(20260131)
@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.binary(max_size=200))
@example(b"[" * 100_000)
@example(b'{"data":' * 100_000)
@example(b'"\xff"')
@example(b"9" * 10_000)
@example(b"1e999")
def test_reader_when_given_any_bytes_then_raises_nothing_else(body: bytes) -> None:
    """Bytes that are no JSON object, or JSON without end, are refused as unreadable."""
    outcome = _read(body)
    assert isinstance(outcome, InvalidEvent)
    assert (outcome.reason == "unreadable") is not _is_object(body)


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(str(body, "utf-8")), dict)
    except (ValueError, RecursionError):
        return False
