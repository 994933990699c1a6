"""Member tokens at the edge: each claim wrong, each way of forging one, and what is kept."""

import base64
import hmac
from hashlib import sha256
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ingest.consent.gate import ConsentGate, KeysWanted, NoKeys
from ingest.consent.jwks import RETRY_MS, KeySets
from rating.catalogue import compile_catalogue
from runtime.faults import TransportFault
from schemas.catalogue import document_from_json
from schemas.cloudevent import event_from_cloudevent
from schemas.consent import Consent, ConsentTerms
from schemas.consent_rules import TokenKey
from schemas.errors import InvalidEvent
from schemas.moment import text_from_ms
from schemas.money import MICROS
from schemas.usage import UsageEvent
from tests.support.issuing import AUDIENCE, ISSUER, LIFETIME_S, Issuer, SigningKey
from tests.unit.ingest.fakes import NOW_MS

NOW_S = NOW_MS // 1_000
EDDSA, ES256, RS256 = SigningKey("ed"), SigningKey("ec", "ES256"), SigningKey("rsa", "RS256")
OTHER = SigningKey("ed")
ISSUED_S = NOW_S - 100


async def nobody(url: str) -> list[TokenKey]:
    """An issuer that gives no key."""
    raise AssertionError(f"{url} was asked")


def gate_of(*keys: SigningKey, require: str = "token", **rules: object) -> ConsentGate:
    """The gate of a tenant whose catalogue holds these keys."""
    tenant = {
        "id": "demo",
        "currency": "KRW",
        "tariffs": [{"id": "t", "components": [{"kind": "time", "price": "30"}]}],
        "contents": [
            {"id": "film", "provider": "kbs", "tariff": "t", "managers": ["boss"]},
            {"id": "trailer", "provider": "kbs", "tariff": "t", "consent": {"require": "none"}},
        ],
        "consent": {"require": require},
        "tokens": {
            "issuer": ISSUER, "audience": AUDIENCE, "keys": [key.jwk for key in keys], **rules,
        },
    }  # fmt: skip
    body = msgspec.json.encode({"tenants": [tenant]})
    catalogue = compile_catalogue(document_from_json(body))
    return ConsentGate(lambda: catalogue, KeySets(nobody, lambda: 0))


def said(
    token: str | None,
    *,
    kind: str = "session.start",
    at_s: int = NOW_S,
    gate: ConsentGate,
    recorded: bool = False,
    data: dict[str, object] | None = None,
) -> UsageEvent:
    """An event with a token, as the edge takes it in."""
    words: dict[str, object] = {"session": "s1", "content": "film", **(data or {})}
    if token is not None:
        words["consent"] = token
    event: dict[str, object] = {
        "id": "e1", "source": "vod", "type": kind, "subject": "kim", "data": words,
        "time": text_from_ms(at_s * 1_000),
    }  # fmt: skip
    return event_from_cloudevent(
        event,
        tenant="demo",
        received_at_ms=NOW_MS,
        recorded=recorded,
        allowance_past_ms=10**9,
        allowance_future_ms=10**9,
        consent_of=gate.consent_of,
    )


def refusal(token: str, gate: ConsentGate, *, recorded: bool = False) -> str:
    """Why an event is refused for its token."""
    with pytest.raises(InvalidEvent) as refused:
        said(token, gate=gate, recorded=recorded)
    assert refused.value.reason == "token-invalid"
    assert token not in refused.value.detail
    return refused.value.detail


