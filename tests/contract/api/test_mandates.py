"""Mandates over HTTP: granted, listed, revoked, once per key, and seen by the next session."""

from typing import Any

import httpx
import pytest

from schemas.consent import Consent
from tests.contract.api.conftest import Api, bearer, problem_of
from tests.support.bench_shard import WON, event

TERMS: dict[str, Any] = {
    "contents": ["news"],
    "sources": ["vod"],
    "valid_from": "1970-01-01T00:00:00.000Z",
    "valid_until": "2030-01-31T09:30:00.000Z",
    "max": "1000.5",
    "session_max": "60",
    "day_max": "90",
}


async def put(
    api: Api, body: dict[str, Any] | None = None, *, name: str = "g1", mandate: str = "films"
) -> httpx.Response:
    """Grants a mandate to ann."""
    return await api.http.put(
        f"/v1/wallets/ann/mandates/{mandate}",
        json=TERMS if body is None else body,
        headers=bearer("desk") | {"Idempotency-Key": name},
    )


async def delete(api: Api, path: str, *, name: str = "r1") -> httpx.Response:
    """Revokes one of ann's consents."""
    headers = bearer("desk") | {"Idempotency-Key": name}
    return await api.http.delete(f"/v1/wallets/ann/{path}", headers=headers)


async def test_mandate_when_granted_then_is_listed_with_its_terms(api: Api) -> None:
    """What was agreed to is told as it was written, with what was spent."""
    answer = await put(api)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["id"], answer.json()["is_revoked"]) == ("films", False)
    found = (await api.get("/v1/wallets/ann/mandates")).json()
    assert found["tokens"] == []
    [mandate] = found["mandates"]
    assert mandate == {**mandate, **TERMS, "kind": "mandate", "spent_micros": 0}


async def test_mandate_when_asked_twice_then_the_first_answer_and_another_body_conflicts(
    api: Api,
) -> None:
    """A key stands for one request, as with money."""
    first, again = await put(api), await put(api)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert problem_of(await put(api, {"max": "5"})) == (409, "idempotency-key-reused")
    assert problem_of(await put(api, mandate="other")) == (409, "idempotency-key-reused")
    assert problem_of(await delete(api, "mandates/films", name="g1"))[0] == 409


async def test_mandate_when_revoked_then_says_so_and_an_unknown_one_is_404(api: Api) -> None:
    """A revocation is a result; what was never granted cannot be taken back."""
    await put(api)
    answer = await delete(api, "mandates/films")
    assert (answer.status_code, answer.json()["is_revoked"]) == (200, True)
    found = (await api.get("/v1/wallets/ann/mandates")).json()
    assert found["mandates"][0]["is_revoked"]
    assert problem_of(await delete(api, "mandates/none", name="r2")) == (404, "mandate-unknown")


async def test_token_when_revoked_by_its_jti_then_is_listed(api: Api) -> None:
    """The issuer may take a token back before it was ever shown."""
    assert (await delete(api, "tokens/j%2F7")).status_code == 200
    [token] = (await api.get("/v1/wallets/ann/mandates")).json()["tokens"]
    assert (token["id"], token["is_revoked"]) == ("j/7", True)


BAD: list[dict[str, Any]] = [
    {"max": "-1"}, {"max": "much"}, {"max": 5}, {"valid_from": "soon"}, {"contents": [""]},
    {"valid_from": "2026-01-02T00:00:00Z", "valid_until": "2026-01-01T00:00:00Z"},
    {"contents": "news"}, {"sources": ["x"] * 65}, {"minimum": "5"},
]  # fmt: skip


@pytest.mark.parametrize("body", BAD, ids=str)
async def test_mandate_when_its_body_is_wrong_then_nothing_is_appended(
    api: Api, body: dict[str, Any]
) -> None:
    """Each fault is told; none reaches the log."""
    status, word = problem_of(await put(api, body))
    assert (status, word in {"mandate-invalid", "invalid-request"}) == (422, True)
    assert api.shards.appended == []


async def test_mandates_when_the_key_is_a_content_servers_then_are_not_its_own_to_grant(
    api: Api,
) -> None:
    """Who charges cannot agree in the member's place."""
    headers = bearer("server") | {"Idempotency-Key": "g1"}
    answer = await api.http.put("/v1/wallets/ann/mandates/m", json={}, headers=headers)
    assert problem_of(answer) == (403, "scope-missing")
    assert problem_of(await api.get("/v1/wallets/ann/mandates", key="desk"))[0] == 403
    assert (await api.get("/v1/wallets/ann/mandates", key="other")).json()["mandates"] == []


async def test_mandates_when_nobody_asks_for_consent_then_use_is_as_it_was(api: Api) -> None:
    """A catalogue that asks for nothing charges without a look at mandates."""
    await put(api)
    await api.top_up("1000")
    named = Consent("mandate", "unknown")
    await api.shards.use(event("session.start", 1, consent=named), event("session.heartbeat", 3))
    assert (await api.get("/v1/wallets/ann")).json()["posted_micros"] == 940 * WON
