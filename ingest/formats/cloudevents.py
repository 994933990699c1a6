"""CloudEvents, one JSON object a line: sent as they are, with the ids that they have.

Invariant: nothing in an event is changed; only what cannot be put in order is held back, the rest
is judged where it is sent to.
"""

from collections.abc import Iterable, Iterator

import msgspec

from ingest.formats.line import BadLine, Line, TimedEvent
from schemas.errors import UNREADABLE
from schemas.moment import ms_from_text

_decoder = msgspec.json.Decoder(dict[str, object])


def read(lines: Iterable[Line], recording: str) -> Iterator[TimedEvent | BadLine]:
    """The events of an NDJSON file; empty lines are passed over.

    Args:
        lines: Of the file.
        recording: Its name, which these events do not need.
    """
    del recording
    for line in lines:
        if line.text:
            yield _event(line)


def _event(line: Line) -> TimedEvent | BadLine:
    try:
        event = _decoder.decode(line.text)
    except UNREADABLE as error:
        return BadLine(line.number, f"not a JSON object: {error}")
    time = event.get("time")
    if not isinstance(time, str):
        return BadLine(line.number, "time is missing")
    try:
        return TimedEvent(ms_from_text(time), line.number, event)
    except (ValueError, OverflowError) as error:
        return BadLine(line.number, f"time: {error}")
