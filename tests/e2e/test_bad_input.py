"""What senders do wrong, over HTTP and Kafka: its documented answer, and the good events charged.

What is documented stands in ``ingest/README.md``; a test holds that it names each answer.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any, NamedTuple

import pytest

from schemas.frames import EVENT_BYTES_MAX
from schemas.moment import text_from_ms
from tests.e2e.asking import BATCH, STRUCTURED, Asking, awaited
from tests.e2e.conftest import CLUB, Whole
from tests.unit.house.tree import ROOT
from warehouse.opening import open_warehouse

SOURCE = "careless-server"
QUIZ_MICROS = 850_000_000
SECOND_MICROS = 30_000_000
PATHS = ("http", "kafka")
DEEP = 30_000
MB = 1_000_000

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Bad(NamedTuple):
    """An event that is refused where it comes in.

    Args:
        reason: The answer's word.
        changes: Of a good event.
        raw: Makes the bytes from the event's JSON text where JSON cannot say it.
        is_named: Whether its id can still be read.
    """

    reason: str
    changes: dict[str, object]
    raw: Callable[[bytes], bytes] = bytes
    is_named: bool = True


def _used(count: object) -> dict[str, object]:
    return {"type": "usage.report", "data": {"content": "archive", "meters": {"bytes": count}}}


def _with_note(note: bytes) -> Callable[[bytes], bytes]:
    def noted(text: bytes) -> bytes:
        return text.removesuffix(b"}}") + b', "note": ' + note + b"}}"

    return noted


def _torn(text: bytes) -> bytes:
    return text[:-9]


BAD = {
    "unknown-type": Bad("type-unknown", {"type": "session.begin"}),
    "no-session": Bad("session-missing", {"type": "session.heartbeat"}),
    "no-subject": Bad("attribute-missing", {"subject": None}, is_named=False),
    "too-old": Bad("time-outside-allowance", {"time": "2015-05-17T10:05:03Z"}),
    "too-new": Bad("time-outside-allowance", {"time": "2099-05-17T10:05:03Z"}),
    "no-time-zone": Bad("time-invalid", {"time": "2026-05-17T10:05:03"}),
    "negative": Bad("meter-invalid", _used(-1)),
    "fraction": Bad("meter-invalid", _used(0.5)),
    "two-to-the-53": Bad("meter-invalid", _used(2**53)),
    "nan": Bad("meter-invalid", _used(float("nan"))),
    "too-large": Bad("too-large", {}, _with_note(b'"%s"' % (b"x" * EVENT_BYTES_MAX))),
    "deep": Bad("unreadable", {}, _with_note(b"[" * DEEP + b"]" * DEEP), is_named=False),
    "not-utf-8": Bad("unreadable", {}, _with_note(b'"\xff\xfe"')),
    "torn": Bad("unreadable", {}, _torn, is_named=False),
}


def _event(member: str, event: str, **changes: object) -> dict[str, object]:
    """An item of 850 won, used outside sessions, unless it is changed."""
    return {
        "specversion": "1.0",
        "id": event,
        "source": SOURCE,
        "type": "item.use",
        "subject": member,
        "time": text_from_ms(time.time_ns() // 1_000_000),
        "data": {"content": "channel-1", "item": "opening-quiz"},
        **changes,
    }


def _text(event: dict[str, object]) -> bytes:
    return json.dumps(event).encode()


@pytest.fixture(scope="module")
def ask(whole: Whole) -> Iterator[Asking]:
    """The tenant demo."""
    asking = Asking(whole, "demo")
    yield asking
    asking.http.close()


@pytest.fixture(scope="module")
def club(whole: Whole) -> Iterator[Asking]:
    """The tenant that knows its members."""
    asking = Asking(whole, CLUB)
    yield asking
    asking.http.close()


@pytest.fixture(scope="module")
def answers(ask: Asking) -> dict[str, Any]:
    """Every bad event sent between two good ones, both ways; the answers over HTTP."""
    found: dict[str, Any] = {}
    for name, bad in BAD.items():
        for path in PATHS:
            member = f"{path}-{name}"
            text = bad.raw(_text(_event(member, f"{name}-bad", **bad.changes)))
            good = [_text(_event(member, f"{name}-{number}")) for number in (1, 2)]
            if path == "http":
                answer = ask.post(b"[" + b",".join([good[0], text, good[1]]) + b"]", BATCH)
                assert answer.status_code == 202, answer.text
                found[name] = answer.json()
            else:
                ask.produce(good[0], text, good[1], key=member.encode())
    return found


@pytest.mark.parametrize("name", sorted(BAD.keys() - {"torn"}))
def test_http_event_when_bad_then_the_answer_names_it(answers: dict[str, Any], name: str) -> None:
    """202, with the place, the id where it can be read, the reason and the mend."""
    assert answers[name]["accepted"] == 2
    [rejected] = answers[name]["rejected"]
    shown = f"{name}-bad" if BAD[name].is_named or name == "no-subject" else ""
    assert (rejected["index"], rejected["id"], rejected["reason"]) == (1, shown, BAD[name].reason)
    assert len(rejected["detail"].split()) >= 3


def test_http_event_when_torn_then_costs_no_more_than_itself_and_what_it_swallows(
    answers: dict[str, Any],
) -> None:
    """A missing bracket takes the rest of the array with it; what stood before is kept."""
    assert answers["torn"]["accepted"] == 1
    assert {each["reason"] for each in answers["torn"]["rejected"]} == {"unreadable"}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", BAD)
def test_event_when_bad_then_the_good_ones_beside_it_are_charged(
    ask: Asking, answers: dict[str, Any], name: str, path: str
) -> None:
    """Two items of 850 won, whatever stood between them."""
    charged = 1 if (name, path) == ("torn", "http") else 2
    ask.await_posted(f"{path}-{name}", -charged * QUIZ_MICROS)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", [name for name, bad in BAD.items() if bad.is_named])
def test_event_when_bad_then_its_dead_letter_is_found_by_its_name(
    ask: Asking, answers: dict[str, Any], name: str, path: str
) -> None:
    """``GET /v1/events`` tells the reason, for both ways in."""
    assert ask.refusals(SOURCE, f"{name}-bad", f"{path}-{name}") == [BAD[name].reason]


@pytest.mark.parametrize("name", [name for name, bad in BAD.items() if not bad.is_named])
def test_event_when_its_name_cannot_be_read_then_its_bytes_are_kept(
    whole: Whole, answers: dict[str, Any], name: str
) -> None:
    """Over Kafka nobody is told, so the letter is found by place and bytes in the warehouse."""
    found = awaited(lambda: _letters(whole, BAD[name].reason, f"%{name}-bad%") or None)
    assert {(tenant, place.rpartition("/")[0][:-2]) for tenant, place in found} == {
        ("demo", "kafka/usage.raw.v1")
    }


def _letters(whole: Whole, reason: str, body: str) -> list[tuple[str, str]]:
    sql = (
        "SELECT tenant, place FROM ingest_dead_letters WHERE reason = %(reason)s "
        "AND startsWith(place, 'kafka/') AND body LIKE %(body)s"
    )
    with closing(open_warehouse(whole.settings.clickhouse)) as warehouse:
        rows = warehouse.query(sql, {"reason": reason, "body": body}).rows
    return [(str(tenant), str(place)) for tenant, place in rows]


def _send(ask: Asking, path: str, *events: dict[str, object]) -> None:
    """Sends events in order, one request or message each; all are taken in."""
    for event in events:
        if path == "http":
            answer = ask.post(_text(event), STRUCTURED)
            assert answer.json() == {"accepted": 1, "rejected": []}
        else:
            ask.produce(_text(event), key=str(event["subject"]).encode())


@pytest.mark.parametrize("path", PATHS)
def test_event_when_its_id_was_used_for_something_else_then_the_first_stands(
    ask: Asking, path: str
) -> None:
    """Accepted at the edge, a dead letter in the shard, and the first event is charged once."""
    member = f"{path}-id-reused"
    other = {"content": "channel-1", "item": "opening-quiz", "quantity": 2}
    first, again = _event(member, "twice"), _event(member, "twice", data=other)
    _send(ask, path, first, again, first, _event(member, "after"))
    ask.await_posted(member, -2 * QUIZ_MICROS)
    assert ask.refusals(SOURCE, "twice", member) == ["id-reused"]
    way = awaited(lambda: ask.way(SOURCE, "twice", member))
    assert way["status"] == "accepted"
    assert way["applied"]["meters"] == {"item:opening-quiz": 1}


@pytest.mark.parametrize("path", PATHS)
def test_event_when_its_id_is_another_members_then_both_are_charged(ask: Asking, path: str) -> None:
    """The subject belongs to the name; without it, the question which one is meant comes back."""
    members = [f"{path}-shares-{number}" for number in (1, 2)]
    event = f"{path}-shared"
    _send(ask, path, *(_event(member, event) for member in members))
    for member in members:
        ask.await_posted(member, -QUIZ_MICROS)
        assert awaited(partial(ask.way, SOURCE, event, member))["subject"] == member
    answer = awaited(lambda: _conflict(ask, event))
    assert answer["type"] == "urn:ncash:problem:subject-needed"
    assert answer["subjects"] == members


def _conflict(ask: Asking, event: str) -> dict[str, Any] | None:
    answer = ask.http.get(f"/v1/events/{SOURCE}/{event}")
    found: dict[str, Any] = answer.json()
    return found if answer.status_code == 409 else None


@pytest.mark.parametrize("path", PATHS)
def test_event_when_its_content_is_not_on_sale_then_it_is_a_dead_letter(
    ask: Asking, path: str
) -> None:
    """Known only in the shard; the member's other events go on."""
    member = f"{path}-content-unknown"
    nothing = {"content": "no-such-film", "item": "opening-quiz"}
    _send(ask, path, _event(member, "gone", data=nothing), _event(member, "good"))
    ask.await_posted(member, -QUIZ_MICROS)
    assert ask.refusals(SOURCE, "gone", member) == ["content-unknown"]


