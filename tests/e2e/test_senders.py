"""Other people's programs get usage in: the CloudEvents SDK, both generations, and curl."""

import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from cloudevents.core.bindings import http, kafka
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1 import conversion as earlier_http
from cloudevents.v1 import kafka as earlier_kafka
from cloudevents.v1.http import CloudEvent as EarlierEvent

from tests.e2e.asking import Asking, awaited
from tests.e2e.conftest import Whole, key_of

SOURCE = "https://player.example/api"
QUIZ_MICROS = 850_000_000
DATA = {"content": "channel-1", "item": "opening-quiz"}
Wire = tuple[dict[str, str | bytes], bytes]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def _attributes(member: str) -> dict[str, Any]:
    """What a sender tells; the rest is the SDK's."""
    return {
        "id": "1",
        "source": SOURCE,
        "type": "item.use",
        "subject": member,
        "time": datetime.now(UTC),
        "datacontenttype": "application/json",
        # An extension that we do not know.
        "region": "서울",
    }


def _http(to_message: Callable[[CloudEvent], http.HTTPMessage]) -> Callable[[str], Wire]:
    def made(member: str) -> Wire:
        message = to_message(CloudEvent(attributes=_attributes(member), data=DATA))
        return dict(message.headers), message.body

    return made


def _kafka(to_message: Callable[[CloudEvent], kafka.KafkaMessage]) -> Callable[[str], Wire]:
    def made(member: str) -> Wire:
        message = to_message(CloudEvent(attributes=_attributes(member), data=DATA))
        return dict(message.headers), message.value

    return made


def _earlier(member: str) -> EarlierEvent:
    told = {name: value for name, value in _attributes(member).items() if name != "region"}
    return EarlierEvent({**told, "time": told["time"].isoformat()}, DATA)


def _earlier_http(to_wire: Callable[..., Any]) -> Callable[[str], Wire]:
    def made(member: str) -> Wire:
        headers, body = to_wire(_earlier(member))
        return {str(name): str(value) for name, value in headers.items()}, bytes(body)

    return made


def _earlier_kafka(to_message: Callable[..., Any]) -> Callable[[str], Wire]:
    def made(member: str) -> Wire:
        message = to_message(_earlier(member))
        return {name: bytes(value) for name, value in message.headers.items()}, message.value

    return made


OVER_HTTP = {
    "회원 structured/http": _http(http.to_structured_event),
    "회원 binary/http": _http(http.to_binary_event),
    "earlier-structured-http": _earlier_http(earlier_http.to_structured),
    "earlier-binary-http": _earlier_http(earlier_http.to_binary),
}
OVER_KAFKA = {
    "회원 structured/kafka": _kafka(kafka.to_structured_event),
    "회원 binary/kafka": _kafka(kafka.to_binary_event),
    "earlier-structured-kafka": _earlier_kafka(earlier_kafka.to_structured),
    "earlier-binary-kafka": _earlier_kafka(earlier_kafka.to_binary),
}


@pytest.fixture(scope="module")
def ask(whole: Whole) -> Iterator[Asking]:
    """The tenant demo."""
    asking = Asking(whole, "demo")
    yield asking
    asking.http.close()


def _assert_charged(ask: Asking, member: str) -> None:
    """One item, and its way is found under the names that the sender gave."""
    segment, source = quote(member, safe=""), quote(SOURCE, safe="")
    ask.await_posted(segment, -QUIZ_MICROS)
    way = awaited(lambda: ask.way(source, "1", member))
    assert (way["status"], way["source"], way["subject"]) == ("accepted", SOURCE, member)


@pytest.mark.parametrize("member", OVER_HTTP)
def test_sdk_when_it_sends_over_http_then_the_event_is_charged(ask: Asking, member: str) -> None:
    """Structured and binary mode, names in Korean with a space and a slash."""
    headers, body = OVER_HTTP[member](member)
    answer = ask.http.post("/v1/events", content=body, headers=_texts(headers))
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "rejected": []})
    _assert_charged(ask, member)


def _texts(headers: dict[str, str | bytes]) -> dict[str, str]:
    """The same, as text."""
    return {name: str(value) for name, value in headers.items()}


@pytest.mark.parametrize("member", OVER_KAFKA)
def test_sdk_when_it_sends_to_kafka_then_the_event_is_charged(ask: Asking, member: str) -> None:
    """Structured and binary mode; only the header that names the key is added."""
    headers, value = OVER_KAFKA[member](member)
    ask.produce(value, headers=headers)
    _assert_charged(ask, member)


@pytest.mark.debian("curl")
@pytest.mark.parametrize("mode", ["structured", "plain", "binary", "batch"])
def test_curl_when_it_sends_then_the_event_is_charged(
    whole: Whole, ask: Asking, debian_service: Callable[[str], Path], mode: str
) -> None:
    """A shell is content server enough."""
    member = f"curl-{mode}"
    told = {**_attributes(member), "time": datetime.now(UTC).isoformat(), "specversion": "1.0"}
    event = msgspec.json.encode({**told, "data": DATA}).decode()
    words = {
        "structured": ["Content-Type: application/cloudevents+json"],
        "plain": ["Content-Type: application/json"],
        "binary": [f"ce-{name}: {value}" for name, value in told.items() if name != "region"],
        "batch": ["Content-Type: application/cloudevents-batch+json"],
    }[mode]
    body = {"binary": msgspec.json.encode(DATA).decode(), "batch": f"[{event}]"}.get(mode, event)
    headers = [word for each in words for word in ("-H", each)]
    said = subprocess.run(
        [
            str(debian_service("curl")), "-sS", "--fail", f"{whole.url}/v1/events", "-d", body,
            "-H", f"Authorization: Bearer {key_of('demo')}", *headers,
        ],
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    assert msgspec.json.decode(said.stdout) == {"accepted": 1, "rejected": []}
    _assert_charged(ask, member)
