"""Transfers over HTTP: answered when the receiver has the money, or when it went back."""

import pytest

from tests.contract.api.conftest import Api, bearer, problem_of
from tests.support.bench_shard import WON

Param = str | int


async def send(
    api: Api, amount: str = "60", *, name: str = "s1", key: str = "desk", **body: Param
) -> tuple[int, dict[str, object]]:
    """Asks for a transfer from ann to bob."""
    words: dict[str, Param] = {"from": "ann", "to": "bob", "amount": amount, "currency": "KRW"}
    headers = bearer(key) | {"Idempotency-Key": name}
    answer = await api.http.post("/v1/transfers", json=words | body, headers=headers)
    if answer.status_code >= 400:
        return problem_of(answer)[0], {"word": problem_of(answer)[1]}
    return answer.status_code, answer.json()


async def posted(api: Api, member: str) -> int:
    """A member's posted balance."""
    answer = await api.http.get(f"/v1/wallets/{member}", headers=bearer("reader"))
    return int(answer.json()["posted_micros"]) if answer.status_code == 200 else 0


async def test_transfer_when_sent_then_the_receiver_has_it(api: Api) -> None:
    """201 names both parts; each member's entries name the other."""
    await api.top_up("100")
    status, said = await send(api, memo="lunch")
    assert (status, said["from"], said["to"], said["memo"]) == (201, "ann", "bob", "lunch")
    assert (said["posted_micros"], said["available_micros"]) == (40 * WON, 40 * WON)
    assert (await posted(api, "ann"), await posted(api, "bob")) == (40 * WON, 60 * WON)
    for member, peer, cause, part in (
        ("ann", "bob", "sent", "id"), ("bob", "ann", "received", "received_as"),
    ):  # fmt: skip
        url = f"/v1/wallets/{member}/entries"
        newest = (await api.http.get(url, headers=bearer("reader"))).json()["entries"][0]
        assert (newest["cause"], newest["peer"], newest["reference"]) == (cause, peer, "lunch")
        assert newest["id"] == said[part]


async def test_transfer_when_asked_again_then_the_same_answer_and_money_once(api: Api) -> None:
    """Another amount under the key is another request."""
    await api.top_up("100")
    first = await send(api)
    assert await send(api, "60.0") == first
    assert await send(api, "61") == (409, {"word": "idempotency-key-reused"})
    assert await posted(api, "bob") == 60 * WON


async def test_transfer_when_it_has_not_arrived_yet_then_asking_again_waits_for_it(
    api: Api,
) -> None:
    """503 while it is on its way; the same key tells how that ended."""
    await api.top_up("100")
    api.shards.holds_legs = True
    assert await send(api) == (503, {"word": "outcome-unknown"})
    assert await send(api) == (503, {"word": "outcome-unknown"})
    api.shards.holds_legs = False
    await api.shards.release_legs()
    status, _ = await send(api)
    assert (status, await posted(api, "ann"), await posted(api, "bob")) == (201, 40 * WON, 60 * WON)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"amount": "101"}, (422, "insufficient-funds")),
        ({"amount": "0"}, (422, "amount-invalid")),
        ({"currency": "USD"}, (422, "currency-mismatch")),
        ({"to": "ann"}, (422, "same-member")),
        ({"to": "a\x1fb"}, (422, "member-invalid")),
        ({"to": ""}, (422, "invalid-request")),
        ({"memo": "m" * 257}, (422, "invalid-request")),
        ({"extra": 1}, (422, "invalid-request")),
    ],
)
async def test_transfer_when_it_cannot_be_then_says_why(
    api: Api, body: dict[str, Param], expected: tuple[int, str]
) -> None:
    """Nothing moves."""
    await api.top_up("100")
    status, said = await send(api, **body)  # type: ignore[arg-type]
    assert (status, said["word"]) == expected
    assert await posted(api, "ann") == 100 * WON


async def test_transfer_when_a_content_servers_key_asks_then_forbidden(api: Api) -> None:
    """Only those who keep wallets move money between them."""
    assert await send(api, key="player") == (403, {"word": "scope-missing"})
