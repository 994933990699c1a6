"""A client of server-sent events, as the standard says it: data, last id, end."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec

WAIT_S = 30


@dataclass
class Told:
    """What a client was told so far.

    Args:
        signals: Data of the events, in order.
        last_id: To come again with.
        end: Why the stream ended, where it said so.
    """

    signals: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    last_id: str = ""
    end: str = ""

    def names(self) -> list[str]:
        """Shard and sequence of each signal."""
        return [f"{each['shard']}-{each['sequence']}" for each in self.signals]


@contextmanager
def listening(url: str, key: str, told: Told) -> Generator[Callable[[], None]]:
    """A stream while the block runs, from the last id that was told.

    Yields:
        Reads on by one event or comment; raises ``EOFError`` at the end of the stream.
    """
    headers = {"Authorization": f"Bearer {key}"}
    if told.last_id:
        headers["Last-Event-ID"] = told.last_id
    timeout = httpx.Timeout(WAIT_S)
    with httpx.stream("GET", f"{url}/v1/control", headers=headers, timeout=timeout) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()

        def read_on() -> None:
            words: dict[str, str] = {}
            for line in lines:
                if not line:
                    break
                name, _, value = line.partition(": ")
                words[name] = value
            else:
                raise EOFError
            told.last_id = words.get("id", told.last_id)
            if words.get("event") == "end":
                told.end = msgspec.json.decode(words["data"])["reason"]
            elif "data" in words:
                told.signals.append(msgspec.json.decode(words["data"]))

        read_on()
        yield read_on
