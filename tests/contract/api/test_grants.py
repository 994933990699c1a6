"""Grants over HTTP: asked before use, renewed with it, ended; who may, and what an answer says."""

from typing import Any

import httpx
import pytest

from tests.contract.api.conftest import Api, bearer, problem_of
from tests.support.bench_shard import WON

BODY = {"source": "vod", "subject": "ann", "content": "news"}


async def say(
    api: Api,
    what: str,
    name: str,
    *,
    key: str = "vod",
    session: str = "s1",
    **fields: Any,  # noqa: ANN401 -- fields of a body
) -> httpx.Response:
    """A request about a session."""
    headers = bearer(key) | {"Idempotency-Key": name}
    return await api.http.post(
        f"/v1/sessions/{session}/{what}", json=BODY | fields, headers=headers
    )


def seconds(count: int) -> list[dict[str, object]]:
    """A wish for time."""
    return [{"kind": "time", "meter": "s", "units": count}]


async def test_session_when_served_by_grants_then_each_answer_tells_where_it_stands(
    api: Api,
) -> None:
    """1,000 won at 30 a second: 20 s granted, 10 used, 20 more, 5 used, done: 450 won."""
    await api.top_up("1000")
    first = (await say(api, "authorize", "a1", wanted=seconds(20))).json()
    assert first["granted"] == [{"kind": "time", "meter": "s", "units": 20, "threshold": 4}]
    assert (first["held_micros"], first["charged_micros"]) == (600 * WON, 0)
    assert (first["available_micros"], first["final"]) == (400 * WON, None)
    api.clock.now_ms += 10_000
    second = (await say(api, "update", "u1", wanted=seconds(20))).json()
    assert (second["charged_micros"], second["held_micros"]) == (300 * WON, 600 * WON)
    wallet = (await api.get("/v1/wallets/ann")).json()
    assert (wallet["posted_micros"], wallet["held_micros"]) == (700 * WON, 600 * WON)
    shown = (await api.get("/v1/sessions/vod/s1", subject="ann")).json()
    assert (shown["state"], shown["remaining_micros"]) == ("live", 700 * WON)
    api.clock.now_ms += 5_000
    last = (await say(api, "terminate", "e1", reason="member")).json()
    assert (last["granted"], last["charged_micros"], last["held_micros"]) == ([], 450 * WON, 0)
    wallet = (await api.get("/v1/wallets/ann")).json()
    assert (wallet["posted_micros"], wallet["held_micros"]) == (550 * WON, 0)


async def test_grant_when_money_is_short_then_it_is_final_and_says_what_follows(api: Api) -> None:
    """100 won buy 3 s; after them the tariff says to terminate."""
    await api.top_up("100")
    answer = (await say(api, "authorize", "a1", wanted=seconds(20))).json()
    assert answer["granted"][0]["units"] == 3
    assert answer["final"] == {"action": "terminate", "redirect_to": None}
    assert answer["on_failure"] == "terminate"


async def test_grant_when_asked_again_then_it_is_the_same_and_nothing_is_used_twice(
    api: Api,
) -> None:
    """The second says that it was there; another body under the key is a conflict."""
    await api.top_up("1000")
    first = await say(api, "authorize", "a1", wanted=seconds(20))
    api.clock.now_ms += 3_000
    again = await say(api, "authorize", "a1", wanted=seconds(20))
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    other = await say(api, "authorize", "a1", wanted=seconds(21))
    assert problem_of(other) == (409, "idempotency-key-reused")
    done = (await say(api, "terminate", "e1")).json()
    api.clock.now_ms += 60_000
    assert (await say(api, "terminate", "e1")).json() == done
    assert done["charged_micros"] == 90 * WON


async def test_authorize_when_refused_then_no_session_has_begun(api: Api) -> None:
    """Without money nothing is let in, so nothing is charged, no fee either."""
    assert problem_of(await say(api, "authorize", "a1")) == (422, "insufficient-funds")
    assert problem_of(await api.get("/v1/sessions/vod/s1", subject="ann"))[0] == 404
    # What is used all the same is booked: an update reports use, and is told that this is all.
    told = (await say(api, "update", "u1", wanted=seconds(20))).json()
    assert (told["granted"][0]["units"], told["final"]["action"]) == (0, "terminate")


