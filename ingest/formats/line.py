"""What all formats share: a numbered line, the event made of it, and the line that gave none.

Invariant: a line's number counts from 1 in the file as it is on disk, headers included.
It does not own what a line means.
"""

from dataclasses import dataclass
from typing import NamedTuple

from schemas.cloudevent import SPEC_VERSION
from schemas.moment import text_from_ms


class Line(NamedTuple):
    """A line without its end."""

    number: int
    text: str


class BadLine(NamedTuple):
    """A line that is no event, and why."""

    number: int
    fault: str


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """A CloudEvent with its time and line, so that it can be put in order.

    Args:
        at_ms: Event time.
        line: Line that it was made of.
        event: The CloudEvent in structured form.
    """

    at_ms: int
    line: int
    event: dict[str, object]


def timed_event(
    recording: str, line: int, at_ms: int, *, kind: str, subject: str, data: dict[str, object]
) -> TimedEvent:
    """An event of a recording, with the id and source that the contract gives it."""
    event: dict[str, object] = {
        "specversion": SPEC_VERSION,
        "id": f"{recording}:{line}",
        "source": f"recording/{recording}",
        "type": kind,
        "subject": subject,
        "time": text_from_ms(at_ms),
        "datacontenttype": "application/json",
        "data": data,
    }
    return TimedEvent(at_ms, line, event)
