"""Recordings: files of past traffic as ordered CloudEvents.

Invariant: an event's id is "<recording name>:<line number>", given here, before anything is split
or shuffled; the same file read twice gives the same events. A line that cannot be read is told
with its number and skipped. It does not own sending, nor ends: no stop is ever made up.
"""

import gzip
import zlib
from codecs import getincrementaldecoder
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast

from ingest.formats import cloudevents, combined, llm_csv
from ingest.formats.array import ARRAY, elements
from ingest.formats.line import BadLine, Line, TimedEvent
from schemas.errors import InvalidDocument

RecordingFormat = Literal["combined", "llm-csv", "cloudevents"]
EVENTS_MAX = 5_000_000
LINE_BYTES_MAX = 64 * 1024
_GZIP_MAGIC = b"\x1f\x8b"

# Each takes the file's lines and the recording's name, and gives what it made of each line.
Reader = Callable[[Iterable[Line], str], Iterable[TimedEvent | BadLine]]
_READERS: dict[RecordingFormat, Reader] = {
    "combined": combined.read,
    "llm-csv": llm_csv.read,
    "cloudevents": cloudevents.read,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recording, ready to be sent.

    Args:
        name: Of it; the first part of its events' ids.
        events: In order of event time, then of line.
        rejected: Lines that could not be read.
    """

    name: str
    events: tuple[TimedEvent, ...]
    rejected: tuple[BadLine, ...]

    @property
    def first_ms(self) -> int | None:
        """Time of the first event, or None without events."""
        return self.events[0].at_ms if self.events else None

    @property
    def last_ms(self) -> int | None:
        """Time of the last event, or None without events."""
        return self.events[-1].at_ms if self.events else None


def read_recording(path: Path, kind: RecordingFormat, *, name: str | None = None) -> Recording:
    """Read a recording whole.

    Args:
        path: The file, plain or gzip.
        kind: Its format.
        name: The recording's name; by default the file's, without directory and extensions.

    Raises:
        InvalidDocument: The file cannot be opened, is broken gzip, or has over ``EVENTS_MAX``
            events.
    """
    name = name or name_of(path)
    events: list[TimedEvent] = []
    rejected: list[BadLine] = []
    for made in read_events(path, kind, name=name):
        if isinstance(made, BadLine):
            rejected.append(made)
        else:
            events.append(made)
        if len(events) > EVENTS_MAX:
            raise InvalidDocument(f"recording {path}: over {EVENTS_MAX} events; split it")
    events.sort(key=lambda event: (event.at_ms, event.line))
    return Recording(name=name, events=tuple(events), rejected=tuple(rejected))


def name_of(path: Path) -> str:
    """A recording's name when nobody gives it one: the file's, without extensions."""
    return path.name.removesuffix(".gz").partition(".")[0]


def read_events(path: Path, kind: RecordingFormat, *, name: str) -> Iterator[TimedEvent | BadLine]:
    """What each line of a recording gives, in the order of the format's reader.

    Only ``combined`` holds the file in memory, as some 200 bytes a request, since its sessions are
    formed in order of time.

    Args:
        path: The file, plain or gzip.
        kind: Its format.
        name: The recording's.

    Raises:
        InvalidDocument: The file cannot be opened, or is broken gzip.
    """
    try:
        is_array = kind == "cloudevents" and _beginning(path).startswith(ARRAY)
        yield from _READERS[kind](elements(_chunks(path)) if is_array else _lines(path), name)
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidDocument(f"recording {path}: {error}") from error


def format_of(path: Path) -> RecordingFormat:
    """The format that a file's first line has.

    Raises:
        InvalidDocument: The file cannot be read.
    """
    try:
        first = _beginning(path)
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidDocument(f"recording {path}: {error}") from error
    if first.startswith(("{", ARRAY)):
        return "cloudevents"
    return "llm-csv" if first == llm_csv.HEADER else "combined"


def _beginning(path: Path) -> str:
    """The first line that is not empty."""
    return next((line.text.lstrip() for line in _lines(path) if line.text.strip()), "")


def _lines(path: Path) -> Iterator[Line]:
    """Numbered lines from 1; bytes that are not UTF-8 become escapes, the same ones every time."""
    with _opened(path) as file:
        for number, raw in enumerate(iter(lambda: file.readline(LINE_BYTES_MAX), b""), 1):
            # What is cut off is no event in any format; its line still counts as one.
            while len(raw) == LINE_BYTES_MAX and not raw.endswith(b"\n"):
                if file.readline(LINE_BYTES_MAX)[-1:] in (b"\n", b""):
                    break
            yield Line(number, raw.decode("utf-8", "backslashreplace").rstrip("\r\n"))


def _chunks(path: Path) -> Iterator[str]:
    """The text in pieces, its bytes treated likewise."""
    decoder = getincrementaldecoder("utf-8")("backslashreplace")
    with _opened(path) as file:
        while raw := file.read(LINE_BYTES_MAX):
            yield decoder.decode(raw)


@contextmanager
def _opened(path: Path) -> Generator[BinaryIO]:
    with ExitStack() as stack:
        plain = stack.enter_context(path.open("rb"))
        packed = plain.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC)
        yield cast("BinaryIO", stack.enter_context(gzip.open(plain, "rb")) if packed else plain)
