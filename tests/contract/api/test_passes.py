"""Passes over HTTP: bought once per key, listed, cancelled."""

import httpx

from schemas.moment import DAY_MS, text_from_ms
from tests.contract.api.conftest import Api, bearer, problem_of
from tests.contract.api.shards import NOW_MS


async def buy(api: Api, name: str = "b1", **body: object) -> httpx.Response:
    """Asks for a pass."""
    return await api.http.post(
        "/v1/wallets/ann/passes",
        json={"content": "club", "period": "day"} | body,
        headers=bearer("desk") | {"Idempotency-Key": name},
    )


async def cancel(api: Api, number: str, name: str = "c1") -> httpx.Response:
    """Asks that no pass follows."""
    return await api.http.delete(
        f"/v1/wallets/ann/passes/{number}",
        headers=bearer("desk") | {"Idempotency-Key": name},
    )


async def test_pass_when_bought_then_created_with_what_it_covers(api: Api) -> None:
    """201 tells the pass and the balance after it; its id is that of the transfer."""
    await api.top_up("200")
    answer = await buy(api)
    assert answer.status_code == 201
    body = answer.json()
    bought = body["pass"]
    assert bought["id"].split("-")[1] == "1"
    assert (bought["tariff"], bought["period"], bought["state"]) == ("club", "day", "running")
    assert bought["starts_at"] == text_from_ms(NOW_MS)
    assert bought["ends_at"] == bought["renews_at"] == text_from_ms(NOW_MS + DAY_MS)
    assert bought["price"] == {"amount": "50", "currency": "KRW"}
    assert bought["renews"] is True
    assert body["posted_micros"] == body["available_micros"] == 150_000_000


async def test_pass_when_asked_twice_then_the_same_answer_and_money_once(api: Api) -> None:
    """A key stands for one purchase; with another body it is a conflict."""
    await api.top_up("200")
    first = await buy(api)
    second = await buy(api)
    assert second.json() == first.json()
    assert second.headers["idempotency-replayed"] == "true"
    assert problem_of(await buy(api, renews=False)) == (409, "idempotency-key-reused")
    assert (await api.get("/v1/wallets/ann")).json()["posted_micros"] == 150_000_000


async def test_pass_when_it_cannot_be_sold_then_a_problem_says_why(api: Api) -> None:
    """Each refusal has its word."""
    await api.top_up("70")
    assert problem_of(await buy(api, "a", period="month")) == (422, "insufficient-funds")
    assert problem_of(await buy(api, "b", period="week")) == (422, "pass-not-sold")
    assert problem_of(await buy(api, "c", content="nothing")) == (422, "content-unknown")
    assert problem_of(await buy(api, "d", content="news")) == (422, "pass-not-sold")
    assert problem_of(await buy(api, "e", period="year")) == (422, "invalid-request")
    assert problem_of(await buy(api, "f", period="month", renews=True)) == (422, "pass-renews-not")
    assert problem_of(await cancel(api, "0-77")) == (404, "pass-unknown")
    headers = bearer("desk")
    missing = await api.http.delete("/v1/wallets/ann/passes/0-77", headers=headers)
    assert problem_of(missing) == (400, "idempotency-key-missing")


async def test_passes_when_listed_then_running_and_ahead_and_ended_are_told(api: Api) -> None:
    """The last to end stands first; only that renews."""
    await api.top_up("200")
    await buy(api, "a")
    await buy(api, "b")
    answer = await api.get("/v1/wallets/ann/passes")
    assert answer.status_code == 200
    found = [(each["state"], each["renews"]) for each in answer.json()["passes"]]
    assert found == [("ahead", True), ("running", False)]
    api.clock.now_ms += DAY_MS
    later = (await api.get("/v1/wallets/ann/passes")).json()["passes"]
    assert [each["state"] for each in later] == ["running", "ended"]
    assert problem_of(await api.get("/v1/wallets/bob/passes")) == (404, "wallet-unknown")


async def test_pass_when_cancelled_then_it_stays_and_does_not_renew(api: Api) -> None:
    """200 tells the pass as it is, again with the same key and with another."""
    await api.top_up("200")
    bought = (await buy(api)).json()["pass"]
    first = await cancel(api, bought["id"])
    assert first.status_code == 200
    told = first.json()["pass"]
    assert (told["id"], told["renews"], told["renews_at"]) == (bought["id"], False, None)
    assert (await cancel(api, bought["id"])).json() == first.json()
    assert (await cancel(api, bought["id"], "c2")).status_code == 200
    (listed,) = (await api.get("/v1/wallets/ann/passes")).json()["passes"]
    assert (listed["state"], listed["renews"]) == ("running", False)
    assert (await api.get("/v1/wallets/ann")).json()["posted_micros"] == 150_000_000