@pytest.mark.parametrize("key", [EDDSA, ES256, RS256], ids=lambda key: key.algorithm)
def test_token_when_genuine_then_only_what_decides_goes_on(key: SigningKey) -> None:
    """Each algorithm that is taken verifies; id, times and limits are stamped on the event."""
    token = Issuer(key, ISSUED_S).token(
        ncash_max="12.50", ncash_contents=["film"], ncash_providers=["kbs"], ncash_sources=["vod"]
    )
    event = said(token, gate=gate_of(EDDSA, ES256, RS256))
    assert event.consent == Consent(
        "token",
        "j1",
        ConsentTerms(
            ("film",),
            ("kbs",),
            ("vod",),
            (ISSUED_S - 60) * 1_000,
            (ISSUED_S + LIFETIME_S + 60) * 1_000,
            12_500_000,
        ),
    )
    assert token.encode() not in msgspec.msgpack.encode(event)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"without": "iss"}, "'iss' is missing"),
    ({"without": "aud"}, "'aud' is missing"),
    ({"without": "sub"}, "'sub' is missing"),
    ({"without": "exp"}, "'exp' is missing"),
    ({"without": "iat"}, "'iat' is missing"),
    ({"without": "jti"}, "'jti' is missing"),
    ({"iss": "https://id.example.org"}, "iss is not"),
    ({"aud": "others"}, "aud does not hold"),
    ({"aud": ["others", "more"]}, "aud does not hold"),
    ({"sub": "lee"}, "sub is another member"),
    ({"sub": "kim "}, "sub is another member"),
    ({"jti": ""}, "jti is not"),
    ({"jti": "x" * 257}, "jti is not"),
    ({"exp": "soon"}, "exp is no time"),
    ({"exp": True}, "exp is no time"),
    ({"exp": -1}, "exp is no time"),
    ({"exp": 2**60}, "exp is no time"),
    ({"nbf": "now"}, "nbf is no time"),
    ({"iat": ISSUED_S + LIFETIME_S}, "from iat to exp it lives 0 s"),
    ({"exp": ISSUED_S + 86_401}, "from iat to exp it lives 86401 s"),
    ({"iat": NOW_S + 61}, "iat is ahead"),
    ({"nbf": NOW_S + 61}, "not valid yet"),
    ({"iat": NOW_S - 200, "exp": NOW_S - 61}, "had expired"),
    ({"ncash_max": 12}, "ncash_max is no amount"),
    ({"ncash_max": "-1"}, "ncash_max is no amount"),
    ({"ncash_max": "1e3"}, "ncash_max is no amount"),
    ({"ncash_max": "0.0000001"}, "ncash_max is no amount"),
    ({"ncash_max": None}, "ncash_max is no amount"),
    ({"ncash_contents": []}, "ncash_contents is no list"),
    ({"ncash_contents": "film"}, "ncash_contents is no list"),
    ({"ncash_providers": [7]}, "ncash_providers is no list"),
    ({"ncash_sources": ["x"] * 65}, "ncash_sources is no list"),
]


@pytest.mark.parametrize(("claims", "detail"), WRONG, ids=[str(each)[:50] for each, _ in WRONG])
def test_token_when_one_claim_is_wrong_then_is_refused_by_its_name(
    claims: dict[str, Any], detail: str
) -> None:
    """Every claim is checked; the sender is told which, and never shown the token."""
    assert detail in refusal(Issuer(EDDSA, ISSUED_S).token(**claims), gate_of(EDDSA))


RIGHT: list[dict[str, Any]] = [
    {"aud": ["others", AUDIENCE]}, {"nbf": NOW_S}, {"exp": float(NOW_S + 5)},
    {"iat": NOW_S + 60}, {"nbf": NOW_S + 60}, {"iat": NOW_S - 200, "exp": NOW_S - 59},
    {"exp": ISSUED_S + 86_400}, {"more": {"of": "theirs"}}, {"ncash_max": "0"},
]  # fmt: skip


@pytest.mark.parametrize("claims", RIGHT, ids=str)
def test_token_when_within_its_bounds_then_is_taken(claims: dict[str, Any]) -> None:
    """The leeway holds on both sides, several audiences may stand, others' claims are ignored."""
    event = said(Issuer(EDDSA, ISSUED_S).token(**claims), gate=gate_of(EDDSA))
    assert event.consent is not None


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).rstrip(b"=").decode()


