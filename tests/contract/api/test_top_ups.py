"""Top-ups: once per key, whatever happens in between."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from api.app import create_app
from api.limits import BODY_BYTES_MAX, ApiLimits
from tests.contract.api.conftest import Api, bearer, problem_of
from tests.support.bench_shard import WON


async def test_top_up_when_first_then_created_with_the_balance_after(api: Api) -> None:
    """201 tells the transfer and the balance after it."""
    answer = await api.top_up("12.345678", reference="card-1")
    assert answer.status_code == 201
    body = answer.json()
    shard, sequence = body["id"].split("-")
    assert int(shard) == api.services.live.shard_of("tv", "ann")
    assert sequence == "0"
    assert body["amount"] == {"amount": "12.345678", "currency": "KRW"}
    assert body["amount_micros"] == body["posted_micros"] == 12_345_678
    assert body["available_micros"] == 12_345_678
    assert body["reference"] == "card-1"
    assert "idempotency-replayed" not in answer.headers


async def test_top_up_when_sent_twice_then_the_same_answer_and_money_once(api: Api) -> None:
    """The stored result answers the second time; nothing is appended."""
    first = await api.top_up("10")
    second = await api.top_up("10.0")
    assert (second.status_code, second.json()) == (201, first.json())
    assert second.headers["idempotency-replayed"] == "true"
    assert len(api.shards.appended) == 1


async def test_top_up_when_key_has_another_body_then_conflict(api: Api) -> None:
    """A key stands for one request for ever."""
    await api.top_up("10")
    for other in (
        await api.top_up("11"),
        await api.top_up("10", reference="x"),
        await api.top_up("10", currency="USD"),
    ):
        assert problem_of(other) == (409, "idempotency-key-reused")
    assert (await api.get("/v1/wallets/ann")).json()["posted_micros"] == 10 * WON


async def test_top_up_when_key_is_used_by_another_member_then_it_is_another_key(api: Api) -> None:
    """A key counts per deciding member."""
    assert (await api.top_up("10", member="ann")).status_code == 201
    assert (await api.top_up("20", member="bob")).status_code == 201


async def test_top_up_when_two_callers_at_once_then_one_transfer_and_one_answer(api: Api) -> None:
    """Both append, the first decides, both get its result."""
    answers = await asyncio.gather(*(api.top_up("10") for _ in range(5)))
    assert {each.status_code for each in answers} == {201}
    assert len({each.text for each in answers}) == 1
    assert (await api.get("/v1/wallets/ann")).json()["posted_micros"] == 10 * WON


async def test_top_up_when_two_callers_differ_then_one_wins_and_one_conflicts(api: Api) -> None:
    """What the shard took first decides; the other caller is told after it."""
    answers = await asyncio.gather(api.top_up("10"), api.top_up("20"))
    assert sorted(each.status_code for each in answers) == [201, 409]
    paid = (await api.get("/v1/wallets/ann")).json()["posted_micros"]
    assert paid in {10 * WON, 20 * WON}


async def test_top_up_when_no_result_comes_then_unknown_and_the_key_may_ask_again(
    api: Api,
) -> None:
    """An unknown outcome is 503; the same key later finds out, and money moves once."""
    api.shards.is_deaf = True
    api.clock.step_ms = 1_000
    answer = await api.top_up("10")
    assert problem_of(answer) == (503, "outcome-unknown")
    assert answer.headers["retry-after"] == "1"
    api.shards.is_deaf = False
    (command,) = api.shards.appended
    await api.shards.feed(api.services.live.shard_of("tv", "ann"), command)
    assert (await api.top_up("10")).status_code == 201
    assert (await api.get("/v1/wallets/ann")).json()["posted_micros"] == 10 * WON


async def test_top_up_when_kafka_does_not_confirm_then_unknown(api: Api) -> None:
    """Whether the log has it is not known, so the answer does not say that it has not."""
    api.shards.is_down = True
    assert problem_of(await api.top_up()) == (503, "outcome-unknown")


async def test_top_up_when_the_shard_is_behind_then_nothing_is_appended(api: Api) -> None:
    """Beyond the lag limit the request is turned away before it is in the log."""
    api.shards.behind = api.services.limits.shard_lag_max + 1
    assert problem_of(await api.top_up()) == (503, "shard-behind")
    assert api.shards.appended == []


async def test_top_up_when_the_result_is_stored_then_lag_does_not_matter(api: Api) -> None:
    """What was decided is answered however far the shard is behind."""
    first = await api.top_up()
    api.shards.behind = 10**9
    assert (await api.top_up()).json() == first.json()


async def test_top_up_when_its_turn_comes_too_late_then_expired_for_good(api: Api) -> None:
    """Past its deadline it moves nothing, and the key keeps that answer."""
    api.shards.is_deaf = True
    api.clock.step_ms = 1_000
    await api.top_up("10")
    api.shards.is_deaf = False
    api.clock.now_ms += 60_000
    (command,) = api.shards.appended
    await api.shards.feed(api.services.live.shard_of("tv", "ann"), command)
    assert problem_of(await api.top_up("10")) == (422, "expired")
    assert problem_of(await api.top_up("10")) == (422, "expired")
    assert (await api.top_up("10", name="k2")).status_code == 201


async def test_top_up_when_currency_is_not_the_wallets_then_refused_with_a_reason(
    api: Api,
) -> None:
    """A refusal by the shard is a result with a stable word, and stays so for the key."""
    assert problem_of(await api.top_up(currency="USD")) == (422, "currency-mismatch")
    assert problem_of(await api.top_up(currency="USD")) == (422, "currency-mismatch")
    assert problem_of(await api.top_up(currency="KRW")) == (409, "idempotency-key-reused")


async def test_top_up_when_the_balance_would_be_too_large_then_refused(api: Api) -> None:
    """A member's balance is at most 2**53 - 1 micro-units."""
    assert (await api.top_up("9007199254.740991")).status_code == 201
    answer = await api.top_up("0.000001", name="k2")
    assert problem_of(answer) == (422, "balance-too-large")


