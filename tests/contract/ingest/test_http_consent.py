"""Consent over HTTP: what the sender is told at once, and that no token goes further."""

import asyncio
import json

import httpx
import msgspec
import pytest

from ingest.consent.gate import SLICE_EVENTS, ConsentGate
from ingest.limits import IntakeLimits
from tests.support.issuing import Issuer, SigningKey
from tests.unit.ingest.fakes import LIVE_KEY, NOW_MS, NOW_TEXT, Edge, edge
from tests.unit.ingest.test_tokens import gate_of

KEY = SigningKey("ed")
ISSUER = Issuer(KEY, NOW_MS // 1_000 - 100)


@pytest.fixture
def where() -> Edge:
    """An edge whose tenant asks for a token or a mandate."""
    return edge(consents=gate_of(KEY, require="either"))


def start(number: int, **data: object) -> dict[str, object]:
    """The start of a session of its own."""
    return {
        "specversion": "1.0",
        "id": f"e-{number}",
        "source": "video-site",
        "type": "session.start",
        "subject": "kim",
        "time": NOW_TEXT,
        "data": {"session": f"s-{number}", "content": "film", **data},
    }


async def post(where: Edge, *events: dict[str, object]) -> httpx.Response:
    """Sends a batch."""
    transport = httpx.ASGITransport(where.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://edge") as client:
        return await client.post(
            "/v1/events",
            content=json.dumps(events),
            headers={"Authorization": f"Bearer {LIVE_KEY}"},
        )


async def test_batch_when_some_lack_consent_then_each_is_told_and_the_others_go_on(
    where: Edge,
) -> None:
    """The 202 names the refused ones; a genuine token and a mandate go on as what decides."""
    genuine, forged = ISSUER.token(), Issuer(SigningKey("ed"), ISSUER.issued_s).token()
    answer = await post(
        where,
        start(0, consent=genuine),
        start(1),
        start(2, consent=forged),
        start(3, mandate="films"),
        start(4, consent=ISSUER.token(sub="lee")),
        start(5, content="trailer"),
        start(6, consent=genuine, mandate="films"),
    )
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 3
    told = [(each["index"], each["reason"]) for each in answer.json()["rejected"]]
    assert told == [
        (1, "consent-missing"), (2, "token-invalid"), (4, "token-invalid"),
        (6, "attribute-invalid"),
    ]  # fmt: skip
    kinds = [each.consent and (each.consent.kind, each.consent.id) for each in where.kafka.events()]
    assert kinds == [("token", "j1"), ("mandate", "films"), None]


async def test_tokens_when_taken_or_refused_then_are_nowhere_in_kafka_nor_in_the_answer(
    where: Edge,
) -> None:
    """Frames, dead letters and answers hold no part of any signature."""
    tokens = [ISSUER.token(), ISSUER.token(aud="x"), Issuer(SigningKey("ed")).token()]
    answer = await post(where, *(start(n, consent=each) for n, each in enumerate(tokens)))
    torn = json.dumps([start(9, consent=tokens[0])]).encode()[:-40]
    transport = httpx.ASGITransport(where.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://edge") as client:
        await client.post(
            "/v1/events", content=torn, headers={"Authorization": f"Bearer {LIVE_KEY}"}
        )
    everything = answer.content + b"".join(each.value for each in where.kafka.messages)
    assert len(where.kafka.letters()) == 3
    for token in tokens:
        for part in token.split("."):
            assert part.encode() not in everything
    assert msgspec.json.decode(where.kafka.letters()[0].body)["data"]["consent"] == "(removed)"


async def test_event_when_its_keys_cannot_be_had_then_503_and_nothing_is_taken() -> None:
    """A sender keeps what cannot be judged yet; its neighbours in the request too."""
    unread = ConsentGate(lambda: None, gate_of(KEY)._sets)
    where = edge(consents=unread)
    answer = await post(where, start(0, mandate="m"), start(1, consent=ISSUER.token()))
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert where.kafka.messages == []


async def test_request_when_full_of_tokens_then_others_are_answered_meanwhile(where: Edge) -> None:
    """Tokens are verified in slices; each is judged once, and refused by its own place."""
    forging, count = Issuer(SigningKey("ed"), ISSUER.issued_s), 40 * SLICE_EVENTS
    forged = [start(n, consent=forging.token(jti=f"j{n}")) for n in range(count)]
    order: list[str] = []

    async def sent(name: str, *events: dict[str, object]) -> httpx.Response:
        answer = await post(where, *events)
        order.append(name)
        return answer

    full, other = await asyncio.gather(
        sent("full", *forged), sent("other", start(count, mandate="films"))
    )
    assert order == ["other", "full"]
    assert other.json()["accepted"] == 1
    assert [each["index"] for each in full.json()["rejected"]] == list(range(count))


async def test_request_when_its_tokens_take_too_long_then_503_and_nothing_is_taken() -> None:
    """What a request may cost is bounded; its sender keeps it, and is told to send less."""
    where = edge(IntakeLimits(verify_ms_max=0), consents=gate_of(KEY, require="either"))
    answer = await post(where, start(0, consent=ISSUER.token()))
    assert answer.status_code == 503
    assert "smaller requests" in answer.json()["detail"]
    assert where.kafka.messages == []
