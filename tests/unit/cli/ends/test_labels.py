"""Labels, on a few copies each."""

from datetime import UTC, datetime

import pytest

from cli.ends.corpus.faults import Course
from cli.ends.corpus.labels import Copy, Kind, copies_by_session, label_of, moment_ms
from cli.ends.corpus.market import TERMS
from cli.ends.corpus.plan import HTTP, Appended, HttpLife, Label, RawLife, Request, Window
from cli.ends.corpus.senders import Names
from cli.ends.corpus.sites import Sites, ways_of

LIVE = TERMS[0]
ENDS_MS = 1_000_000


def _event(number: int, at_ms: int, kind: str, **data: object) -> dict[str, object]:
    moment = datetime.fromtimestamp(at_ms / 1_000, UTC)
    return {
        "id": f"e{number}",
        "type": kind,
        "time": moment.isoformat(timespec="milliseconds"),
        "data": {"session": "s", **data},
    }


def _label(*told: tuple[int, int, str], content: bool = True) -> Label:
    """Of events given as received time, event time and kind, in seconds."""
    data: dict[str, object] = {"content": LIVE.id} if content else {}
    copies = [
        Copy(received * 1_000, received * 1_000, _event(number, at * 1_000, kind, **data))
        for number, (received, at, kind) in enumerate(told)
    ]
    sites = Sites((HttpLife("a", 0, ENDS_MS + 1, leaves=True),), (RawLife(0, (), dies=False),))
    course = Course(Names("tv", "vod", "m", "s", HTTP), LIVE, 0, 0, ENDS_MS)
    return label_of(course, Kind("healthy", "stop"), copies, ways_of(sites, ()))


START, BEAT, STOP = "session.start", "session.heartbeat", "session.stop"


@pytest.mark.parametrize(
    ("told", "state", "cause", "due_s"),
    [
        ([(10, 10, START), (18, 18, STOP)], "stopped", "normal", []),
        ([(10, 10, START), (18, 18, "session.error")], "stopped", "client_error", []),
        ([(10, 10, START), (18, 18, BEAT)], "dead", "network", [48]),
        ([(10, 10, START), (60, 60, STOP)], "stopped", "normal", [40]),
        ([(10, 10, START), (985, 985, BEAT)], "open", "", [40]),
        ([(10, 310, START), (18, 318, BEAT)], "dead", "network", [48]),
        ([(10, 10, START), (18, 18, STOP), (20, 19, STOP)], "stopped", "normal", []),
        ([(10, 10, START), (35, 9, BEAT)], "dead", "network", [40]),
    ],
)
def test_label_when_events_reach_a_collector_then_says_what_is_true(
    told: list[tuple[int, int, str]], state: str, cause: str, due_s: list[int]
) -> None:
    """Silence runs from when the latest event was received, whatever its sender's clock says."""
    label = _label(*told)
    assert (label.state, label.cause) == (state, cause)
    assert [silence.due_ms for silence in label.silences] == [each * 1_000 for each in due_s]


def test_label_when_nobody_told_the_content_then_has_the_time_of_the_unknown() -> None:
    """Without a tariff a session has 90 s, and ends as network."""
    label = _label((10, 10, BEAT), (18, 18, BEAT), content=False)
    assert (label.state, label.cause) == ("dead", "network")
    assert [silence.due_ms for silence in label.silences] == [108_000]


def test_silence_when_use_goes_on_as_it_is_known_then_need_not_be_found() -> None:
    """Two seconds are allowed to find it; what comes within them leaves both answers right."""
    assert [each.is_required for each in _label((10, 10, START), (41, 41, BEAT)).silences] == [
        False, True,
    ]  # fmt: skip


def test_copies_when_an_event_came_twice_then_the_one_that_landed_first_counts() -> None:
    """A raw partition that is read late lands late; what was given up never lands."""
    event = _event(1, 5_000, BEAT)
    requests = [
        Request(5_100, 5_200, landed=False, collector="a", tenant="tv", event=event),
        Request(9_000, 9_050, landed=True, collector="a", tenant="tv", event=event),
    ]
    away = Window(5_000, 60_000)
    found = copies_by_session(
        requests, [Appended(5_300, 0, "tv", event)], [RawLife(0, (away,), dies=True)]
    )
    assert [copy.received_ms for copy in found["s"]] == [9_000]


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [("1970-01-01T00:00:01.500+00:00", 1_500), ("1970-01-01T09:00:01.007+09:00", 1_007)],
)
def test_moment_when_written_in_any_zone_then_is_the_same(text: str, at_ms: int) -> None:
    """Senders write their own zone."""
    assert moment_ms(text) == at_ms