@pytest.mark.parametrize(
    "amount", ["0", "-1", "1e3", "0.0000001", "abc", "", "NaN", "9007199254.740992", "\u0661"]
)
async def test_top_up_when_the_amount_cannot_be_one_then_refused_without_a_trace(
    api: Api, amount: str
) -> None:
    """A text that is no amount more than zero never reaches the log."""
    assert problem_of(await api.top_up(amount)) == (422, "amount-invalid")
    assert api.shards.appended == []


@pytest.mark.parametrize(
    "body",
    [
        {"amount": 10},
        {"currency": "won"},
        {"surplus": 1},
        {"reference": "x" * 257},
        {"amount": "1" * 33},
    ],
)
async def test_top_up_when_the_body_is_not_as_documented_then_invalid(
    api: Api, body: dict[str, object]
) -> None:
    """Numbers for amounts, unknown fields and long texts are refused."""
    answer = await api.http.post(
        "/v1/wallets/ann/top-ups",
        json={"amount": "10", "currency": "KRW"} | body,
        headers=bearer("desk") | {"Idempotency-Key": "k"},
    )
    assert problem_of(answer) == (422, "invalid-request")


@pytest.mark.parametrize(
    ("name", "word"),
    [
        (None, "idempotency-key-missing"),
        ("", "idempotency-key-invalid"),
        ("x" * 129, "idempotency-key-invalid"),
    ],
)
async def test_top_up_when_the_idempotency_key_cannot_be_one_then_bad_request(
    api: Api, name: str | None, word: str
) -> None:
    """Money moves only under a key."""
    assert problem_of(await api.top_up(name=name)) == (400, word)


async def test_top_up_when_the_body_is_huge_then_too_large(api: Api) -> None:
    """Reading stops at the limit."""
    answer = await api.http.post(
        "/v1/wallets/ann/top-ups",
        content=b"x" * (BODY_BYTES_MAX + 1),
        headers=bearer("desk") | {"Idempotency-Key": "k", "Content-Type": "application/json"},
    )
    assert problem_of(answer) == (413, "too-large")


class _Stalled:
    """A body that never begins, and knows whether somebody waited for it."""

    def __init__(self) -> None:
        self.is_read = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Nothing ever comes."""
        self.is_read = True
        await asyncio.Event().wait()
        yield b""


async def _post_stalled(api: Api, body: _Stalled, headers: dict[str, str]) -> httpx.Response:
    limits = ApiLimits(body_read_ms_max=50)
    app = create_app(replace(api.services, limits=limits))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as http:
        return await http.post("/v1/wallets/ann/top-ups", content=aiter(body), headers=headers)


async def test_top_up_when_the_body_never_comes_then_is_told_in_time(api: Api) -> None:
    """A stalled sender gives back its place among the requests in work."""
    answer = await _post_stalled(api, _Stalled(), bearer("desk") | {"Idempotency-Key": "k"})
    assert problem_of(answer) == (408, "body-too-slow")
    assert answer.headers["connection"] == "close"
    assert not api.shards.appended


async def test_top_up_when_there_is_no_key_then_its_body_is_not_waited_for(api: Api) -> None:
    """Strangers hold no place at all."""
    body = _Stalled()
    assert problem_of(await _post_stalled(api, body, {})) == (401, "unauthorized")
    assert not body.is_read


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 10_000, b"\xff\xfe", b'"x"', b"null"])
async def test_top_up_when_the_body_cannot_be_read_then_a_problem(api: Api, content: bytes) -> None:
    """Torn, nested or non-UTF-8 bodies are told as problems, never as a fault of ours."""
    answer: httpx.Response = await api.http.post(
        "/v1/wallets/ann/top-ups",
        content=content,
        headers=bearer("desk") | {"Idempotency-Key": "k", "Content-Type": "application/json"},
    )
    assert problem_of(answer)[0] in {400, 422}
