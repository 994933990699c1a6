"""Recordings: what the importer makes of the shipped files and of lines that are no good."""

import csv
import gzip
import re
from pathlib import Path

import msgspec
import pytest

from ingest.formats.line import TimedEvent
from ingest.recordings import LINE_BYTES_MAX, Recording, RecordingFormat, read_recording
from schemas.cloudevent import event_from_cloudevent
from schemas.errors import InvalidDocument
from schemas.usage import UsageEvent

# Whole gzip but for what stands in it.
SPOILT = gzip.compress(b"", mtime=0)[:10] + b"\xff" * 20
SHIPPED = Path(__file__).parents[3] / "cli" / "sample"
LINE = (
    '198.18.0.{visitor} - - [17/May/2015:10:{minute}:{second} +0000] "GET / HTTP/1.1" '
    '{status} {size} "-" "{agent}"'
)


def _line(
    *, visitor: int = 1, minute: str = "05", second: str = "00", status: int = 200,
    size: str = "10", agent: str = "A",
) -> str:  # fmt: skip
    return LINE.format(
        visitor=visitor, minute=minute, second=second, status=status, size=size, agent=agent
    )


def _read(tmp_path: Path, text: str, kind: RecordingFormat = "combined") -> Recording:
    path = tmp_path / "sample.log"
    path.write_text(text, encoding="utf-8")
    return read_recording(path, kind)


def _usage(event: TimedEvent) -> UsageEvent:
    return event_from_cloudevent(
        event.event,
        tenant="demo",
        received_at_ms=None,
        recorded=True,
        allowance_past_ms=0,
        allowance_future_ms=0,
    )


def test_access_log_when_lines_are_out_of_order_then_sessions_follow_time(tmp_path: Path) -> None:
    """Ids come from lines, sessions from time; totals run; a dash is no bytes."""
    recording = _read(
        tmp_path,
        "\n".join(
            [
                _line(second="30", size="5"),
                _line(visitor=2),
                _line(second="10", status=404, size="-"),
                _line(minute="35", second="29", size="7"),
                _line(agent="B"),
            ]
        ),
    )
    told = [
        (each["id"], each["type"], each["subject"], each["data"])
        for each in (event.event for event in recording.events)
    ]

    def data(session: str, size: int, requests: int, errors: int) -> dict[str, object]:
        meters = {"bytes": size, "requests": requests, "errors": errors}
        return {"session": session, "content": "web", "meters": meters}

    assert told == [
        ("sample:2", "session.start", "visitor-2", data("visitor-2-1", 10, 1, 0)),
        ("sample:5", "session.start", "visitor-3", data("visitor-3-1", 10, 1, 0)),
        ("sample:3", "session.start", "visitor-1", data("visitor-1-1", 0, 1, 1)),
        ("sample:1", "session.heartbeat", "visitor-1", data("visitor-1-1", 5, 2, 1)),
        ("sample:4", "session.heartbeat", "visitor-1", data("visitor-1-1", 12, 3, 1)),
    ]
    assert recording.first_ms == 1431857100000
    assert recording.last_ms == recording.events[-1].at_ms


def test_access_log_when_silent_for_half_an_hour_then_begins_a_new_session(tmp_path: Path) -> None:
    """The idle rule ends a session at exactly 30 minutes."""
    recording = _read(tmp_path, "\n".join([_line(), _line(minute="35")]))
    sessions = [_usage(event).session for event in recording.events]
    assert sessions == ["visitor-1-1", "visitor-1-2"]


@pytest.mark.parametrize(
    ("kind", "bad", "good"),
    [
        ("combined", "nonsense", _line()),
        ("combined", _line().replace("May", "Mai"), _line()),
        ("combined", _line().replace("17/May", "32/May"), _line()),
        ("combined", _line(size="9" * 5_000), _line()),
        ("combined", _line(agent="x" * LINE_BYTES_MAX * 2), _line()),
        ("llm-csv", "2023-11-16 18:15:46.6805900,374", "2023-11-16 18:15:46.6805900,374,44"),
        ("llm-csv", "2023-11-16 18:15:46.6805900,x,1", "2023-11-16 18:15:46.6805900,374,44"),
        ("llm-csv", "yesterday,1,1", "2023-11-16 18:15:46.6805900,374,44"),
        ("cloudevents", "{", '{"id": "i", "time": "2026-01-31T09:30:00Z"}'),
        ("cloudevents", "{}", '{"id": "i", "time": "2026-01-31T09:30:00Z"}'),
        ("cloudevents", '{"time": "noon"}', '{"id": "i", "time": "2026-01-31T09:30:00Z"}'),
    ],
)
def test_line_when_it_cannot_be_read_then_is_told_by_number_and_the_next_is_taken(
    tmp_path: Path, kind: RecordingFormat, bad: str, good: str
) -> None:
    """A malformed line never stops an import, and does not shift the numbers behind it."""
    head = "TIMESTAMP,ContextTokens,GeneratedTokens" if kind == "llm-csv" else good
    recording = _read(tmp_path, f"{head}\n{bad}\n{good}", kind)
    assert [(each.number, bool(each.fault)) for each in recording.rejected] == [(2, True)]
    assert recording.events[-1].line == 3