async def test_authorize_when_its_answer_was_lost_before_the_start_then_asking_again_begins_it(
    api: Api,
) -> None:
    """The command is in the log, the start is not: the second call sends it, at the same moment."""
    await api.top_up("1000")
    api.shards.is_deaf = True
    lost = await say(api, "authorize", "a1", wanted=seconds(20))
    assert problem_of(lost) == (503, "outcome-unknown")
    api.shards.is_deaf = False
    command = api.shards.appended[-1]
    began_ms = api.clock.now_ms
    await api.shards.feed(api.services.live.shard_of("tv", "ann"), command)
    api.clock.now_ms += 2_000
    assert (await say(api, "authorize", "a1", wanted=seconds(20))).status_code == 200
    shown = (await api.get("/v1/sessions/vod/s1", subject="ann")).json()
    assert shown["state"] == "live"
    assert began_ms == api.clock.now_ms - 2_000
    last = (await say(api, "terminate", "e1")).json()
    assert last["charged_micros"] == 60 * WON


@pytest.mark.parametrize(
    ("key", "fields", "expected"),
    [
        ("reader", {}, (403, "scope-missing")),
        ("desk", {}, (403, "scope-missing")),
        ("vod", {"source": "site"}, (403, "source-outside-key")),
        ("film", {}, (422, "clock-is-recorded")),
        ("vod", {"content": "nothing"}, (422, "content-unknown")),
        ("vod", {"at": "yesterday"}, (422, "event-refused")),
        ("vod", {"at": "2001-01-01T00:00:00Z"}, (422, "event-refused")),
        ("vod", {"meters": {"bytes": -1}}, (422, "event-refused")),
        ("vod", {"wanted": [{"kind": "time", "meter": "s", "units": 0}]}, (422, "invalid-request")),
        ("vod", {"wanted": seconds(86_401)}, (422, "units-invalid")),
        ("vod", {"wanted": [{"kind": "gold", "meter": "s", "units": 1}]}, (422, "invalid-request")),
        ("vod", {"session": "s1"}, (422, "invalid-request")),
        ("vod", {"subject": "a\x1fb"}, (422, "invalid-request")),
        ("other", {}, (422, "insufficient-funds")),
    ],
)
async def test_authorize_when_it_cannot_be_then_it_says_why(
    api: Api, key: str, fields: dict[str, Any], expected: tuple[int, str]
) -> None:
    """Bad words, bad keys; another tenant's key finds that tenant's wallet, which is empty."""
    await api.top_up("1000")
    headers = bearer(key) | {"Idempotency-Key": "a1"}
    answer = await api.http.post("/v1/sessions/s1/authorize", json=BODY | fields, headers=headers)
    assert problem_of(answer) == expected
    wallet = (await api.get("/v1/wallets/ann")).json()
    assert (wallet["held_micros"], wallet["open_sessions"]) == (0, 0)


async def test_update_when_kafka_is_away_then_nothing_is_lost_by_asking_again(api: Api) -> None:
    """503, and the same request afterwards is as if it had been the first."""
    await api.top_up("1000")
    await say(api, "authorize", "a1", wanted=seconds(20))
    api.clock.now_ms += 4_000
    api.shards.is_down = True
    assert (await say(api, "update", "u1", wanted=seconds(5))).status_code == 503
    api.shards.is_down = False
    answer = (await say(api, "update", "u1", wanted=seconds(5))).json()
    assert (answer["charged_micros"], answer["granted"][0]["units"]) == (120 * WON, 5)


async def test_session_when_it_names_a_payee_then_that_member_earns_by_it(api: Api) -> None:
    """Ten seconds at 10 won, of which bob has seven parts in ten; his entry names ann."""
    await api.top_up("1000")
    wanted = seconds(20)
    begun = await say(api, "authorize", "a1", content="talk", payee="bob", wanted=wanted)
    assert begun.status_code == 200
    api.clock.now_ms += 10_000
    done = await say(api, "terminate", "e1", content="talk")
    assert done.json()["charged_micros"] == 100 * WON
    assert (await api.get("/v1/wallets/bob")).json()["posted_micros"] == 70 * WON
    [entry] = (await api.get("/v1/wallets/bob/entries")).json()["entries"]
    assert (entry["cause"], entry["peer"], entry["content"]) == ("earned", "ann", "talk")
    assert entry["words"] == "Cash earned by ann's use of Talk"


async def test_session_when_it_would_pay_its_own_member_then_it_is_refused(api: Api) -> None:
    """And nothing has begun."""
    await api.top_up("1000")
    refused = await say(api, "authorize", "a1", content="talk", payee="ann", wanted=seconds(20))
    assert problem_of(refused) == (422, "event-refused")
    assert (await api.get("/v1/sessions/vod/s1", subject="ann")).status_code == 404
