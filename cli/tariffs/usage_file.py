"""A file of usage as events in order of time, with memory that does not grow with the file.

Invariant: events come sorted by (time, line), whatever the file's order: runs of ``RUN_EVENTS`` are
sorted and put on disk, then merged. Every line is an event or a bad line, with its number.
"""

import heapq
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from struct import Struct
from tempfile import TemporaryFile
from typing import BinaryIO, NamedTuple, Self, cast

import msgspec

from ingest.formats.line import BadLine, TimedEvent
from ingest.recordings import RecordingFormat, name_of, read_events
from schemas.cloudevent import event_from_cloudevent
from schemas.errors import InvalidDocument, InvalidEvent
from schemas.usage import UsageEvent

RUN_EVENTS = 50_000
RUNS_MAX = 500
CONTENTS_MAX = 100_000
_LENGTH = Struct("<I")
_encoder = msgspec.msgpack.Encoder()


class Timed(NamedTuple):
    """An event with its line, in the order in which it is taken."""

    at_ms: int
    line: int
    event: UsageEvent


_decoder = msgspec.msgpack.Decoder(Timed)


class UsageFile:
    """A file, read once and kept in order on disk; use it as a context.

    Args:
        path: Plain or gzip.
        kind: Its format.
    """

    def __init__(self, path: Path, kind: RecordingFormat) -> None:
        self.contents: set[str] = set()
        self.bad: list[BadLine] = []
        self.events = 0
        self._path = path
        self._kind: RecordingFormat = kind
        self._stack = ExitStack()
        self._runs: list[BinaryIO] = []
        self._last: list[Timed] = []

    def __enter__(self) -> Self:
        """Reads it.

        Raises:
            InvalidDocument: It cannot be opened, is broken gzip, or names too many contents.
        """
        with self._stack:
            self._read()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def in_order(self, tenant: str) -> Iterator[Timed]:
        """The events in order of time and line; may be asked once.

        Args:
            tenant: Whose they are to be.
        """
        runs: list[Iterable[Timed]] = [_run(file) for file in self._runs]
        for at_ms, line, event in heapq.merge(*runs, self._last, key=_place):
            yield Timed(at_ms, line, msgspec.structs.replace(event, tenant=tenant))

    def _read(self) -> None:
        for made in read_events(self._path, self._kind, name=name_of(self._path)):
            if isinstance(made, BadLine):
                self.bad.append(made)
                continue
            try:
                self._take(_timed(made))
            except InvalidEvent as fault:
                self.bad.append(BadLine(made.line, f"{fault.reason}: {fault.detail}"))
        self._last.sort(key=_place)

    def _take(self, timed: Timed) -> None:
        self.events += 1
        if timed.event.content is not None:
            self.contents.add(timed.event.content)
        self._last.append(timed)
        if len(self._last) < RUN_EVENTS:
            return
        if len(self._runs) >= RUNS_MAX or len(self.contents) > CONTENTS_MAX:
            raise InvalidDocument(
                f"{self._path}: over {RUNS_MAX * RUN_EVENTS} events or {CONTENTS_MAX} contents; "
                "split it by time"
            )
        file = cast("BinaryIO", self._stack.enter_context(TemporaryFile()))  # noqa: SIM115 -- it is one
        for each in sorted(self._last, key=_place):
            value = _encoder.encode(each)
            file.write(_LENGTH.pack(len(value)) + value)
        self._runs.append(file)
        self._last = []


def _place(timed: Timed) -> tuple[int, int]:
    return timed.at_ms, timed.line


def _timed(made: TimedEvent) -> Timed:
    # Its tenant is known once all contents are.
    event = event_from_cloudevent(
        made.event,
        tenant="",
        received_at_ms=None,
        recorded=True,
        allowance_past_ms=0,
        allowance_future_ms=0,
    )
    return Timed(made.at_ms, made.line, event)


def _run(file: BinaryIO) -> Iterator[Timed]:
    file.seek(0)
    while head := file.read(_LENGTH.size):
        [length] = _LENGTH.unpack(head)
        yield _decoder.decode(file.read(length))
