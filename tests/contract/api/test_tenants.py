"""Every route and topic, asked with another tenant's key for what a tenant has.

Two systems are alike but for the names of what the tenant ``tv`` has there; ``fm`` asks both for
the names of the first. What it is answered must not differ by a letter, so nothing of ``tv`` shows
in it; and what ``tv`` has must be afterwards what it was, byte for byte.
"""

from typing import Any, cast

import msgspec

from api.app import create_app
from api.control.hub import ControlHub, ControlMessage
from ingest.forward import Forwarder, RawMessage
from ingest.joining import Joining
from ingest.limits import IntakeLimits
from runtime.webhooks import Endpoint
from schemas.frames import UsageFrame, decode_record
from schemas.holds import hold_name
from schemas.ids import SEPARATOR, shard_of
from shard.redis_store import Client, open_redis
from tests.contract.api.belongings import SERIALS, TERMS, Names, let_have
from tests.contract.api.carding import pins
from tests.contract.api.conftest import KEYS, Api, bearer, fresh_system
from tests.contract.api.shards import NOW_MS, SHARDS

OWNER, STRANGER = "tv", "fm"
OPEN = {"/healthz", "/readyz", "/metrics"}


def _beside(member: str) -> str:
    """Another member of the same shard, whose name is as long."""
    shard = shard_of(OWNER, member, SHARDS)
    others = (f"{member[0]}{first}{last}" for first in "xyz" for last in "abcdefghijk")
    return next(other for other in others if shard_of(OWNER, other, SHARDS) == shard)


ASKED = Names()
OTHER = Names(_beside("ann"), _beside("bob"), "tap", "z1", "z0", "clips", "jti-2", "joke", "winter")


def _questions(names: Names, hold: str) -> list[tuple[str, str, str, Any]]:
    """Method, template, path and body of a request to every route, reads before and after."""
    money = {"amount": "1", "currency": "USD"}
    member = f"/v1/wallets/{names.member}"
    by_member = "/v1/wallets/{member}"
    event_path = f"/v1/events/{names.source}/e2"
    session = f"/v1/sessions/{names.source}/{names.session}"
    reads = [
        ("/v1/wallets", "/v1/wallets"),
        (by_member, member),
        (f"{by_member}/entries", f"{member}/entries"),
        (f"{by_member}/entries", f"{member}/entries?lot=1"),
        *((f"{by_member}/lots/{{lot}}", f"{member}/lots/{lot}") for lot in range(1, 8)),
        (f"{by_member}/passes", f"{member}/passes"),
        (f"{by_member}/mandates", f"{member}/mandates"),
        ("/v1/sessions", "/v1/sessions"),
        ("/v1/sessions", f"/v1/sessions?subject={names.member}"),
        ("/v1/sessions", "/v1/sessions?state=live"),
        ("/v1/sessions/{source}/{session}", session),
        ("/v1/sessions/{source}/{session}", f"{session}?subject={names.member}"),
        ("/v1/sessions/{source}/{session}", f"/v1/sessions/{names.source}/{names.closed}"),
        ("/v1/control", "/v1/control"),
        ("/v1/statistics/usage", "/v1/statistics/usage?by=member,content"),
        ("/v1/statistics/usage", f"/v1/statistics/usage?member={names.member}"),
        ("/v1/events/{source}/{id}", event_path),
        ("/v1/events/{source}/{id}", f"{event_path}?subject={names.member}"),
        ("/v1/holds/{hold}", f"/v1/holds/{hold}"),
        ("/v1/card-batches", "/v1/card-batches"),
        ("/v1/card-batches/{batch}", f"/v1/card-batches/{names.batch}"),
        *((each, each) for each in sorted(OPEN)),
    ]
    asked = [("GET", template, path, None) for template, path in reads]
    quote = {"content": "news", "duration_s": 10, "subject": names.member}
    terms = {**TERMS, "sources": [names.source]}
    moved = {"from": names.member, "to": names.friend, **money}
    place = {"member": names.member, "valid_for_s": 60, **money}
    pass_ = {"content": "club", "period": "day"}
    mandate = f"mandates/{names.mandate}"
    by_session, theirs = "/v1/sessions/{session}", f"/v1/sessions/{names.session}"
    asks = {"source": names.source, "subject": names.member, "content": "news"}
    writes: list[tuple[str, str, str, Any]] = [
        ("POST", "/v1/tariffs/{tariff}/quote", "/v1/tariffs/club/quote", quote),
        ("POST", f"{by_member}/passes", f"{member}/passes", pass_),
        ("DELETE", f"{by_member}/passes/{{number}}", f"{member}/passes/0-1", None),
        ("DELETE", f"{by_member}/tokens/{{token}}", f"{member}/tokens/{names.token}", None),
        ("DELETE", f"{by_member}/mandates/{{mandate}}", f"{member}/{mandate}", None),
        ("POST", "/v1/holds/{hold}/capture", f"/v1/holds/{hold}/capture", {"amount": "1"}),
        ("POST", "/v1/holds/{hold}/release", f"/v1/holds/{hold}/release", None),
        *(
            ("POST", f"{by_session}/{what}", f"{theirs}/{what}", asks)
            for what in ("authorize", "update", "terminate")
        ),
        ("POST", "/v1/transfers", "/v1/transfers", moved),
        ("POST", "/v1/holds", "/v1/holds", place),
        ("PUT", f"{by_member}/freeze", f"{member}/freeze", {"reason": "theirs"}),
        ("DELETE", f"{by_member}/freeze", f"{member}/freeze", None),
        ("PUT", f"{by_member}/mandates/{{mandate}}", f"{member}/{mandate}", terms),
        ("POST", f"{by_member}/top-ups", f"{member}/top-ups", money),
        ("POST", f"{by_member}/credits", f"{member}/credits", {"bucket": "points", **money}),
    ]
    return [*asked, *writes, *_of_cards(names), *_of_withdrawals(names), *asked]