@pytest.mark.parametrize("path", PATHS)
def test_event_when_its_price_passes_the_largest_amount_then_nothing_of_it_is_applied(
    ask: Asking, path: str
) -> None:
    """As many items as can be counted cost more than can be; the member's other events go on."""
    member = f"{path}-too-dear"
    dear = {"content": "channel-1", "item": "opening-quiz", "quantity": 2**53 - 1}
    _send(ask, path, _event(member, "dear", data=dear), _event(member, "good"))
    ask.await_posted(member, -QUIZ_MICROS)
    assert ask.refusals(SOURCE, "dear", member) == ["broken-invariant"]


@pytest.mark.parametrize("path", PATHS)
def test_event_when_its_member_is_not_registered_then_it_is_a_dead_letter(
    club: Asking, path: str
) -> None:
    """A stranger has no wallet afterwards; whoever topped up is a member."""
    member = f"{path}-stranger"
    _send(club, path, _event(member, "early"))
    assert club.refusals(SOURCE, "early", member) == ["member-unknown"]
    assert club.posted_micros(member) is None
    topped = club.http.post(
        f"/v1/wallets/{member}/top-ups",
        json={"amount": "1000", "currency": "KRW"},
        headers={"Idempotency-Key": member},
    )
    assert topped.status_code in (200, 201), topped.text
    _send(club, path, _event(member, "later"))
    club.await_posted(member, 1_000 * 1_000_000 - QUIZ_MICROS)