def test_cloudevents_when_read_then_are_left_as_they_are(tmp_path: Path) -> None:
    """NDJSON events keep their ids and come in order of time; empty lines are nothing."""
    lines = [
        {"id": "b", "time": "2026-01-31T09:30:00Z", "more": 1},
        {"id": "a", "time": "2026-01-31T09:29:00Z"},
    ]
    text = "\n\n".join(msgspec.json.encode(line).decode() for line in lines)
    recording = _read(tmp_path, text, "cloudevents")
    assert [event.event for event in recording.events] == [lines[1], lines[0]]


def test_recording_when_gzipped_and_named_then_is_the_same_but_for_its_name(
    tmp_path: Path,
) -> None:
    """Compression is seen by content; the name decides ids and source."""
    path = tmp_path / "big.log.gz"
    path.write_bytes(gzip.compress(_line().encode()))
    assert read_recording(path, "combined").events[0].event["id"] == "big:1"
    named = read_recording(path, "combined", name="may").events[0].event
    assert (named["id"], named["source"]) == ("may:1", "recording/may")


@pytest.mark.parametrize("content", [None, b"\x1f\x8b broken", SPOILT])
def test_recording_when_it_cannot_be_opened_then_says_so(
    tmp_path: Path, content: bytes | None
) -> None:
    """A missing or broken file is one clear error."""
    path = tmp_path / "file.log"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidDocument, match=r"file\.log"):
        read_recording(path, "combined")


def test_shipped_access_log_when_imported_then_equals_an_independent_count() -> None:
    """Sums over the events equal sums over the file's text, taken apart another way."""
    path = SHIPPED / "web-access.log"
    lines = path.read_text(encoding="utf-8").splitlines()
    statuses = [re.search(r'" (\d{3}) (\d+|-) "', line) for line in lines]
    sizes = [found[2] for found in statuses if found]
    recording = read_recording(path, "combined")
    assert not recording.rejected
    assert len(recording.events) == len(lines)
    last = {usage.session: usage for usage in map(_usage, recording.events)}
    meters = [usage.meters or {} for usage in last.values()]
    assert sum(each["requests"] for each in meters) == len(lines)
    assert sum(each["bytes"] for each in meters) == sum(int(s) for s in sizes if s != "-")
    assert sum(each["errors"] for each in meters) == sum(
        found is not None and found[1] >= "400" for found in statuses
    )
    starts = [each for each in recording.events if each.event["type"] == "session.start"]
    assert len(starts) == len(last)


def test_shipped_trace_when_imported_then_equals_an_independent_count() -> None:
    """Each row is one report of one of a hundred callers; tokens add up."""
    path = SHIPPED / "llm-conversation.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    recording = read_recording(path, "llm-csv")
    usages = [_usage(event) for event in recording.events]
    assert len(usages) == len(rows)
    assert {usage.subject for usage in usages} == {f"caller-{n}" for n in range(100)}
    for meter, column in (("context_tokens", "ContextTokens"), ("generated_tokens",
                                                                "GeneratedTokens")):  # fmt: skip
        assert sum((usage.meters or {})[meter] for usage in usages) == sum(
            int(row[column]) for row in rows
        )


def test_access_log_when_a_time_cannot_be_written_then_its_line_is_bad(tmp_path: Path) -> None:
    """A time whose offset leads beyond the years 1 to 9999 spoils its own line only."""
    text = _line() + "\n" + _line().replace("17/May/2015", "01/Jan/0001").replace("+0", "+2")
    recording = _read(tmp_path, text)
    assert [event.line for event in recording.events] == [1]
    assert [bad.number for bad in recording.rejected] == [2]
