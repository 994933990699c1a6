"""The way of one event, from the live shard and from the warehouse."""

import pytest

from schemas.frames import LateVerdict
from schemas.ids import domain_of
from tests.contract.api.conftest import Api, problem_of
from tests.support.bench_shard import WON, event, tick


async def test_event_when_applied_then_session_charge_and_entries_are_told(api: Api) -> None:
    """With its subject the whole way is shown."""
    await api.top_up("1000")
    await api.shards.use(event("session.start", 0))
    await api.shards.use(event("session.heartbeat", 10, id="hb"))
    answer = await api.get("/v1/events/vod/hb", subject="ann", key="server")
    body = answer.json()
    assert (answer.status_code, body["status"], body["subject"]) == (200, "accepted", "ann")
    assert body["applied"]["type"] == "session.heartbeat"
    assert body["applied"]["duration_ms"] == 10_000
    assert (body["session"]["session"], body["session"]["state"]) == ("s1", "live")
    assert body["transfer"]["id"] == body["transfer_id"]
    assert body["transfer"]["amount_micros"] == -300 * WON
    assert sum(each["amount_micros"] for each in body["transfer"]["entries"]) == 0
    assert body["transfer"]["lines"][0]["kind"] == "time"
    assert (body["duplicates"], body["refusals"]) == (0, [])


@pytest.mark.parametrize(("key", "left"), [("server", None), ("reader", 700 * WON)])
async def test_event_when_the_key_may_not_read_wallets_then_no_balance_is_told(
    api: Api, key: str, left: int | None
) -> None:
    """A content server sees what its event cost, not what the member has."""
    await api.top_up("1000")
    await api.shards.use(event("session.start", 0), event("session.heartbeat", 10, id="hb"))
    body = (await api.get("/v1/events/vod/hb", subject="ann", key=key)).json()
    entries = body["transfer"]["entries"]
    assert [each["balance_after_micros"] for each in entries if "cash" in each["account"]] == [left]
    assert all((each["balance_after"] is None) == (key == "server") for each in entries[:1])
    assert entries[0]["amount_micros"] == -300 * WON


async def test_event_when_the_warehouse_is_behind_then_the_shard_knows_it_already(
    api: Api,
) -> None:
    """The live shard tells acceptance and the transfer's id; the rest follows."""
    api.warehouse.is_late = True
    await api.shards.everywhere(tick(0))
    await api.shards.use(event("session.start", 0))
    await api.shards.use(event("session.heartbeat", 10, id="hb"))
    body = (await api.get("/v1/events/vod/hb", subject="ann")).json()
    assert body["status"] == "accepted"
    assert body["applied"]["type"] is None
    assert body["transfer_id"] is not None
    assert body["transfer"] is None
    assert body["as_known_up_to"] == {"live": "1970-01-01T00:00:00.000Z", "warehouse": None}


async def test_event_when_its_subject_is_not_named_then_from_the_warehouse(api: Api) -> None:
    """Source and id are enough once the warehouse has it."""
    await api.shards.use(event("session.start", 0, id="e1"), event("session.stop", 5, id="e2"))
    body = (await api.get("/v1/events/vod/e2")).json()
    assert (body["status"], body["subject"]) == ("accepted", "ann")
    assert (body["session"]["state"], body["session"]["cause"]) == ("closed", "normal")
    assert body["as_known_up_to"]["live"] is None
    assert body["as_known_up_to"]["warehouse"] is not None


async def test_event_when_sent_again_then_repeats_are_counted(api: Api) -> None:
    """A repeat changes nothing and is told."""
    start = event("session.start", 0, id="e1")
    await api.shards.use(start)
    await api.shards.use(start)
    body = (await api.get("/v1/events/vod/e1", subject="ann")).json()
    assert (body["status"], body["duplicates"]) == ("accepted", 1)


async def test_event_when_its_id_was_reused_then_accepted_with_the_refusal_beside(
    api: Api,
) -> None:
    """The first stays accepted; the other one under its name was refused, and why."""
    await api.shards.use(event("session.start", 0, id="e1"))
    await api.shards.use(event("session.heartbeat", 3, id="e1"))
    body = (await api.get("/v1/events/vod/e1", subject="ann")).json()
    assert body["status"] == "accepted"
    assert [each["reason"] for each in body["refusals"]] == ["id-reused"]