@pytest.mark.parametrize("path", PATHS)
def test_event_when_the_content_changes_inside_a_session_then_the_session_goes_on(
    ask: Asking, path: str
) -> None:
    """The wrong event is a dead letter; two seconds of the right content are charged."""
    member, now_ms = f"{path}-content-changed", time.time_ns() // 1_000_000
    kinds = ("session.start", "session.heartbeat", "session.heartbeat", "session.stop")
    events = [
        _event(
            member,
            f"changed-{number}",
            type=kind,
            time=text_from_ms(now_ms + 1_000 * min(number, 2)),
            data={"session": member, "content": "arcade" if number == 1 else "channel-1"},
        )
        for number, kind in enumerate(kinds)
    ]
    _send(ask, path, *events)
    ask.await_posted(member, -2 * SECOND_MICROS)
    assert ask.refusals(SOURCE, "changed-1", member) == ["content-changed"]


@pytest.mark.parametrize("path", PATHS)
def test_event_when_a_meter_falls_then_the_largest_counts_and_it_is_flagged(
    ask: Asking, path: str
) -> None:
    """25 MB, then 20 MB with a later ``seq``: charged for 25, and the fall is told."""
    member = f"{path}-meter-fell"
    events = [
        _event(
            member,
            f"fell-{seq}",
            type="session.start" if not seq else "session.heartbeat",
            data={"session": member, "content": "archive", "seq": seq, "meters": {"bytes": total}},
        )
        for seq, total in enumerate((0, 25 * MB, 20 * MB))
    ]
    _send(ask, path, *events)
    way = awaited(lambda: _flagged(ask, member))
    assert (way["status"], way["applied"]["flags"]) == ("accepted", ["meter-fell"])
    assert ask.posted_micros(member) == -15 * 1_000_000


