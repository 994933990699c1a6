r"""Access logs in the combined format: requests become sessions of visitors.

A visitor is (address, user agent), numbered in order of first appearance; 30 minutes without a
request end a session. The first request of a session is its start, each later one a heartbeat
with running totals. Invariant: sessions are formed in order of time, whatever the file's order.
Source: Apache HTTP Server, mod_log_config, "combined":
``%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i"``.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ingest.formats.line import BadLine, Line, TimedEvent, timed_event
from schemas.moment import MINUTE_MS, ms_from_text

CONTENT = "web"
IDLE_MS = 30 * MINUTE_MS
_ERROR_STATUS = 400
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_REQUEST = re.compile(
    rf"(\S+) \S+ .*?\[([^\]]+)\] {_QUOTED} (\d{{3}}) (\d{{1,15}}|-) {_QUOTED} {_QUOTED}", re.ASCII
)
_TIME = re.compile(r"(\d\d)/(\w{3})/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)", re.ASCII)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}


@dataclass(frozen=True, slots=True)
class _Request:
    at_ms: int
    line: int
    visitor: int
    size: int
    failed: bool


@dataclass(slots=True)
class _Session:
    ordinal: int = 0
    last_ms: int = 0
    size: int = 0
    requests: int = 0
    errors: int = 0

    def take(self, request: _Request) -> None:
        """Add a request, or begin anew with it after silence."""
        if not self.ordinal or request.at_ms - self.last_ms >= IDLE_MS:
            self.ordinal += 1
            self.size = self.requests = self.errors = 0
        self.last_ms = request.at_ms
        self.size += request.size
        self.requests += 1
        self.errors += request.failed


def read(lines: Iterable[Line], recording: str) -> Iterator[TimedEvent | BadLine]:
    """The events of an access log.

    Args:
        lines: Of the file; may be out of order in time.
        recording: Its name.
    """
    requests: list[_Request] = []
    visitors: dict[tuple[str, str], int] = {}
    for line in lines:
        request = _request(line, visitors)
        if isinstance(request, BadLine):
            yield request
        else:
            requests.append(request)
    sessions: dict[int, _Session] = {}
    for request in sorted(requests, key=lambda each: (each.at_ms, each.line)):
        session = sessions.setdefault(request.visitor, _Session())
        session.take(request)
        yield _event(recording, request, session)


def _request(line: Line, visitors: dict[tuple[str, str], int]) -> _Request | BadLine:
    found = _REQUEST.fullmatch(line.text)
    if found is None:
        return BadLine(line.number, "not in the combined log format")
    address, time, _, status, size, _, agent = found.groups()
    try:
        at_ms = _time_ms(time)
    except (ValueError, OverflowError) as error:
        return BadLine(line.number, str(error))
    visitor = visitors.setdefault((address, agent), len(visitors) + 1)
    sent = 0 if size == "-" else int(size)
    return _Request(at_ms, line.number, visitor, sent, int(status) >= _ERROR_STATUS)


def _time_ms(text: str) -> int:
    """Epoch milliseconds from ``17/May/2015:10:05:03 +0000``, in any locale."""
    found = _TIME.fullmatch(text)
    month = _MONTHS.get(found[2]) if found else None
    if found is None or month is None:
        raise ValueError(f"{text[:40]!r} is not a time such as 17/May/2015:10:05:03 +0000")
    return ms_from_text(f"{found[3]}-{month:02d}-{found[1]}T{found[4]}{found[5]}:{found[6]}")


def _event(recording: str, request: _Request, session: _Session) -> TimedEvent:
    member = f"visitor-{request.visitor}"
    return timed_event(
        recording,
        request.line,
        request.at_ms,
        kind="session.start" if session.requests == 1 else "session.heartbeat",
        subject=member,
        data={
            "session": f"{member}-{session.ordinal}",
            # On every event, so that none must wait for the start to be priced.
            "content": CONTENT,
            "meters": {
                "bytes": session.size,
                "requests": session.requests,
                "errors": session.errors,
            },
        },
    )
