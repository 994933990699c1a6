"""Withdrawals over HTTP: asked for, decided, told; who may, and what an answer says."""

import pytest

from tests.contract.api.conftest import Api, bearer, problem_of
from tests.support.bench_shard import WON

Body = dict[str, str | int | bool]


async def call(  # noqa: PLR0917 -- a request's parts, each of another meaning
    api: Api, method: str, path: str, body: Body | None, name: str, key: str = "operator"
) -> tuple[int, dict[str, object]]:
    """Status and answer, of a problem its word."""
    headers = bearer(key) | {"Idempotency-Key": name}
    answer = await api.http.request(method, f"/v1/wallets/ann{path}", json=body, headers=headers)
    if answer.status_code >= 400:
        status, word = problem_of(answer)
        return status, {"word": word}
    return answer.status_code, answer.json()


async def ask(api: Api, amount: str = "70", name: str = "w1") -> tuple[int, dict[str, object]]:
    """Asks for ann's money."""
    body: Body = {"account": "psp-31", "amount": amount, "currency": "KRW", "reference": "mine"}
    return await call(api, "POST", "/withdrawals", body, name, "desk")


async def ready(api: Api) -> None:
    """Ann has 100 won, and an account that is proved."""
    await api.top_up("100")
    assert (await call(api, "PUT", "/accounts/psp-31", {"proved": True}, "a1"))[0] == 200


async def test_withdrawal_when_asked_for_and_paid_then_each_answer_tells_where_it_stands(
    api: Api,
) -> None:
    """From 201 to the bank's reference; the list and the wallet say the same."""
    await ready(api)
    status, said = await ask(api)
    assert (status, said["posted_micros"], said["available_micros"]) == (201, 30 * WON, 30 * WON)
    status, said = await call(api, "POST", "/withdrawals/1/approve", None, "d1")
    assert (status, said["transfer"]) == (200, None)
    status, said = await call(api, "POST", "/withdrawals/1/paid", {"reference": "bank-9"}, "d2")
    assert status == 200
    shown = (await api.get("/v1/wallets/ann/withdrawals/1")).json()
    assert shown == said["withdrawal"]
    assert (shown["state"], shown["approved_by"], shown["paid_as"]) == (
        "paid", "operator", "bank-9",
    )  # fmt: skip
    listed = (await api.get("/v1/wallets/ann/withdrawals")).json()
    assert listed == {"withdrawals": [shown]}
    found = (await api.get("/v1/wallets/ann/entries")).json()["entries"]
    assert [each["cause"] for each in found] == ["withdrawal_requested", "top_up"]
    assert found[0]["words"] == "Set aside for withdrawal: mine"


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        (("reject",), "rejected"),
        (("approve", "failed"), "failed"),
        (("approve", "paid", "returned"), "returned"),
    ],
)
async def test_money_when_it_goes_back_then_the_wallet_has_it(
    api: Api, steps: tuple[str, ...], state: str
) -> None:
    """Whole, whichever way it comes."""
    await ready(api)
    await ask(api)
    said: dict[str, object] = {}
    for step in steps:
        bodies: dict[str, Body | None] = {"approve": None, "paid": {"reference": "bank-9"}}
        body = bodies.get(step, {"reason": "account closed"})
        status, said = await call(api, "POST", f"/withdrawals/1/{step}", body, step)
        assert status == 200
    assert said["posted_micros"] == 100 * WON
    shown = (await api.get("/v1/wallets/ann/withdrawals/1")).json()
    assert (shown["state"], shown["reason"]) == (state, "account closed")


async def test_withdrawal_when_asked_again_then_the_same_answer_and_one_withdrawal(
    api: Api,
) -> None:
    """Under one key there is one withdrawal, and one payment; another body is a conflict."""
    await ready(api)
    first = await ask(api)
    assert await ask(api, "70.0") == first
    assert await ask(api, "71") == (409, {"word": "idempotency-key-reused"})
    await call(api, "POST", "/withdrawals/1/approve", None, "d1")
    paid = await call(api, "POST", "/withdrawals/1/paid", {"reference": "bank-9"}, "d2")
    assert await call(api, "POST", "/withdrawals/1/paid", {"reference": "bank-9"}, "d2") == paid
    again = await call(api, "POST", "/withdrawals/1/paid", {"reference": "bank-9"}, "d3")
    assert again == (409, {"word": "withdrawal-state"})


async def test_account_when_registered_then_it_counts_once_an_operator_proves_it(api: Api) -> None:
    """A member's app may register and remove one, and never prove it."""
    await api.top_up("100")
    assert await ask(api, name="w0") == (422, {"word": "account-unknown"})
    path = "/accounts/psp-31"
    assert (await call(api, "PUT", path, {"proved": False}, "a1", "desk"))[0] == 200
    assert await ask(api) == (422, {"word": "account-unproved"})
    assert await call(api, "PUT", path, {"proved": True}, "a2", "desk") == (
        403, {"word": "scope-missing"},
    )  # fmt: skip
    await call(api, "PUT", path, {"proved": True}, "a2")
    listed = (await api.get("/v1/wallets/ann/accounts")).json()
    assert listed == {"accounts": [{"account": "psp-31", "proved": True}]}
    assert (await ask(api, name="w2"))[0] == 201
    assert (await call(api, "DELETE", path, None, "a3", "desk"))[0] == 200
    assert await ask(api, "1", "w3") == (422, {"word": "account-unknown"})


@pytest.mark.parametrize("step", ["approve", "reject", "paid", "failed", "returned"])
async def test_step_when_the_key_is_no_operators_then_it_is_refused(api: Api, step: str) -> None:
    """Who may put money in may ask for it, and not decide."""
    await ready(api)
    await ask(api)
    answer = await call(api, "POST", f"/withdrawals/1/{step}", {"reason": "x"}, "d", "desk")
    assert answer == (403, {"word": "scope-missing"})


async def test_withdrawal_when_nobody_has_it_then_it_is_unknown(api: Api) -> None:
    """A number that was never given, and a member without a wallet."""
    await ready(api)
    for path in ("/v1/wallets/ann/withdrawals/7", "/v1/wallets/zoe/withdrawals/1"):
        assert problem_of(await api.get(path)) == (404, "withdrawal-unknown")
    found = await call(api, "POST", "/withdrawals/7/approve", None, "d1")
    assert found == (404, {"word": "withdrawal-unknown"})
    assert await ask(api, "101", "w9") == (422, {"word": "insufficient-funds"})
