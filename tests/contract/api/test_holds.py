"""Holds over HTTP: set aside, captured, released; who may, and what an answer says."""

import pytest

from schemas.holds import HOLD_CHARS_MAX, hold_from_name, hold_name
from tests.contract.api.conftest import Api, bearer, problem_of
from tests.support.bench_shard import WON

Param = str | int | bool | None


async def place(
    api: Api, amount: str = "60", *, name: str = "h1", key: str = "desk", **body: Param
) -> tuple[int, dict[str, object]]:
    """Asks for a hold of ann's."""
    words: dict[str, Param] = {"member": "ann", "amount": amount, "currency": "KRW"}
    return await post(api, "", words | {"valid_for_s": 60} | body, name, key)


async def post(
    api: Api, path: str, body: dict[str, Param] | None, name: str, key: str = "desk"
) -> tuple[int, dict[str, object]]:
    """Status and answer, of a problem its word."""
    headers = bearer(key) | {"Idempotency-Key": name}
    answer = await api.http.post(f"/v1/holds{path}", json=body, headers=headers)
    if answer.status_code >= 400:
        status, word = problem_of(answer)
        return status, {"word": word}
    return answer.status_code, answer.json()


def name_of(said: dict[str, object]) -> str:
    """The hold's name in an answer."""
    hold = said["hold"]
    assert isinstance(hold, dict)
    return str(hold["id"])


async def test_hold_when_placed_and_captured_then_each_answer_tells_where_it_stands(
    api: Api,
) -> None:
    """From 201 to the last capture: what is left, what was taken, what may be spent."""
    await api.top_up("100")
    status, said = await place(api, reference="request-1")
    assert (status, said["transfer"], said["available_micros"]) == (201, None, 40 * WON)
    name = name_of(said)
    shown = (await api.http.get(f"/v1/holds/{name}", headers=bearer("reader"))).json()
    assert shown == said["hold"]
    assert (shown["state"], shown["left_micros"], shown["member"]) == ("live", 60 * WON, "ann")
    wallet = (await api.http.get("/v1/wallets/ann", headers=bearer("reader"))).json()
    assert (wallet["held_micros"], wallet["available_micros"]) == (60 * WON, 40 * WON)
    status, said = await post(api, f"/{name}/capture", {"amount": "10", "final": False}, "c1")
    assert (status, said["posted_micros"], said["available_micros"]) == (200, 90 * WON, 40 * WON)
    assert said["transfer"]
    status, said = await post(api, f"/{name}/capture", {"amount": "20"}, "c2")
    assert (said["posted_micros"], said["available_micros"]) == (70 * WON, 70 * WON)
    hold = said["hold"]
    assert isinstance(hold, dict)
    assert (hold["state"], hold["left_micros"], hold["captured_micros"]) == ("ended", 0, 30 * WON)
    gone = await api.http.get(f"/v1/holds/{name}", headers=bearer("reader"))
    assert problem_of(gone) == (404, "hold-unknown")
    found = (await api.http.get("/v1/wallets/ann/entries", headers=bearer("reader"))).json()
    assert [each["cause"] for each in found["entries"]] == ["capture", "capture", "top_up"]
    assert found["entries"][0]["reference"] == "request-1"


async def test_hold_when_asked_again_then_the_same_answer_and_one_hold(api: Api) -> None:
    """Under one key there is one hold, one capture and one release."""
    await api.top_up("100")
    first = await place(api)
    assert await place(api, "60.0") == first
    assert await place(api, "61") == (409, {"word": "idempotency-key-reused"})
    name = name_of(first[1])
    taken = await post(api, f"/{name}/capture", {"amount": "10", "final": False}, "c1")
    assert await post(api, f"/{name}/capture", {"amount": "10", "final": False}, "c1") == taken
    freed = await post(api, f"/{name}/release", None, "r1")
    assert await post(api, f"/{name}/release", None, "r1") == freed
    assert freed[1]["available_micros"] == 90 * WON


