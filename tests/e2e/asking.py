"""Sending single events to a whole stack, over HTTP and Kafka, and asking what became of them."""

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import httpx
from confluent_kafka import Producer

from tests.e2e.conftest import Whole, key_of

WAIT_S = 30
BATCH = "application/cloudevents-batch+json"
STRUCTURED = "application/cloudevents+json"
_Found = TypeVar("_Found")


def awaited(look: Callable[[], _Found | None]) -> _Found:
    """What a look gives, once it gives something; bounded."""
    deadline = time.monotonic() + WAIT_S
    while True:
        found = look()
        if found is not None:
            return found
        assert time.monotonic() < deadline, f"nothing came within {WAIT_S} s"
        time.sleep(0.05)


class Asking:
    """One key's view of a whole stack.

    Args:
        whole: The stack.
        key_id: Of the key.
    """

    def __init__(self, whole: Whole, key_id: str) -> None:
        self._whole = whole
        self._key_id = key_id
        self.http = httpx.Client(
            base_url=whole.url, headers={"Authorization": f"Bearer {key_of(key_id)}"}, timeout=30
        )

    def post(self, body: bytes, media_type: str) -> httpx.Response:
        """The answer to a request with events."""
        return self.http.post("/v1/events", content=body, headers={"Content-Type": media_type})

    def produce(
        self, *values: bytes, headers: Mapping[str, str | bytes] | None = None, key: bytes = b"k"
    ) -> None:
        """Puts messages into the raw topic, under this key's id."""
        producer = Producer({"bootstrap.servers": self._whole.settings.kafka})
        told = {"content-type": STRUCTURED, "ncash-key-id": self._key_id, **(headers or {})}
        for value in values:
            producer.produce(
                self._whole.settings.raw_topic, value, key=key, headers=list(told.items())
            )
        assert producer.flush(WAIT_S) == 0

    def posted_micros(self, member: str) -> int | None:
        """A member's balance; None where there is no wallet yet."""
        answer = self.http.get(f"/v1/wallets/{member}")
        return int(answer.json()["posted_micros"]) if answer.status_code == 200 else None

    def await_posted(self, member: str, micros: int) -> None:
        """Waits until a member's balance is this."""
        awaited(lambda: True if self.posted_micros(member) == micros else None)

    def way(self, source: str, event: str, subject: str | None = None) -> dict[str, Any] | None:
        """The way of an event; None where there is none yet."""
        query = {} if subject is None else {"subject": subject}
        answer = self.http.get(f"/v1/events/{source}/{event}", params=query)
        found: dict[str, Any] = answer.json()
        return found if answer.status_code == 200 else None

    def refusals(self, source: str, event: str, subject: str) -> list[str]:
        """The reasons for which an event was refused, once there are any."""

        def look() -> list[str] | None:
            found = self.way(source, event, subject) or {"refusals": []}
            return [str(each["reason"]) for each in found["refusals"]] or None

        return awaited(look)
