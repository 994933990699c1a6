"""A content server's player, as a process of its own: starts a session, beats, obeys the control.

It says what it does as JSON lines on standard output, so that whoever started it can show it. It is
a program (``python -m cli.demo.player``) because the demo kills it half-way.
"""

import argparse
import os
import sys
import time
from typing import Any

import httpx
import msgspec
from confluent_kafka import OFFSET_END, Consumer, TopicPartition

from schemas.control import SignalKind
from schemas.moment import text_from_ms
from schemas.outputs import Stream

BEAT_MS = 1_000
CONTROL_WAIT_S = 10
REQUEST_TIMEOUT_S = 5
JSON_TYPE = "application/cloudevents+json"


def main() -> None:
    """Plays until cut off; never stops by itself otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("url", "kafka", "source", "session", "subject", "content"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--item", default="")
    Player(parser.parse_args(), os.environ["PLAYER_KEY"]).play()


class Player:
    """One session of one member.

    Args:
        words: Command line: where to send and what is played.
        key: API key.
    """

    def __init__(self, words: argparse.Namespace, key: str) -> None:
        self._words = words
        self._beats = 0
        self._http = httpx.Client(
            base_url=words.url,
            headers={"Authorization": f"Bearer {key}", "Content-Type": JSON_TYPE},
            timeout=REQUEST_TIMEOUT_S,
        )
        self._control = _listen(words.kafka)

    def play(self) -> None:
        """Start, perhaps an item, then a heartbeat a second until the control says cut off."""
        began_ms = _now_ms()
        self._send("session.start", began_ms)
        if self._words.item:
            self._send("item.use", began_ms, item=self._words.item)
        beat_ms = began_ms + BEAT_MS
        while True:
            signal = self._heard(max(0, beat_ms - _now_ms()) / 1_000)
            if signal == SignalKind.CUT_OFF:
                self._send("session.stop", beat_ms - BEAT_MS, reason="server")
                return
            if _now_ms() >= beat_ms:
                self._send("session.heartbeat", beat_ms)
                beat_ms += BEAT_MS

    def _send(self, kind: str, at_ms: int, **data: str) -> None:
        self._beats += 1
        event_id = f"{self._words.session}-{self._beats}"
        event = {
            "specversion": "1.0",
            "id": event_id,
            "source": self._words.source,
            "type": kind,
            "subject": self._words.subject,
            "time": text_from_ms(at_ms),
            "data": {"session": self._words.session, "content": self._words.content, **data},
        }
        answer = self._http.post("/v1/events", content=msgspec.json.encode(event))
        _say({"sent": kind, "id": event_id, "at_ms": at_ms, "status": answer.status_code})

    def _heard(self, wait_s: float) -> str:
        message = self._control.poll(wait_s)
        if message is None or message.error() is not None:
            return ""
        signal: dict[str, Any] = msgspec.json.decode(message.value() or b"{}")
        if signal.get("session") != self._words.session:
            return ""
        _say({"heard": signal["signal"], "available_micros": signal["available_micros"]})
        return str(signal["signal"])


def _listen(kafka: str) -> Consumer:
    """Listens to the control topic from now on."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": "demo-player",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 50,
        }
    )
    topic = Stream.CONTROL.value
    partitions = consumer.list_topics(topic, timeout=CONTROL_WAIT_S).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, OFFSET_END) for number in partitions])
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline and consumer.poll(0.05) is not None:
        continue
    return consumer


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _say(words: dict[str, object]) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(words) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
