"""Sessions as the API shows them: live from the shard, closed from their CDRs."""

import pytest

from tests.contract.api.conftest import Api, problem_of
from tests.support.bench_shard import WON, event, tick


async def _stopped(api: Api, session: str, at_s: int, **fields: object) -> None:
    names = {"session": session} | fields
    await api.shards.use(
        event("session.start", at_s, **names), event("session.stop", at_s + 5, **names)
    )


async def test_session_when_live_then_shown_with_charges_and_what_remains(api: Api) -> None:
    """With its subject a session is as the shard has it now."""
    await api.top_up("1000")
    await api.shards.use(
        event("session.start", 0), event("session.heartbeat", 10, meters={"bytes": 7})
    )
    body = (await api.get("/v1/sessions/vod/s1", subject="ann")).json()
    assert (body["state"], body["cause"], body["ended_at"]) == ("live", None, None)
    assert body["started_at"] == "1970-01-01T00:00:00.000Z"
    assert (body["duration_ms"], body["meters"]) == (10_000, {"bytes": 7})
    assert body["charged"] == {"amount": "300", "currency": "KRW"}
    assert [(each["kind"], each["amount_micros"]) for each in body["charges"]] == [
        ("time", 300 * WON)
    ]
    assert body["remaining_micros"] == 700 * WON
    assert body["as_known_up_to"] is None


async def test_session_when_just_closed_then_the_shard_still_tells_its_end(api: Api) -> None:
    """Within the horizon a closed session is known before the warehouse has its CDR."""
    api.warehouse.is_late = True
    await _stopped(api, "s1", 0)
    body = (await api.get("/v1/sessions/vod/s1", subject="ann")).json()
    assert (body["state"], body["cause"]) == ("closed", "normal")
    assert body["ended_at"] == "1970-01-01T00:00:05.000Z"
    assert body["remaining"] is None


async def test_session_when_its_subject_is_not_named_then_from_the_warehouse(api: Api) -> None:
    """Without a subject the CDR answers, with its charges and how far all is known."""
    await _stopped(api, "s1", 0)
    body = (await api.get("/v1/sessions/vod/s1")).json()
    assert (body["subject"], body["charged_micros"]) == ("ann", 150 * WON)
    assert [each["amount_micros"] for each in body["charges"]] == [150 * WON]
    assert body["as_known_up_to"] is not None


async def test_session_when_the_id_was_used_again_then_earlier_ones_stand_beside(api: Api) -> None:
    """The newest incarnation is shown, the others after it, from both sides."""
    await _stopped(api, "s1", 0, content="again")
    await _stopped(api, "s1", 100, content="again")
    for params in ({}, {"subject": "ann"}):
        body = (await api.get("/v1/sessions/vod/s1", **params)).json()
        assert body["incarnation"] == 2
        assert [each["incarnation"] for each in body["earlier"]] == [1]


async def test_session_when_several_members_had_it_then_the_subject_is_needed(api: Api) -> None:
    """A source may use one id for two members; the answer says which."""
    await _stopped(api, "s1", 0, subject="ann")
    await _stopped(api, "s1", 0, subject="bob")
    answer = await api.get("/v1/sessions/vod/s1")
    assert problem_of(answer) == (409, "subject-needed")
    assert answer.json()["subjects"] == ["ann", "bob"]


async def test_session_when_unknown_or_another_tenants_then_not_found(api: Api) -> None:
    """Nothing of another tenant is known, with or without subject."""
    await api.shards.use(event("session.start", 0))
    for key, subject in (("reader", "bob"), ("other", "ann")):
        answer = await api.get("/v1/sessions/vod/s1", key=key, subject=subject)
        assert problem_of(answer) == (404, "session-unknown")
    assert problem_of(await api.get("/v1/sessions/vod/s1")) == (404, "session-unknown")


async def test_session_when_its_source_is_a_uri_then_slashes_are_encoded(api: Api) -> None:
    """A source is a URI reference; encoded, it is one segment."""
    await api.shards.use(event("session.start", 0, source="//vod.example/kr"))
    answer = await api.get("/v1/sessions/%2F%2Fvod.example%2Fkr/s1", subject="ann")
    assert answer.json()["source"] == "//vod.example/kr"


