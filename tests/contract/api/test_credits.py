"""Credits: money with conditions over HTTP, and how an entry leads back to its source."""

import pytest

from tests.contract.api.conftest import Api, bearer, problem_of
from tests.support.bench_shard import WON, event

Param = str | int | dict[str, list[str]] | None


async def give(
    api: Api, amount: str = "50", *, name: str = "g1", key: str = "desk", **body: Param
) -> tuple[int, dict[str, object]]:
    """Asks for a promotion of ann's: status and answer."""
    answer = await api.http.post(
        "/v1/wallets/ann/credits",
        json={"bucket": "promotion", "amount": amount, "currency": "KRW"} | body,
        headers=bearer(key) | {"Idempotency-Key": name},
    )
    if answer.status_code >= 400:
        return problem_of(answer)[0], {"word": problem_of(answer)[1]}
    return answer.status_code, answer.json()


async def wallet_of(api: Api) -> dict[str, object]:
    """Ann's wallet."""
    body: dict[str, object] = (
        await api.http.get("/v1/wallets/ann", headers=bearer("reader"))
    ).json()
    return body


async def test_credit_when_given_then_the_wallet_shows_its_lot(api: Api) -> None:
    """201 names the lot; the wallet shows what is left, until when and for what."""
    await api.top_up("1000")
    status, said = await give(
        api, expires_at="2100-01-01T00:00:00Z", only={"contents": ["news"]}, reference="spring"
    )
    assert (status, said["lot"], said["bucket"]) == (201, 2, "promotion")
    assert (said["posted_micros"], said["available_micros"]) == (1_050 * WON, 1_000 * WON)
    wallet = await wallet_of(api)
    assert (wallet["posted_micros"], wallet["spendable_micros"]) == (1_050 * WON, 1_000 * WON)
    lots = wallet["lots"]
    assert isinstance(lots, list)
    assert [(each["lot"], each["bucket"], each["amount_micros"]) for each in lots] == [
        (2, "promotion", 50 * WON), (1, "cash", 1_000 * WON),
    ]  # fmt: skip
    assert lots[0]["expires_at"] == "2100-01-01T00:00:00.000Z"
    assert lots[0]["only"] == {"contents": ["news"], "providers": [], "kinds": []}
    assert lots[1]["only"] is None
    buckets = wallet["buckets"]
    assert isinstance(buckets, list)
    assert [each["bucket"] for each in buckets] == ["cash", "promotion", "debt", "credit_line"]


async def test_credit_when_asked_again_then_the_same_and_money_once(api: Api) -> None:
    """Names in another order are the same request; another expiry is another one."""
    first = await give(api, only={"contents": ["a", "b"]})
    assert await give(api, "50.0", only={"contents": ["b", "a"]}) == first
    assert await give(api, expires_at="2100-01-01T00:00:00Z") == (
        409, {"word": "idempotency-key-reused"},
    )  # fmt: skip
    assert (await wallet_of(api))["posted_micros"] == 50 * WON


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"bucket": "cash"}, "bucket-invalid"),
        ({"amount": "0"}, "amount-invalid"),
        ({"amount": "1.0000001"}, "amount-invalid"),
        ({"currency": "USD"}, "currency-mismatch"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "expiry-invalid"),
        ({"expires_at": "tomorrow"}, "expiry-invalid"),
    ],
)
async def test_credit_when_it_cannot_be_then_says_why(
    api: Api, body: dict[str, Param], word: str
) -> None:
    """422 and a word; nothing moves."""
    await api.top_up("1")
    assert await give(api, **({"amount": "50"} | body)) == (422, {"word": word})  # type: ignore[arg-type]
    assert (await wallet_of(api))["posted_micros"] == WON


@pytest.mark.parametrize(
    "body",
    [
        {"priority": 100},
        {"extra": "1"},
        {"only": {"things": ["a"]}},
        {"priority": "1"},
        {"only": {"contents": ["c" * 257]}},
        {"only": {"contents": [""]}},
    ],
)
async def test_credit_when_the_body_cannot_be_read_then_refused(
    api: Api, body: dict[str, Param]
) -> None:
    """422 before anything is appended."""
    status, said = await give(api, **body)  # type: ignore[arg-type]
    assert (status, said["word"]) == (422, "invalid-request")
    assert api.shards.appended == []


async def test_credit_when_a_content_servers_key_asks_then_forbidden(api: Api) -> None:
    """No content server can put money in."""
    assert await give(api, key="server") == (403, {"word": "scope-missing"})


async def test_lot_when_it_paid_then_leads_from_the_charge_to_what_brought_it(api: Api) -> None:
    """Each entry of a charge names its lot; the lot says which transfer brought it."""
    await api.top_up("1000", reference="card-1")
    await give(api, reference="spring")
    await api.shards.use(event("session.start", 0), event("session.heartbeat", 3))
    entries = (await api.http.get("/v1/wallets/ann/entries", headers=bearer("reader"))).json()
    charge = entries["entries"][0]
    assert [(each["lot"], each["amount_micros"]) for each in charge["entries"]] == [
        (2, -50 * WON), (1, -40 * WON),
    ]  # fmt: skip
    lot = (await api.http.get("/v1/wallets/ann/lots/2", headers=bearer("reader"))).json()
    assert (lot["bucket"], lot["left_micros"], lot["held"]) == ("promotion", 0, None)
    assert (lot["came_by"]["cause"], lot["came_by"]["reference"]) == ("credit", "spring")
    assert [(each["cause"], each["amount_micros"]) for each in lot["moved"]] == [
        ("credit", 50 * WON), ("charge", -50 * WON),
    ]  # fmt: skip
    paid = (await api.http.get("/v1/wallets/ann/entries?lot=2", headers=bearer("reader"))).json()
    assert [each["cause"] for each in paid["entries"]] == ["charge", "credit"]


@pytest.mark.parametrize(("lot", "status"), [("9", 404), ("0", 422), ("x", 422)])
async def test_lot_when_there_is_none_then_says_so(api: Api, lot: str, status: int) -> None:
    """A number that no lot has is not found; what is no number is refused."""
    await api.top_up("1")
    answer = await api.http.get(f"/v1/wallets/ann/lots/{lot}", headers=bearer("reader"))
    assert problem_of(answer)[0] == status