@pytest.mark.parametrize(
    ("key", "body", "expected"),
    [
        ("player", {"content": "news"}, (201, "")),
        ("player", {}, (422, "payee-invalid")),
        ("player", {"provider": "me"}, (422, "payee-invalid")),
        ("desk", {"provider": "shop"}, (201, "")),
        ("desk", {"provider": "shop", "content": "news"}, (422, "payee-invalid")),
        ("desk", {"provider": "a\x1fb"}, (422, "payee-invalid")),
        ("reader", {}, (403, "scope-missing")),
        ("server", {"content": "news"}, (403, "scope-missing")),
    ],
)
async def test_hold_when_asked_by_some_key_then_it_may_only_pay_whom_it_may(
    api: Api, key: str, body: dict[str, Param], expected: tuple[int, str]
) -> None:
    """A content server's key names a content, whose provider is paid by its tariff."""
    await api.top_up("100")
    status, said = await place(api, key=key, **body)  # type: ignore[arg-type]
    assert (status, said.get("word", "")) == expected


@pytest.mark.parametrize(
    ("amount", "body", "word"),
    [
        ("101", {}, "insufficient-funds"),
        ("0", {}, "amount-invalid"),
        ("1", {"currency": "USD"}, "currency-mismatch"),
        ("1", {"content": "nothing"}, "content-unknown"),
        ("1", {"member": "a\x1fb"}, "member-invalid"),
        ("1", {"valid_for_s": 0}, "invalid-request"),
        ("1", {"valid_for_s": 2_592_001}, "invalid-request"),
        ("1", {"valid_for_s": "60"}, "invalid-request"),
        ("1", {"more": 1}, "invalid-request"),
    ],
)
async def test_hold_when_it_cannot_be_then_says_why(
    api: Api, amount: str, body: dict[str, Param], word: str
) -> None:
    """422 and a word; nothing is set aside."""
    await api.top_up("100")
    assert await place(api, amount, **body) == (422, {"word": word})  # type: ignore[arg-type]
    wallet = (await api.http.get("/v1/wallets/ann", headers=bearer("reader"))).json()
    assert wallet["held_micros"] == 0


@pytest.mark.parametrize(
    "name", ["1", "1.", ".YW5u", "01.YW5u", "1.!!", "x.YW5u", "1.YW5uCg", "-1.YW5u"]
)
async def test_hold_when_the_name_is_none_then_there_is_no_such_hold(api: Api, name: str) -> None:
    """404, whatever was written."""
    await api.top_up("100")
    answer = await api.http.get(f"/v1/holds/{name}", headers=bearer("reader"))
    assert problem_of(answer) == (404, "hold-unknown")


@pytest.mark.parametrize(
    "name",
    [f"{2**64}.YW5u", f"{'9' * 400}.YW5u", hold_name("ann\x1fbob", 1), hold_name("a" * 257, 1)],
    ids=["beyond 64 bits", "far beyond", "of two members", "of no member"],
)
async def test_capture_when_no_hold_can_have_the_name_then_is_unknown_at_once(
    api: Api, name: str
) -> None:
    """404, and nothing of it comes into a log."""
    await api.top_up("100")
    with pytest.raises(ValueError, match="not the name of a hold"):
        hold_from_name(name)
    assert await post(api, f"/{name}/capture", {"amount": "1"}, "c1") == (
        404, {"word": "hold-unknown"},
    )  # fmt: skip


async def test_hold_when_another_tenant_asks_then_there_is_none(api: Api) -> None:
    """A name says whose member, never whose tenant: that is the key's."""
    await api.top_up("100")
    _, said = await place(api)
    name = name_of(said)
    status, said = await post(api, f"/{name}/capture", {"amount": "1"}, "c1", key="other")
    assert (status, said["word"]) in {(404, "hold-unknown"), (422, "tenant-unknown")}


@pytest.mark.parametrize("member", ["ann", "김", "a/b?c", "a" * 128, "😀" * 256])
def test_hold_name_when_read_again_then_it_is_whose_it_was(member: str) -> None:
    """Any member's name fits into a path."""
    name = hold_name(member, 17)
    assert hold_from_name(name) == (member, 17)
    assert len(name) <= HOLD_CHARS_MAX
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