async def test_sessions_when_listed_then_live_ones_first_then_closed_latest_first(
    api: Api,
) -> None:
    """One list, live before closed, and pages of any size give the same."""
    for number in range(3):
        await _stopped(api, f"c{number}", number, subject=f"m{number}")
    for number in range(4):
        await api.shards.use(event("session.start", 0, session=f"l{number}", subject=f"m{number}"))
    whole = (await api.get("/v1/sessions", limit=100)).json()
    assert [each["state"] for each in whole["sessions"]] == ["live"] * 4 + ["closed"] * 3
    assert [each["session"] for each in whole["sessions"][4:]] == ["c2", "c1", "c0"]
    assert whole["as_known_up_to"] is not None
    for size in (1, 2, 4, 5):
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = (await api.get("/v1/sessions", limit=size, **cursor)).json()
            seen += [each["session"] for each in page["sessions"]]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert seen == [each["session"] for each in whole["sessions"]], size


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"subject": "ann"}, ["a1", "a2", "a0"]),
        ({"subject": "ann", "limit": "1"}, ["a1"]),
        ({"subject": "ann", "content": "web"}, ["a2"]),
        ({"subject": "ann", "state": "live"}, ["a1", "a2"]),
        ({"subject": "ann", "state": "closed"}, ["a0"]),
        ({"content": "web", "state": "live"}, ["a2"]),
        ({"cause": "normal"}, ["b0", "a0"]),
        ({"cause": "network"}, []),
        ({"subject": "nobody"}, []),
    ],
)
async def test_sessions_when_filtered_then_only_those(
    api: Api, params: dict[str, str], expected: list[str]
) -> None:
    """Filters narrow both parts; a cause means closed ones."""
    await _stopped(api, "a0", 0)
    await _stopped(api, "b0", 1, subject="bob")
    await api.shards.use(
        event("session.start", 0, session="a1"),
        event("session.start", 0, session="a2", content="web"),
    )
    body = (await api.get("/v1/sessions", **params)).json()
    assert [each["session"] for each in body["sessions"]] == expected


async def test_sessions_when_a_subjects_live_ones_are_paged_then_all_come(api: Api) -> None:
    """The cursor goes on behind the last live session of one member too."""
    for number in range(3):
        await api.shards.use(event("session.start", 0, session=f"l{number}"))
    first = (await api.get("/v1/sessions", subject="ann", limit=2)).json()
    cursor = first["next_cursor"]
    rest = (await api.get("/v1/sessions", subject="ann", limit=2, cursor=cursor)).json()
    assert [each["session"] for each in first["sessions"] + rest["sessions"]] == ["l0", "l1", "l2"]


async def test_sessions_when_of_another_tenant_then_an_empty_page(api: Api) -> None:
    """Another tenant's list does not hold them."""
    await _stopped(api, "s1", 0)
    await api.shards.use(event("session.start", 0, session="s2"))
    assert (await api.get("/v1/sessions", key="other")).json()["sessions"] == []


async def test_session_when_silent_then_its_cause_is_shown_and_found(api: Api) -> None:
    """An end by silence is a CDR with its cause, found by that cause."""
    await api.top_up("1000")
    await api.shards.use(event("session.start", 0))
    await api.shards.everywhere(tick(0))
    await api.shards.everywhere(tick(60))
    body = (await api.get("/v1/sessions", cause="network")).json()
    assert [(each["session"], each["cause"]) for each in body["sessions"]] == [("s1", "network")]


@pytest.mark.parametrize(
    "params",
    [{"state": "open"}, {"cause": "bored"}, {"limit": "0"}, {"limit": "401"}, {"subject": ""}],
)
async def test_sessions_when_a_parameter_is_wrong_then_invalid(
    api: Api, params: dict[str, str]
) -> None:
    """Words and numbers outside the documented ones are refused."""
    assert problem_of(await api.get("/v1/sessions", **params)) == (422, "invalid-request")


@pytest.mark.parametrize("cursor", ["x", "!!!!", "gQ", "k", "a" * 100, "kwGoc2Vzc2lvbnPA", "é"])
async def test_sessions_when_the_cursor_is_none_of_ours_then_invalid(api: Api, cursor: str) -> None:
    """Whatever stands in the cursor, it is either ours or a problem."""
    assert problem_of(await api.get("/v1/sessions", cursor=cursor)) == (400, "cursor-invalid")