def _of_cards(names: Names) -> list[tuple[str, str, str, Any]]:
    """Orders about a batch, and a redemption of one of its PINs."""
    batch, own = "/v1/card-batches/{batch}", f"/v1/card-batches/{names.batch}"
    redeem = "/v1/wallets/{}/voucher-redemptions"
    voucher = {"pin": pins(1)[0]}
    return [
        *(
            ("POST", f"{batch}/{order}", f"{own}/{order}", SERIALS)
            for order in ("activations", "blocks", "unblocks")
        ),
        ("POST", redeem.format("{member}"), redeem.format(names.member), voucher),
    ]


def _of_withdrawals(names: Names) -> list[tuple[str, str, str, Any]]:
    """Every route of withdrawals and accounts."""
    by_member, member = "/v1/wallets/{member}", f"/v1/wallets/{names.member}"
    asks = {"account": "psp-31", "amount": "1", "currency": "USD"}
    by_account, account = f"{by_member}/accounts/{{account}}", f"{member}/accounts/psp-31"
    steps: list[tuple[str, Any]] = [
        ("approve", None),
        ("paid", {"reference": "bank"}),
        *((step, {"reason": "theirs"}) for step in ("reject", "failed", "returned")),
    ]
    each = f"{by_member}/withdrawals/{{number}}"
    return [
        ("GET", f"{by_member}/accounts", f"{member}/accounts", None),
        ("GET", f"{by_member}/withdrawals", f"{member}/withdrawals", None),
        ("GET", each, f"{member}/withdrawals/1", None),
        ("DELETE", by_account, account, None),
        *(
            ("POST", f"{each}/{step}", f"{member}/withdrawals/1/{step}", body)
            for step, body in steps
        ),
        ("POST", f"{by_member}/withdrawals", f"{member}/withdrawals", asks),
        ("PUT", by_account, account, {"proved": False}),
    ]


async def _stored(client: Client) -> dict[bytes, bytes]:
    """All that Redis has of the owner, by key and field."""
    found: dict[bytes, bytes] = {}
    async for key in client.scan_iter():
        if await client.type(key) == b"hash":
            fields = cast("dict[bytes, bytes]", await client.hgetall(key))
            for field, value in fields.items():
                if field.startswith(f"{OWNER}{SEPARATOR}".encode()):
                    found[bytes(key) + b" " + field] = value
    return found


def _ledger(api: Api) -> list[object]:
    """All that the warehouse has of the owner."""
    house = api.warehouse
    return [
        [row for tenant, row in house._entries if tenant == OWNER],
        [line for tenant, line in house._lines if tenant == OWNER],
        [cdr for cdr in house._cdrs if cdr.tenant == OWNER],
        [usage for usage in house._usages if usage.usage.tenant == OWNER],
        [letter for letter in house._dead if letter.tenant == OWNER],
    ]


async def _answers(redis_url: str, names: Names) -> tuple[list[object], list[str]]:
    """What the stranger is answered where the owner's things have these names."""
    async with fresh_system(redis_url) as api:
        hold = await let_have(api, names)
        client = open_redis(redis_url)
        before, ledger = await _stored(client), _ledger(api)
        assert len(before) > 6
        assert all(ledger[:4])
        given: list[object] = []
        texts: list[str] = []
        wanted = hold_name(ASKED.member, int(hold["id"].partition(".")[0]))
        for number, (method, _, path, body) in enumerate(_questions(ASKED, wanted)):
            headers = bearer("other") | {"Idempotency-Key": f"own-{method}-{path}-{number}"}
            answer = await api.http.request(method, path, json=body, headers=headers)
            given.append((method, path, answer.status_code, _said(answer.text)))
            texts.append(answer.text)
        assert await _stored(client) == before
        assert _ledger(api) == ledger
        await client.aclose()
    return given, texts