async def test_event_when_refused_then_the_reason_is_told(api: Api) -> None:
    """What a shard could not take is found with its reason."""
    await api.shards.use(event("session.start", 0, id="e1", content="nothing"))
    for params in ({}, {"subject": "ann"}):
        body = (await api.get("/v1/events/vod/e1", **params)).json()
        assert (body["status"], body["applied"], body["session"]) == ("refused", None, None)
        assert [each["reason"] for each in body["refusals"]] == ["content-unknown"]
        assert body["refusals"][0]["place"].startswith("shard/")


async def test_event_when_recorded_then_found_in_the_recordings_clock(api: Api) -> None:
    """A recording's ids are remembered in its own clock domain."""
    await api.shards.use(event("session.start", 0, id="log,17", recorded=True))
    body = (await api.get("/v1/events/vod/log%2C17", subject="ann")).json()
    assert body["status"] == "accepted"


async def test_event_when_unknown_then_not_found_with_what_is_known(api: Api) -> None:
    """404 says up to when everything is known."""
    await api.shards.use(event("session.start", 0))
    answer = await api.get("/v1/events/vod/nothing", subject="ann")
    assert problem_of(answer) == (404, "event-unknown")
    assert answer.json()["as_known_up_to"]["warehouse"] is not None
    assert problem_of(await api.get("/v1/events/vod/nothing")) == (404, "event-unknown")


async def test_event_when_of_another_tenant_then_not_found(api: Api) -> None:
    """The same names in another tenant are other events."""
    await api.shards.use(event("session.start", 0, id="e1"))
    for params in ({}, {"subject": "ann"}):
        answer = await api.get("/v1/events/vod/e1", key="other", **params)
        assert problem_of(answer) == (404, "event-unknown")


async def test_event_when_several_members_have_it_then_the_subject_is_needed(api: Api) -> None:
    """Source and id without subject may name two events."""
    for subject in ("ann", "bob"):
        await api.shards.use(event("session.start", 0, id="e1", subject=subject))
    assert problem_of(await api.get("/v1/events/vod/e1")) == (409, "subject-needed")
    assert (await api.get("/v1/events/vod/e1", subject="bob")).json()["subject"] == "bob"


async def test_event_when_of_a_source_outside_the_key_then_forbidden(api: Api) -> None:
    """A content server's key asks about its own sources only."""
    answer = await api.get("/v1/events/game/e1", key="server")
    assert problem_of(answer) == (403, "source-outside-key")


async def test_event_when_used_outside_sessions_then_without_session(api: Api) -> None:
    """An item bought outside a session has a transfer and no session."""
    buy = event("item.use", 0, id="i1", session=None, item="quiz")
    await api.shards.use(buy)
    body = (await api.get("/v1/events/vod/i1", subject="ann")).json()
    assert body["session"] is None
    assert body["transfer"]["amount_micros"] == -760 * WON


async def test_event_when_the_callers_clock_is_recorded_then_known_in_that_clock(api: Api) -> None:
    """How far all is known is told in the clock domain of the key."""
    await api.shards.everywhere(tick(100))
    await api.shards.everywhere(tick(7, domain=domain_of("tv", recorded=True)))
    for key, known in (
        ("reader", "1970-01-01T00:01:40.000Z"),
        ("tape", "1970-01-01T00:00:07.000Z"),
    ):
        answer = await api.get("/v1/events/vod/e1", subject="ann", key=key)
        assert answer.json()["as_known_up_to"]["live"] == known


async def test_event_when_it_came_too_late_then_its_way_is_told_until_it_counts(api: Api) -> None:
    """Put aside first; accepted by its verdict; then the shard remembers it as any other."""
    await api.top_up("1000")
    await api.shards.everywhere(tick(60 * 3_600))
    buy = event("item.use", 0, id="i1", session=None, item="quiz")
    await api.shards.use(buy)
    body = (await api.get("/v1/events/vod/i1", subject="ann")).json()
    assert (body["status"], body["late"], body["applied"]) == ("late", 1, None)
    verdict = LateVerdict(buy, "http", is_known=False, looked_up_to=1, number=0)
    api.warehouse.is_late = True
    await api.shards.feed(api.services.live.shard_of("tv", "ann"), verdict)
    body = (await api.get("/v1/events/vod/i1", subject="ann")).json()
    assert (body["status"], body["late"]) == ("accepted", 1)
    assert body["transfer_id"] is not None
