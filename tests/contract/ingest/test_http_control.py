"""``POST /v1/events?control=true``: where the request's sessions stand; nothing of it can fail."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx
import pytest

from ingest.answer import CONTROL_SESSIONS_MAX
from schemas.control import SessionRef, Standing
from schemas.errors import RecoverableError
from tests.unit.ingest.fakes import CONTROL_KEY, LIVE_KEY, Edge, cloud_event, edge


@dataclass
class Known:
    """Standings as a table; can be away."""

    found: list[Standing] = field(default_factory=list[Standing])
    is_away: bool = False
    asked: list[tuple[str, list[SessionRef]]] = field(
        default_factory=list[tuple[str, list[SessionRef]]]
    )

    async def standings(self, tenant: str, names: Sequence[SessionRef]) -> list[Standing]:
        """See the port."""
        self.asked.append((tenant, list(names)))
        if self.is_away:
            raise RecoverableError("Redis cannot be reached")
        return [each for each in self.found if each.of in names]


async def _post(
    where: Edge, events: object, *, key: str = CONTROL_KEY, **params: str
) -> httpx.Response:
    transport = httpx.ASGITransport(where.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://edge") as client:
        return await client.post(
            "/v1/events",
            params=params,
            content=json.dumps(events).encode(),
            headers={"Authorization": f"Bearer {key}"},
        )


async def test_control_when_asked_for_then_open_sessions_are_told() -> None:
    """Each session of the accepted events once, with both forms of money."""
    of = SessionRef("video-site", "s-1", "member-1")
    known = Known([Standing(of, "low_balance", 12_345_678, "KRW")])
    refused = {**cloud_event(3), "type": "no.such"}
    where = edge(standings=known)
    events = [cloud_event(1), {**cloud_event(1), "id": "again"}, cloud_event(2), refused]
    answer = await _post(where, events, control="true")
    assert answer.status_code == 202
    body = answer.json()
    assert (body["accepted"], [each["index"] for each in body["rejected"]]) == (3, [3])
    assert body["control"] == [
        {
            "source": "video-site", "session": "s-1", "subject": "member-1",
            "signal": "low_balance",
            "available": {"amount": "12.345678", "currency": "KRW"},
            "available_micros": 12_345_678,
        }
    ]  # fmt: skip
    assert "control_absent" not in body
    assert known.asked == [("demo", [of, SessionRef("video-site", "s-2", "member-2")])]


@pytest.mark.parametrize("params", [{}, {"control": "false"}])
async def test_control_when_not_asked_for_then_the_answer_is_as_ever(
    params: dict[str, str],
) -> None:
    """Nothing is read and nothing is added."""
    known = Known()
    answer = await _post(edge(standings=known), cloud_event(), **params)
    assert answer.json() == {"accepted": 1, "rejected": []}
    assert known.asked == []


@pytest.mark.parametrize(
    ("known", "key", "events", "why"),
    [
        (Known(is_away=True), CONTROL_KEY, [cloud_event()], "Redis cannot be reached"),
        (None, CONTROL_KEY, [cloud_event()], "this edge cannot"),
        (Known(), LIVE_KEY, [cloud_event()], "session:control"),
        (
            Known(), CONTROL_KEY, [cloud_event(each) for each in range(CONTROL_SESSIONS_MAX + 1)],
            "at most 1000",
        ),
    ],
    ids=["redis-away", "not-wired", "scope", "too-many"],
)  # fmt: skip
async def test_control_when_it_cannot_be_told_then_events_are_taken_and_why_is_said(
    known: Known | None, key: str, events: list[object], why: str
) -> None:
    """A 202 stays a 202: the events are in Kafka."""
    where = edge(standings=known)
    answer = await _post(where, events, key=key, control="true")
    assert answer.status_code == 202
    assert answer.json()["accepted"] == len(events) == len(where.kafka.events())
    assert "control" not in answer.json()
    assert why in answer.json()["control_absent"]


async def test_control_when_no_session_is_named_then_the_list_is_empty() -> None:
    """Use outside sessions has nothing to be told."""
    known = Known()
    report = {**cloud_event(), "type": "usage.report", "data": {"content": "c", "meters": {"b": 1}}}
    answer = await _post(edge(standings=known), report, control="true")
    assert answer.json() == {"accepted": 1, "rejected": [], "control": []}


async def test_control_when_it_is_no_word_of_ours_then_nothing_is_taken() -> None:
    """A misspelt question is told before any event is."""
    where = edge(standings=Known())
    answer = await _post(where, cloud_event(), control="yes")
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:ncash:problem:invalid-request")
    assert where.kafka.events() == []
