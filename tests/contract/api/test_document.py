"""The OpenAPI document against the app: what it allows and what it forbids, asked at random.

Schemathesis makes the requests from a fixed seed. No answer is a fault of ours; each has a status,
a media type, headers and a body that the document gives it.
"""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CheckFunction
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import create_app
from ingest.collector import Collector
from ingest.http import HttpIntake, router
from ingest.limits import IntakeLimits
from ingest.stamps import Stamps
from runtime.metrics import Metrics
from tests.contract.api.belongings import Names, let_have
from tests.contract.api.conftest import KEYS, Api, bearer, fresh_system
from tests.contract.api.shards import SHARDS
from tests.unit.ingest.fakes import FakeKafka

EXAMPLES = 40
FAULT, UNAVAILABLE = 500, 503
CHECKS: list[CheckFunction] = [
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
ROUTES = [
    ("GET", "/healthz"),
    ("GET", "/metrics"),
    ("GET", "/readyz"),
    ("GET", "/v1/card-batches"),
    ("GET", "/v1/card-batches/{batch}"),
    ("GET", "/v1/control"),
    ("GET", "/v1/events/{source}/{id}"),
    ("GET", "/v1/holds/{hold}"),
    ("GET", "/v1/sessions"),
    ("GET", "/v1/sessions/{source}/{session}"),
    ("GET", "/v1/statistics/usage"),
    ("GET", "/v1/wallets"),
    ("GET", "/v1/wallets/{member}"),
    ("GET", "/v1/wallets/{member}/entries"),
    ("GET", "/v1/wallets/{member}/lots/{lot}"),
    ("GET", "/v1/wallets/{member}/mandates"),
    ("GET", "/v1/wallets/{member}/passes"),
    ("POST", "/v1/card-batches/{batch}/activations"),
    ("POST", "/v1/card-batches/{batch}/blocks"),
    ("POST", "/v1/card-batches/{batch}/unblocks"),
    ("POST", "/v1/clock"),
    ("POST", "/v1/events"),
    ("POST", "/v1/holds"),
    ("POST", "/v1/holds/{hold}/capture"),
    ("POST", "/v1/holds/{hold}/release"),
    ("POST", "/v1/sessions/{session}/authorize"),
    ("POST", "/v1/sessions/{session}/terminate"),
    ("POST", "/v1/sessions/{session}/update"),
    ("POST", "/v1/tariffs/{tariff}/quote"),
    ("POST", "/v1/transfers"),
    ("POST", "/v1/wallets/{member}/credits"),
    ("POST", "/v1/wallets/{member}/passes"),
    ("POST", "/v1/wallets/{member}/top-ups"),
    ("POST", "/v1/wallets/{member}/voucher-redemptions"),
    ("PUT", "/v1/wallets/{member}/freeze"),
    ("PUT", "/v1/wallets/{member}/mandates/{mandate}"),
    ("GET", "/v1/wallets/{member}/accounts"),
    ("GET", "/v1/wallets/{member}/withdrawals"),
    ("GET", "/v1/wallets/{member}/withdrawals/{number}"),
    ("POST", "/v1/wallets/{member}/withdrawals"),
    ("POST", "/v1/wallets/{member}/withdrawals/{number}/approve"),
    ("POST", "/v1/wallets/{member}/withdrawals/{number}/reject"),
    ("POST", "/v1/wallets/{member}/withdrawals/{number}/paid"),
    ("POST", "/v1/wallets/{member}/withdrawals/{number}/failed"),
    ("POST", "/v1/wallets/{member}/withdrawals/{number}/returned"),
    ("PUT", "/v1/wallets/{member}/accounts/{account}"),
    ("DELETE", "/v1/wallets/{member}/accounts/{account}"),
    ("DELETE", "/v1/wallets/{member}/freeze"),
    ("DELETE", "/v1/wallets/{member}/mandates/{mandate}"),
    ("DELETE", "/v1/wallets/{member}/passes/{number}"),
    ("DELETE", "/v1/wallets/{member}/tokens/{token}"),
]
# Nothing can be wrong in a request to these.
PLAIN = {"/healthz", "/metrics", "/readyz"}
ASKED = [
    pytest.param(method, path, mode, id=f"{method}-{path}-{mode.value}")
    for method, path in ROUTES
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or path not in PLAIN
]


class Server:
    """The app of the edge on one event loop, asked from a test that has none.

    Args:
        runner: Of the loop.
        http: Asks the app.
        app: Of both rooms.
        known: By path parameter, something that is there.
    """

    def __init__(
        self, runner: asyncio.Runner, http: httpx.AsyncClient, app: FastAPI, known: dict[str, str]
    ) -> None:
        self.http = http
        self.known = known
        self.schema = schemathesis.openapi.from_dict(app.openapi())
        self._runner = runner

    def answer(self, request: dict[str, Any], key: str) -> httpx.Response:
        """What a made request is answered.

        Args:
            request: As schemathesis gives it to the library ``requests``.
            key: Of this suite.
        """
        said = {**dict(request["headers"]), **bearer(key)}
        headers = [(str(name).encode(), str(each).encode()) for name, each in said.items()]
        asked = self.http.build_request(
            request["method"],
            request["url"],
            params=request.get("params"),
            headers=headers,
            cookies=request.get("cookies"),
            json=request.get("json"),
            content=request.get("data"),
        )
        return self._runner.run(self.http.send(asked))


def _app(api: Api) -> FastAPI:
    """The API and the intake in one app, as the edge serves them."""
    kafka, limits = FakeKafka(), IntakeLimits()
    intake = HttpIntake(
        keys=KEYS,
        collector=Collector(kafka, shards=SHARDS, limits=limits, metrics=Metrics()),
        publisher=kafka,
        stamps=Stamps(api.clock.wall_ms),
        shards=SHARDS,
        limits=limits,
        now_ms=api.clock.wall_ms,
    )
    app = create_app(api.services)
    app.include_router(router(intake))
    return app


@pytest.fixture(scope="module")
def server(redis_url: str) -> Iterator[Server]:
    """A system in which a tenant has one of everything."""
    with asyncio.Runner() as runner:
        parts = AsyncExitStack()
        api = runner.run(parts.enter_async_context(fresh_system(redis_url)))
        names = Names()
        hold = runner.run(let_have(api, names))
        app = _app(api)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="http://api")
        runner.run(parts.enter_async_context(client))
        known = {
            "member": names.member, "source": names.source, "session": names.session, "id": "e2",
            "mandate": names.mandate, "hold": hold["id"], "tariff": "club", "lot": "1",
            "batch": names.batch,
        }  # fmt: skip
        yield Server(runner, client, app, known)
        runner.run(parts.aclose())


def test_document_when_listed_then_each_of_its_routes_is_asked(server: Server) -> None:
    """A new route is asked too, or this fails."""
    paths = server.schema.raw_schema["paths"]
    told = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert told == {*ROUTES}


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path", "mode"), ASKED)
def test_route_when_asked_at_random_then_answers_as_the_document_says(
    server: Server, method: str, path: str, mode: GenerationMode
) -> None:
    """Requests that are allowed, and such as are not, to what is there and to what is not."""
    operation = server.schema[path][method]
    key = "tape" if path == "/v1/clock" else "operator"
    if method == "POST" and path.startswith("/v1/sessions/"):
        key = "player"

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    @given(operation.as_strategy(generation_mode=mode), st.booleans())
    def check(case: schemathesis.Case[Any], is_known: bool) -> None:  # noqa: FBT001 -- hypothesis gives it
        if is_known:
            for name in case.path_parameters or {}:
                case.path_parameters[name] = server.known.get(name, case.path_parameters[name])
        answer = server.answer(case.as_transport_kwargs(base_url="http://api"), key)
        assert answer.status_code < FAULT or answer.status_code == UNAVAILABLE, answer.text
        case.validate_response(answer, checks=CHECKS)

    check()
