"""Quotes: a price before it is charged, what a member could spend, and what cannot be asked."""

from typing import Any

import httpx
import pytest

from api.catalogue import LatestTerms
from tests.contract.api.conftest import Api, bearer, problem_of
from tests.contract.api.shards import OneBody
from tests.support.bench_shard import WON, event


async def _quote(api: Api, tariff: str, key: str = "reader", **body: Any) -> httpx.Response:  # noqa: ANN401 -- JSON of any form
    return await api.http.post(f"/v1/tariffs/{tariff}/quote", json=body, headers=bearer(key))


async def test_quote_when_a_use_is_planned_then_lines_total_and_prices(api: Api) -> None:
    """Ten minutes and two quizzes: both forms of money, and the price list beside them."""
    body = (await _quote(api, "second", duration_s=600, items={"quiz": 2})).json()
    assert [(each["kind"], each["meter"], each["amount_micros"]) for each in body["lines"]] == [
        ("time", "ms", 18_000 * WON),
        ("item", "quiz", 1_520 * WON),
    ]
    assert body["total"] == {"amount": "19520", "currency": "KRW"}
    assert (body["total_micros"], body["content"]) == (19_520 * WON, "news")
    assert body["prices"]["components"] == [
        {"kind": "time", "price": "30", "per_s": 1},
        {"kind": "item", "prices": {"quiz": "760"}},
    ]
    assert body["available"] is None


async def test_quote_when_quoted_then_it_is_what_is_charged(api: Api) -> None:
    """The same use, asked for and then done, costs the same."""
    quoted = (await _quote(api, "second", content="news", duration_s=42)).json()["total_micros"]
    await api.shards.use(event("session.start", 100), event("session.stop", 142))
    session = (await api.get("/v1/sessions/vod/s1", subject="ann")).json()
    assert session["charged_micros"] == quoted == 1_260 * WON


async def test_quote_when_use_spans_midnight_then_a_pass_for_each_day(api: Api) -> None:
    """Passes follow the content's own midnight: 23:30 to 00:30 in Seoul."""
    body = (await _quote(api, "pass", at="2026-11-24T23:30:00+09:00", duration_s=3_600)).json()
    assert [(each["kind"], each["meter"]) for each in body["lines"]] == [
        ("flat", "2026-11-24"),
        ("flat", "2026-11-25"),
    ]
    assert body["at"] == "2026-11-24T14:30:00.000Z"


async def test_quote_when_a_subject_is_named_then_what_it_may_spend(api: Api) -> None:
    """The wallet now, and after such a use; who was never seen has the credit limit."""
    await api.top_up("1000")
    body = (await _quote(api, "second", subject="ann", duration_s=10)).json()
    assert (body["available_micros"], body["available_after_micros"]) == (1_000 * WON, 700 * WON)
    rich = (await _quote(api, "second", subject="rich", duration_s=20)).json()
    assert rich["available"] == {"amount": "500", "currency": "KRW"}
    assert rich["available_after"] == {"amount": "-100", "currency": "KRW"}


@pytest.mark.parametrize(
    ("tariff", "key", "body", "expected"),
    [
        ("nothing", "reader", {}, (404, "tariff-unknown")),
        ("second", "other", {}, (404, "tariff-unknown")),
        ("second", "server", {}, (403, "scope-missing")),
        ("second", "analyst", {"subject": "ann"}, (403, "scope-missing")),
        ("second", "reader", {"content": "web"}, (422, "use-impossible")),
        ("second", "reader", {"at": "soon"}, (422, "use-impossible")),
        ("second", "reader", {"items": {"quiz": 2**53 - 1}}, (422, "use-impossible")),
        ("pass", "reader", {"duration_s": 10**9}, (422, "use-impossible")),
        (
            "pass",
            "reader",
            {"at": "9999-12-31T00:00:00Z", "duration_s": 10**7},
            (422, "use-impossible"),
        ),
        (
            "second",
            "reader",
            {"at": "9999-12-31T23:59:59Z", "duration_s": 10},
            (422, "use-impossible"),
        ),
        ("second", "reader", {"at": "9999-12-31T23:59:59-23:59"}, (422, "use-impossible")),
        ("second", "reader", {"subject": "a\x1fb"}, (422, "invalid-request")),
        ("second", "reader", {"meters": {"a\0": 1}}, (422, "invalid-request")),
        ("second", "reader", {"duration_s": -1}, (422, "invalid-request")),
        ("second", "reader", {"meters": {"bytes": 1.5}}, (422, "invalid-request")),
        ("second", "reader", {"meters": {"bytes": 2**53}}, (422, "invalid-request")),
        ("second", "reader", {"pages": {"sideways": 1}}, (422, "invalid-request")),
        ("second", "reader", {"duration": 1}, (422, "invalid-request")),
    ],
    ids=str,
)
async def test_quote_when_it_cannot_be_given_then_a_problem(
    api: Api, tariff: str, key: str, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    """Unknown tariffs, other tenants', missing scopes and impossible use, by stable words."""
    assert problem_of(await _quote(api, tariff, key, **body)) == expected


async def test_quote_when_an_analyst_asks_then_a_price_is_given(api: Api) -> None:
    """Who may read statistics may ask for prices, without a subject."""
    answer = await _quote(api, "bytes", "analyst", meters={"bytes": 5})
    assert (answer.status_code, answer.json()["total_micros"]) == (200, 5)


async def test_session_when_it_goes_on_then_its_prices_are_shown(api: Api) -> None:
    """The same document beside the charges, until the session is closed."""
    quoted = (await _quote(api, "second")).json()["prices"]
    await api.shards.use(event("session.start", 100), event("session.heartbeat", 110))
    live = (await api.get("/v1/sessions/vod/s1", subject="ann")).json()
    assert live["prices"] == quoted
    await api.shards.use(event("session.stop", 120))
    closed = (await api.get("/v1/sessions/vod/s1", subject="ann")).json()
    assert (closed["state"], closed["prices"]) == ("closed", None)


def test_tariff_when_another_version_is_in_force_then_it_is_not_shown() -> None:
    """Terms of one version are never shown as those of another."""
    terms = LatestTerms(OneBody())
    found = terms.written("tv", "second")
    assert found is not None
    assert terms.written("tv", "second", version=1) == found
    assert terms.written("tv", "second", version=2) is None
    assert terms.written("tv", "nothing") is None
    assert terms.written("fm", "second") is None
