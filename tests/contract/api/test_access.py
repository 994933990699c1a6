"""Keys, scopes and what every route answers to strangers; health, metrics and the document."""

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from httpx import Response

from api.app import create_app, install
from api.problems import WORDS
from tests.contract.api.conftest import Api, bearer, problem_of
from tests.support.bench_shard import event

ROUTES = [
    ("GET", "/v1/wallets", "operator"),
    ("GET", "/v1/wallets/ann", "reader"),
    ("GET", "/v1/wallets/ann/entries", "reader"),
    ("POST", "/v1/wallets/ann/top-ups", "desk"),
    ("POST", "/v1/wallets/ann/passes", "desk"),
    ("GET", "/v1/wallets/ann/passes", "reader"),
    ("DELETE", "/v1/wallets/ann/passes/0-1", "desk"),
    ("GET", "/v1/sessions", "reader"),
    ("GET", "/v1/sessions/vod/s1", "reader"),
    ("GET", "/v1/statistics/usage", "analyst"),
    ("GET", "/v1/events/vod/e1", "server"),
    ("GET", "/v1/control", "player"),
]
ALL_KEYS = ("reader", "desk", "analyst", "server", "player")
# Streams last; one of a process that reads no signals yet is refused at once.
NOT_YET = 503


async def _ask(api: Api, method: str, path: str, headers: dict[str, str]) -> Response:
    body = {"amount": "1", "currency": "KRW"} if method == "POST" else None
    headers = headers | {"Idempotency-Key": "k"}
    return await api.http.request(method, path, json=body, headers=headers)


@pytest.mark.parametrize(("method", "path", "_key"), ROUTES)
@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic secret-operator"}],
)
async def test_route_when_the_key_is_wrong_then_unauthorized(
    api: Api, method: str, path: str, _key: str, headers: dict[str, str]
) -> None:
    """No route tells a stranger anything."""
    answer = await _ask(api, method, path, headers)
    assert problem_of(answer) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


def _strangers() -> Iterator[tuple[str, str, str]]:
    for method, path, allowed in ROUTES:
        for key in ALL_KEYS:
            may_trace = path.startswith("/v1/events") and key == "reader"
            if key != allowed and not may_trace:
                yield method, path, key


@pytest.mark.parametrize(("method", "path", "key"), list(_strangers()))
async def test_route_when_the_scope_is_missing_then_forbidden(
    api: Api, method: str, path: str, key: str
) -> None:
    """A key does what its scopes say and nothing else; no content server puts money in."""
    assert problem_of(await _ask(api, method, path, bearer(key))) == (403, "scope-missing")
    assert api.shards.appended == []


@pytest.mark.parametrize(("method", "path", "key"), ROUTES)
async def test_route_when_the_key_fits_then_neither_401_nor_403(
    api: Api, method: str, path: str, key: str
) -> None:
    """The key of the table, and an admin's, get in."""
    await api.shards.use(event("session.start", 0, id="e1"))
    allowed = {NOT_YET} if path == "/v1/control" else {200, 201, 404, 422}
    for name in (key, "operator"):
        assert (await _ask(api, method, path, bearer(name))).status_code in allowed


async def test_route_when_unknown_then_a_problem(api: Api) -> None:
    """Unknown paths and methods are problem documents too."""
    assert problem_of(await api.get("/v1/nothing")) == (404, "not-found")
    answer = await api.http.delete("/v1/wallets/ann", headers=bearer("operator"))
    assert problem_of(answer) == (405, "method-not-allowed")


async def test_health_when_the_process_is_up_then_ok(api: Api) -> None:
    """Health needs no key and asks nobody."""
    api.warehouse.is_down = True
    answer = await api.http.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_ready_when_all_parts_answer_then_each_is_named(api: Api) -> None:
    """Readiness names what it asked."""
    answer = await api.http.get("/readyz")
    parts = {"redis": "ok", "kafka": "ok", "warehouse": "ok"}
    assert answer.json() == {"status": "ready", "parts": parts, "degraded": []}


async def test_ready_when_the_log_is_down_then_the_problem_names_it(api: Api) -> None:
    """503 says which part is down, and that the others are not."""
    api.shards.is_down = True
    answer = await api.http.get("/readyz")
    assert problem_of(answer) == (503, "not-ready")
    assert answer.json()["parts"] == {
        "redis": "ok",
        "kafka": "Kafka does not answer",
        "warehouse": "ok",
    }


async def test_ready_when_only_the_warehouse_is_down_then_ready_and_named_degraded(
    api: Api,
) -> None:
    """An edge that can take events is not taken out because statistics cannot be asked."""
    api.warehouse.is_down = True
    answer = await api.http.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    assert answer.json()["degraded"] == ["warehouse"]
    assert answer.json()["parts"]["warehouse"] == "the warehouse is down"


async def test_metrics_when_routes_were_asked_then_counted_by_template(api: Api) -> None:
    """Labels are route templates and statuses, never ids."""
    await api.get("/v1/wallets/ann")
    await api.get("/v1/wallets/ann", key="nobody")
    page = (await api.http.get("/metrics")).text
    assert 'ncash_http_requests_total{route="/v1/wallets/{member}",status="404"} 1.0' in page
    assert 'ncash_http_requests_total{route="/v1/wallets/{member}",status="401"} 1.0' in page
    assert "ann" not in page


async def test_document_when_read_then_every_route_is_described(api: Api) -> None:
    """OpenAPI has summary, description, security and problems for each route of ours."""
    document = (await api.http.get("/openapi.json")).json()
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            assert told["summary"], path
            assert told["description"], path
            if path.startswith("/v1/"):
                assert told["security"], path
                problems = {"401", "403", "422", "503"} & set(told["responses"])
                assert len(problems) == 4, (path, method)
                content = told["responses"]["422"]["content"]
                assert list(content) == ["application/problem+json"], path
    assert "/v1/wallets/{member}/top-ups" in document["paths"]
    assert "/v1/events/{source}/{id}" in document["paths"]


async def test_install_when_the_app_has_routes_of_its_own_then_both_serve(api: Api) -> None:
    """The API goes into an app that the edge process shares with the intake."""
    app = FastAPI()
    install(app, api.services)
    names = set(create_app(api.services).openapi()["paths"])
    assert names == set(app.openapi()["paths"])


def test_page_of_problems_when_compared_with_the_table_then_lists_every_word(
    pytestconfig: pytest.Config,
) -> None:
    """The words that callers rely on are documented, each once."""
    text = (pytestconfig.rootpath / "docs" / "problems.md").read_text("utf-8")
    listed = re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(listed) >= WORDS
