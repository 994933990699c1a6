"""Freezing a wallet over HTTP: operators only, and once per key."""

import httpx

from tests.contract.api.conftest import Api, bearer, problem_of
from tests.support.bench_shard import WON

URL = "/v1/wallets/ann/freeze"


async def freeze(
    api: Api, reason: str = "card stolen", *, name: str = "f1", key: str = "operator"
) -> httpx.Response:
    """Asks to freeze ann's wallet."""
    headers = bearer(key) | {"Idempotency-Key": name}
    return await api.http.put(URL, json={"reason": reason}, headers=headers)


async def frozen(api: Api) -> tuple[str | None, int]:
    """Why ann's wallet is frozen, and what may be spent of it."""
    body = (await api.http.get("/v1/wallets/ann", headers=bearer("reader"))).json()
    return body["frozen"], body["available_micros"]


async def test_wallet_when_frozen_and_let_go_then_each_is_shown(api: Api) -> None:
    """With its reason; another key is another request."""
    await api.top_up("100")
    first = await freeze(api)
    assert (first.status_code, first.json()["frozen"]) == (200, "card stolen")
    again = await freeze(api)
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    assert problem_of(await freeze(api, "other")) == (409, "idempotency-key-reused")
    assert await frozen(api) == ("card stolen", 0)
    headers = bearer("operator") | {"Idempotency-Key": "f2"}
    gone = await api.http.delete(URL, headers=headers)
    assert (gone.status_code, gone.json()["frozen"]) == (200, None)
    assert await frozen(api) == (None, 100 * WON)


async def test_wallet_when_no_operator_asks_then_forbidden(api: Api) -> None:
    """Nor is a freeze without a reason one."""
    assert problem_of(await freeze(api, key="desk")) == (403, "scope-missing")
    assert problem_of(await freeze(api, "")) == (422, "invalid-request")
