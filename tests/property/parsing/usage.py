"""Parsers of what content servers and their recordings say."""

import json

import msgspec

from api.models.sessions import view_from_live
from api.words.choosing import tongue_of
from api.words.telling import Telling
from cli.tariffs.usage_file import UsageFile
from ingest.consent.keys import _public, keys_in
from ingest.consent.scrub import scrubbed
from ingest.consent.tokens import header_of
from ingest.formats.line import BadLine
from ingest.forward import Forwarder, RawMessage
from ingest.intake import Judged, dead_letter, judge
from ingest.joining import Joining
from ingest.limits import IntakeLimits
from ingest.modes import elements_of_request
from ingest.recordings import RecordingFormat, format_of, read_recording
from rating.consent import TokenTerms
from rating.session import begin
from runtime.keys import ApiKey, KeyRing, digest_of_key
from schemas.cloudevent import event_from_cloudevent, usage_event_to_cloudevent
from schemas.errors import InvalidDocument, InvalidEvent
from schemas.moment import text_from_ms
from schemas.refusals import REASONS
from schemas.usage import EventType, UsageEvent
from tests.property.parsing.parser import Parser, file_of

NOW_MS = 1_800_000_000_000
_LIVE = ApiKey("live", digest_of_key("live"), "tv", ("*",), ("usage:write",))
_TAPE = ApiKey("tape", digest_of_key("tape"), "tv", ("*",), ("usage:write",), "recorded")
_RING = KeyRing([_LIVE, _TAPE])
_LIMITS = IntakeLimits()
_TELLING = Telling(tongue_of(None, None), None)
_TERMS = TokenTerms("https://id.tv", "tv", ("RS256", "EdDSA"), (), None, 3_600_000, 60_000)


def _recorded(event: bytes | dict[str, object]) -> UsageEvent:
    return event_from_cloudevent(
        event,
        tenant="tv",
        received_at_ms=None,
        recorded=True,
        allowance_past_ms=0,
        allowance_future_ms=0,
    )


def _event(body: bytes) -> None:
    """An event that is taken can be said again, and shown."""
    try:
        event = _recorded(body)
    except InvalidEvent as refusal:
        _check_sayable(refusal)
        raise
    said = usage_event_to_cloudevent(event)
    again = _recorded(msgspec.json.encode(said))
    assert msgspec.structs.replace(again, consent=None) == msgspec.structs.replace(
        event, consent=None
    )
    if event.session is not None and event.type == EventType.START:
        view_from_live(begin(event, path="http", incarnation=1), "KRW", _TELLING)


def _check_sayable(refusal: InvalidEvent) -> None:
    """An answer can tell of it."""
    assert refusal.reason in REASONS
    assert msgspec.json.encode(refusal.detail)


def _headed(body: bytes) -> tuple[list[tuple[str, str]], bytes]:
    """Lines ``name: value`` up to an empty one, as headers; and the rest."""
    head, _, rest = body.partition(b"\n\n")
    lines = (line.partition(":") for line in head.decode("latin-1").splitlines())
    return [(name.strip().lower(), value.strip()) for name, _, value in lines], rest


def _request(body: bytes) -> None:
    """Whatever a request holds, each element of it is an event or a letter that can be sent."""
    headers, rest = _headed(body)
    elements = elements_of_request(headers, rest)
    for key in (_LIVE, _TAPE):
        judged = judge(elements, key, received_at_ms=NOW_MS, limits=_LIMITS, place="http")
        _sendable(judged, len(elements))


def _sendable(judged: Judged, elements: int) -> None:
    assert len(judged.events) + len(judged.refusals) == elements
    assert msgspec.msgpack.encode(judged.events)
    assert msgspec.json.encode([(each.id, each.detail) for each in judged.refusals])
    for letter in judged.letters:
        assert msgspec.msgpack.encode(letter)
        assert letter.reason in REASONS


def _message(body: bytes) -> None:
    """A message of the raw topic, by a key of either clock, becomes messages of ours."""
    headers, rest = _headed(body)
    named = [(name, value.encode("latin-1")) for name, value in headers]
    for key in ("live", "tape"):
        forwarder = Forwarder(_RING, Joining("raw", 2), shards=2, limits=_LIMITS)
        message = RawMessage(
            topic="raw", partition=0, offset=0, appended_at_ms=NOW_MS,
            headers=[("ncash-key-id", key.encode()), *named], value=rest,
        )  # fmt: skip
        found = forwarder.forwarded([message], partitions=[0, 1])
        assert found.messages
        assert not found.held


def _letter(body: bytes) -> None:
    """Anything can be kept as a dead letter, and no token is in it."""
    fault = InvalidEvent("unreadable", "no JSON")
    letter = dead_letter(body, fault, tenant="tv", place="http", refused_at_ms=NOW_MS)
    assert msgspec.msgpack.encode(letter)
    assert b"eyJ" not in scrubbed(body)


def _recording(kind: RecordingFormat) -> "Parser":
    def read(body: bytes) -> None:
        with file_of(body, "tape.log") as path:
            format_of(path)
            recording = read_recording(path, kind)
            assert read_recording(path, kind) == recording
        for timed in recording.events:
            assert msgspec.json.encode(timed.event)
            if kind != "cloudevents":
                assert _recorded(timed.event).event_at_ms == timed.at_ms
                text_from_ms(timed.at_ms)
        for bad in recording.rejected:
            assert isinstance(bad, BadLine)

    return Parser(f"recording-{kind}", read, (InvalidDocument,))


def _usage_file(body: bytes) -> None:
    """All of a file's usage comes in order, and each other line has a fault."""
    with file_of(body, "tape.log") as path, UsageFile(path, format_of(path)) as file:
        events = list(file.in_order("tv"))
        assert len(events) == file.events
        assert events == sorted(events, key=lambda timed: (timed.at_ms, timed.line))
        json.dumps([bad.fault for bad in file.bad]).encode()


def _jwks(body: bytes) -> None:
    for key in keys_in(body):
        _public(key)


def _token(body: bytes) -> None:
    """A token by its header, which is all that is believed before its signature is."""
    assert header_of(body.decode("latin-1"), _TERMS).algorithm in _TERMS.algorithms


USAGE: tuple[Parser, ...] = (
    Parser("cloudevent", _event, (InvalidEvent,)),
    Parser("http-request", _request, (InvalidEvent,)),
    Parser("raw-message", _message),
    Parser("dead-letter", _letter),
    _recording("combined"),
    _recording("llm-csv"),
    _recording("cloudevents"),
    Parser("usage-file", _usage_file, (InvalidDocument,)),
    Parser("jwks", _jwks, (ValueError,)),
    Parser("member-token", _token, (InvalidEvent,)),
)