def _flagged(ask: Asking, member: str) -> dict[str, Any] | None:
    way = ask.way(SOURCE, "fell-2", member)
    return way if way is not None and way["applied"] and way["applied"]["flags"] else None


@pytest.mark.parametrize(
    ("asked", "status", "word"),
    [
        (("nobody", BATCH, b"[]"), 401, "unauthorized"),
        (("reader", BATCH, b"[]"), 403, "scope-missing"),
        (("demo", BATCH, b"[" + b" " * 10_000_000 + b"]"), 413, "too-large"),
        (("demo", STRUCTURED, b""), 400, "unreadable"),
        (("demo", STRUCTURED, b"\xff\xfe"), 400, "unreadable"),
        (("demo", BATCH, b"[NaN, nothing]"), 400, "unreadable"),
        (("demo", "application/cloudevents+avro", b"{}"), 400, "unreadable"),
    ],
    ids=["wrong-key", "wrong-scope", "10-mb", "empty", "no-text", "no-event", "no-json"],
)
def test_request_when_bad_as_a_whole_then_a_problem_document_says_why(
    whole: Whole, asked: tuple[str, str, bytes], status: int, word: str
) -> None:
    """RFC 9457, with a stable type and a mend in words."""
    key_id, media_type, body = asked
    asking = Asking(whole, key_id)
    answer = asking.post(body, media_type)
    asking.http.close()
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.status_code == answer.json()["status"] == status
    assert answer.json()["type"] == f"urn:ncash:problem:{word}"
    assert len(answer.json()["detail"].split()) >= 3


def test_http_event_when_its_source_is_another_services_then_is_refused(whole: Whole) -> None:
    """A key speaks for its own sources only; the event beside it is taken."""
    asking = Asking(whole, "one-source")
    mine = _event("one-source", "mine", source="only-this")
    body = b"[%s,%s]" % (_text(_event("one-source", "others")), _text(mine))
    answer = asking.post(body, BATCH).json()
    asking.http.close()
    assert answer["accepted"] == 1
    assert [each["reason"] for each in answer["rejected"]] == ["source-outside-key"]


def test_kafka_event_when_its_key_id_is_unknown_then_the_letter_has_no_tenant(
    whole: Whole, ask: Asking
) -> None:
    """Nobody's event is shown to nobody; an operator finds it by place."""
    event = _event("key-unknown", "lost")
    ask.produce(_text(event), headers={"ncash-key-id": "no-such-key"})
    found = awaited(lambda: _letters(whole, "key-unknown", "%key-unknown%") or None)
    assert {tenant for tenant, _ in found} == {""}
    assert ask.posted_micros("key-unknown") is None


def test_documentation_when_read_then_names_every_answer() -> None:
    """Each reason and each whole refusal of this file stands in the room's README."""
    page = (ROOT / "ingest" / "README.md").read_text(encoding="utf-8")
    later = {"id-reused", "content-unknown", "member-unknown", "content-changed", "meter-fell"}
    whole_body = {"unauthorized", "scope-missing", "subject-needed", "key-unknown"}
    words = {bad.reason for bad in BAD.values()} | later | whole_body | {"source-outside-key"}
    assert sorted(word for word in words if f"`{word}`" not in page) == []