def _forged(header: dict[str, object], secret: bytes) -> str:
    """A token whose signature is made of what everybody may know."""
    payload = Issuer(EDDSA, ISSUED_S).token().split(".")[1]
    text = f"{_encoded(header)}.{payload}"
    mac = hmac.new(secret, text.encode(), sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def _pem(key: SigningKey) -> bytes:
    public = key.private.public_key()
    return bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def forgeries() -> dict[str, str]:
    """Ways in which tokens are forged."""
    genuine = Issuer(EDDSA, ISSUED_S).token()
    head, payload, signature = genuine.split(".")
    richer = _encoded({**jwt.decode(genuine, options={"verify_signature": False}), "sub": "lee"})
    return {
        "alg none": f"{_encoded({'alg': 'none', 'kid': 'ed'})}.{payload}.",
        "alg None": f"{_encoded({'alg': 'None', 'kid': 'ed'})}.{payload}.",
        "alg none, signed": f"{_encoded({'alg': 'none', 'kid': 'ed'})}.{payload}.{signature}",
        "no alg": f"{_encoded({'kid': 'ed'})}.{payload}.{signature}",
        "HS256 of the public RSA key": _forged({"alg": "HS256", "kid": "rsa"}, _pem(RS256)),
        "HS256 of the public key": _forged({"alg": "HS256", "kid": "ed"}, _pem(EDDSA)),
        "RS256 named, HS256 made": _forged({"alg": "RS256", "kid": "rsa"}, _pem(RS256)),
        "another key's kid": Issuer(ES256, ISSUED_S).token(headers={"kid": "ed"}),
        "another key of that kid": Issuer(OTHER, ISSUED_S).token(),
        "unknown kid": Issuer(EDDSA, ISSUED_S).token(headers={"kid": "x"}),
        "kid of a file": Issuer(EDDSA, ISSUED_S).token(headers={"kid": "../../etc/passwd"}),
        "key brought along": Issuer(OTHER, ISSUED_S).token(headers={"jwk": OTHER.jwk}),
        "url brought along": Issuer(OTHER, ISSUED_S).token(headers={"jku": "https://e.example"}),
        "critical extension": Issuer(EDDSA, ISSUED_S).token(headers={"crit": ["exp"], "exp": 1}),
        "other payload": f"{head}.{richer}.{signature}",
        "no signature": f"{head}.{payload}.",
        "cut": genuine[:-4],
        "two parts": f"{head}.{payload}",
        "no token": "hello",
        "dots": "..",
        "payload is a list": f"{head}.{_encoded([1])}.{signature}",
        "deep": f"{base64.urlsafe_b64encode(b'[' * 5_000).decode()}.{payload}.{signature}",
    }


@pytest.mark.parametrize("name", forgeries())
def test_token_when_forged_then_is_refused(name: str) -> None:
    """Nothing that a token says of itself decides how it is verified."""
    refusal(forgeries()[name], gate_of(EDDSA, ES256, RS256))


def test_token_when_its_algorithm_is_not_taken_then_is_refused() -> None:
    """A tenant may take fewer algorithms than are known."""
    gate = gate_of(EDDSA, ES256, algorithms=["ES256"])
    assert "algorithm" in refusal(Issuer(EDDSA, ISSUED_S).token(), gate)
    assert said(Issuer(ES256, ISSUED_S).token(), gate=gate).consent is not None


def test_token_when_it_names_no_key_then_there_must_be_just_one() -> None:
    """Without a kid the only key of the algorithm is meant; of two none is."""
    token = jwt.encode(
        jwt.decode(Issuer(EDDSA, ISSUED_S).token(), options={"verify_signature": False}),
        EDDSA.private,
        algorithm="EdDSA",
    )
    assert said(token, gate=gate_of(EDDSA, ES256)).consent is not None
    assert "names no key" in refusal(token, gate_of(EDDSA, SigningKey("ed2")))


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_key_when_short_or_for_another_use_then_is_never_used() -> None:
    """An RSA key under 2,048 bits, one for encrypting, one that says another algorithm."""
    short = SigningKey("rsa", "RS256", bits=1_024)
    refusal(Issuer(short, ISSUED_S).token(), gate_of(EDDSA, short))
    for fault in ({"use": "enc"}, {"alg": "ES256"}, {"x": "!"}):
        bad = {**EDDSA.jwk, **fault}
        refusal(Issuer(EDDSA, ISSUED_S).token(), gate_of(ES256, keys=[ES256.jwk, bad]))


def test_token_when_its_session_may_have_consent_already_then_an_old_one_is_no_fault() -> None:
    """A server that sends the token with each event loses none when it has expired meanwhile."""
    old = Issuer(EDDSA, NOW_S - 10_000).token()
    event = said(old, kind="session.heartbeat", gate=gate_of(EDDSA))
    assert event.consent is not None
    assert event.consent.terms is not None
    assert (event.consent.terms.until_ms or 0) < NOW_MS
    refusal(old, gate_of(EDDSA))


def test_token_when_the_clock_is_recorded_then_is_judged_by_the_events_time() -> None:
    """A recording's tokens are as old as its events."""
    token = Issuer(EDDSA, ISSUED_S - 10**8).token()
    event = said(token, at_s=ISSUED_S - 10**8 + 5, recorded=True, gate=gate_of(EDDSA))
    assert event.consent is not None
    assert "had expired" in refusal(token, gate_of(EDDSA), recorded=True)


def test_token_when_the_tenant_takes_none_then_is_refused() -> None:
    """Where nobody says how tokens are verified, none is believed."""
    gate = gate_of(EDDSA)
    with pytest.raises(InvalidEvent, match="takes no member tokens"):
        gate.consent_of("x.y.z", msgspec.structs.replace(said(None, gate=gate), tenant="other"))
    unread = ConsentGate(lambda: None, KeySets(nobody, lambda: 0))
    with pytest.raises(NoKeys):
        unread.consent_of("x.y.z", said(None, gate=gate))


def test_event_when_sent_again_with_a_fresh_token_then_is_the_same_event() -> None:
    """A consent is no part of what happened, so a retry is recognised."""
    gate = gate_of(EDDSA)
    first = said(Issuer(EDDSA, ISSUED_S).token(), gate=gate)
    again = said(Issuer(EDDSA, ISSUED_S + 50).token(jti="j2"), gate=gate)
    assert first.digest == again.digest
    assert first.consent != again.consent


BEGINS: list[tuple[str, dict[str, object], bool]] = [
    ("session.start", {}, True),
    ("session.start", {"content": "trailer"}, False),
    ("session.start", {"content": "unknown"}, False),
    ("session.start", {"mandate": "m1"}, True),
    ("session.heartbeat", {}, False),
    ("item.use", {"item": "quiz"}, False),
    ("item.use", {"item": "quiz", "session": None}, True),
    ("usage.report", {"meters": {}, "session": None}, True),
]


@pytest.mark.parametrize(("kind", "data", "is_refused"), BEGINS)
def test_edge_when_consent_is_surely_missing_then_says_so_at_once(
    kind: str, data: dict[str, object], *, is_refused: bool
) -> None:
    """What only the shard can know is left to it; a mandate is no token where one is asked."""
    gate = gate_of(EDDSA)
    event = said(None, kind=kind, gate=gate, data=data)
    tenant = gate.asking("demo")
    assert tenant is not None
    if is_refused:
        with pytest.raises(InvalidEvent, match="consent-missing"):
            gate.check(event, tenant)
    else:
        gate.check(event, tenant)


def test_edge_when_a_manager_begins_then_asks_nothing() -> None:
    """A manager's own use is neither logged nor charged, so nobody has to agree to it."""
    gate = gate_of(EDDSA)
    tenant = gate.asking("demo")
    assert tenant is not None
    event = said(None, gate=gate, data={"role": "manager"})
    gate.check(msgspec.structs.replace(event, subject="boss"), tenant)
    with pytest.raises(InvalidEvent, match="consent-missing"):
        gate.check(event, tenant)


def test_gate_when_many_events_bring_one_token_then_verifies_it_once() -> None:
    """A token that comes with each event costs a look-up, and its refusal is kept as well."""
    gate = gate_of(EDDSA)
    token, bad = Issuer(EDDSA, ISSUED_S).token(), Issuer(EDDSA, ISSUED_S).token(aud="x")
    for _ in range(3):
        assert said(token, gate=gate).consent is not None
        refusal(bad, gate)
    [issuer] = gate._issuers.values()
    assert len(issuer.verified) == 2
    assert not any(token in str(each) for each in issuer.verified.items())


def test_amount_when_in_a_token_then_is_in_major_units() -> None:
    """The claim is text, as every amount that people or partners write."""
    event = said(Issuer(EDDSA, ISSUED_S).token(ncash_max="3"), gate=gate_of(EDDSA))
    assert event.consent is not None
    assert event.consent.terms is not None
    assert event.consent.terms.max_micros == 3 * MICROS


async def test_gate_when_a_key_is_fetched_then_its_tokens_count_and_a_withdrawn_ones_do_not() -> (
    None
):
    """An unknown key asks the issuer once; a token that was verified is judged by newer keys."""
    published, now = [EDDSA], [0]

    async def fetch(_: str) -> list[TokenKey]:
        return [msgspec.convert(key.jwk, TokenKey) for key in published]

    sets = KeySets(fetch, lambda: now[0])
    inner = gate_of(keys=[], jwks_url="https://id.example.com/jwks")
    gate = ConsentGate(inner._in_force, sets)
    token = Issuer(EDDSA, ISSUED_S).token()
    with pytest.raises(KeysWanted) as wanted:
        said(token, gate=gate)
    await gate.ask(wanted.value)
    assert said(token, gate=gate).consent is not None
    assert "kid names no key" in refusal(Issuer(ES256, ISSUED_S).token(), gate)
    now[0], published[:] = RETRY_MS, [ES256]
    with pytest.raises(KeysWanted) as wanted:
        said(Issuer(ES256, ISSUED_S).token(), gate=gate)
    await gate.ask(wanted.value)
    assert said(Issuer(ES256, ISSUED_S).token(), gate=gate).consent is not None
    assert "kid names no key" in refusal(token, gate)


async def test_gate_when_no_key_can_be_fetched_then_the_sender_is_asked_to_come_again() -> None:
    """An issuer that is away makes nothing invalid."""

    async def away(_: str) -> list[TokenKey]:
        raise TransportFault("away")

    inner = gate_of(keys=[], jwks_url="https://id.example.com/jwks")
    gate = ConsentGate(inner._in_force, KeySets(away, lambda: 0))
    with pytest.raises(KeysWanted) as wanted:
        said(Issuer(EDDSA, ISSUED_S).token(), gate=gate)
    await gate.ask(wanted.value)
    with pytest.raises(NoKeys):
        said(Issuer(EDDSA, ISSUED_S).token(), gate=gate)