def _said(text: str) -> str:
    """An answer's text without when and how long it was."""
    timed = ("_seconds", "_created")
    return "\n".join(line for line in text.splitlines() if not any(w in line for w in timed))


async def test_stranger_when_it_asks_every_route_then_sees_and_changes_nothing(
    redis_url: str,
) -> None:
    """Whether the tenant has what another asks for changes no answer and no byte of it."""
    here, texts = await _answers(redis_url, ASKED)
    there, _ = await _answers(redis_url, OTHER)
    for one, other in zip(here, there, strict=True):
        assert one == other
    assert not [text for text in texts if ASKED.word in text or OTHER.word in text]


async def test_owner_when_it_asks_the_same_then_what_it_has_is_seen(redis_url: str) -> None:
    """The names that the stranger asks for are there: with the owner's key most are found."""
    async with fresh_system(redis_url) as api:
        hold = await let_have(api, ASKED)
        found = []
        for method, template, path, body in _questions(ASKED, hold["id"]):
            if method == "GET" and template not in OPEN:
                answer = await api.http.request(method, path, json=body, headers=bearer("operator"))
                found.append((answer.status_code, path))
        missing = [path for status, path in found if status != 200]
        assert len(missing) < len(found) // 3
        assert not {"/v1/wallets/ann", f"/v1/holds/{hold['id']}", "/v1/events/vod/e2"} & {*missing}


async def test_routes_when_listed_then_each_is_walked(api: Api) -> None:
    """A new route has a row in the walk, or this fails."""
    told = create_app(api.services).openapi()["paths"]
    routes = {(method.upper(), path) for path, methods in told.items() for method in methods}
    walked = {(method, template) for method, template, _, _ in _questions(ASKED, "1.x")}
    assert routes <= walked | {("GET", path) for path in OPEN}


async def test_idempotency_key_when_another_tenant_has_used_it_then_it_is_free(api: Api) -> None:
    """A stored result is of its tenant; a stranger with the same key and member is a new caller."""
    own = await api.top_up("1000", name="same")
    other = await api.http.post(
        "/v1/wallets/ann/top-ups",
        json={"amount": "7", "currency": "USD"},
        headers=bearer("other") | {"Idempotency-Key": "same"},
    )
    assert (own.status_code, other.status_code) == (201, 201)
    assert "idempotency-replayed" not in other.headers
    assert (await api.get("/v1/wallets/ann")).json()["posted_micros"] == 1_000_000_000


async def _heard(key: str, messages: list[ControlMessage]) -> list[ControlMessage]:
    hub = ControlHub()
    hub.begin([0] * SHARDS)
    caller = KEYS.authenticate(f"Bearer secret-{key}")
    assert caller is not None
    listener = hub.join(caller, None)
    hub.take(messages)
    return listener.taken()


async def test_control_topic_when_a_stranger_listens_then_hears_nothing() -> None:
    """Signals are handed to keys of their tenant only, and pushed to its endpoints only."""
    signals = [ControlMessage(0, 0, OWNER, "vod", b"{}"), ControlMessage(0, 1, "", "", b"?")]
    assert await _heard("other", signals) == []
    assert await _heard("player", signals) == signals[:1]
    own, strange = (
        Endpoint(id=tenant, tenant=tenant, url="https://a.example", sources=("*",), secrets=())
        for tenant in (OWNER, STRANGER)
    )
    assert own.hears(OWNER, "vod")
    assert not strange.hears(OWNER, "vod")


async def test_raw_topic_when_an_event_names_another_tenant_then_it_is_of_its_key() -> None:
    """Nothing that a sender writes makes its event one of another tenant."""
    said = {
        "id": "e2", "source": "vod", "type": "session.stop", "subject": "ann",
        "time": "2027-01-15T08:00:00Z", "tenant": OWNER, "ncashkeyid": "operator",
        "data": {"session": "s1", "tenant": OWNER},
    }  # fmt: skip
    message = RawMessage(
        topic="usage.raw.v1", partition=0, offset=0, appended_at_ms=NOW_MS,
        headers=[("ncash-key-id", b"other"), ("ncash-key-id", b"operator")],
        value=msgspec.json.encode(said),
    )  # fmt: skip
    forwarder = Forwarder(KEYS, Joining("usage.raw.v1", 1), shards=SHARDS, limits=IntakeLimits())
    [sent] = forwarder.forwarded([message], partitions=[0]).messages
    frame = decode_record(sent.value)
    assert isinstance(frame, UsageFrame)
    assert [each.tenant for each in frame.events] == [STRANGER]
    assert sent.partition == shard_of(STRANGER, "ann", SHARDS)
