"""Key sets by URL: fetched in bounds, rotated, used on while their issuer is away."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable

import pytest

from ingest.consent.fetching import BYTES_MAX, Fetcher
from ingest.consent.jwks import FRESH_MS, PATIENCE_MS, RETRY_MS, STALE_MS, KeySets
from ingest.consent.keys import keys_in
from runtime.faults import TransportFault
from schemas.consent_rules import TokenKey
from tests.support.issuing import Issuer, SigningKey

URL = "https://id.example.com/jwks.json"
OLD, NEW = SigningKey("old"), SigningKey("new")


def test_key_set_when_it_nests_without_end_then_it_is_none() -> None:
    """What an issuer says is a key set or none, whatever it is."""
    with pytest.raises(ValueError, match="no JWKS"):
        keys_in(b'{"more":' + b"[" * 100_000)


class Publisher:
    """An issuer at the port of fetching, with a clock."""

    def __init__(self, *keys: SigningKey) -> None:
        self.keys = list(keys)
        self.asked = 0
        self.is_away = False
        self.now_ms = 0
        self.sets = KeySets(self.fetch, lambda: self.now_ms)

    async def fetch(self, url: str) -> list[TokenKey]:
        """See ``ingest.consent.fetching.Fetch``."""
        assert url == URL
        self.asked += 1
        await asyncio.sleep(0)
        if self.is_away:
            raise TransportFault("away")
        return keys_in(Issuer.key_set(*self.keys))

    def knows(self, kid: str) -> bool:
        """Whether a key can be verified with now."""
        known = self.sets.at(URL)
        return known is not None and bool(known.matching(kid, "EdDSA"))


async def test_key_set_when_rotated_then_both_keys_count_while_both_are_published() -> None:
    """A new key counts once it is fetched; the old one until it is no longer published."""
    issuer = Publisher(OLD)
    await issuer.sets.ask(URL)
    assert (issuer.knows("old"), issuer.knows("new")) == (True, False)
    issuer.keys, issuer.now_ms = [OLD, NEW], RETRY_MS
    await issuer.sets.ask(URL)
    assert (issuer.knows("old"), issuer.knows("new")) == (True, True)
    issuer.keys, issuer.now_ms = [NEW], 2 * RETRY_MS
    await issuer.sets.ask(URL)
    assert (issuer.knows("old"), issuer.knows("new")) == (False, True)


async def test_key_set_when_asked_for_often_then_is_fetched_seldom() -> None:
    """Unknown keys cannot make us ask an issuer more than once in a while, nor twice at once."""
    issuer = Publisher(OLD)
    await asyncio.gather(*(issuer.sets.ask(URL) for _ in range(5)))
    for _ in range(5):
        assert not issuer.sets.may_ask(URL)
        await issuer.sets.ask(URL)
    assert issuer.asked == 1
    issuer.now_ms = RETRY_MS
    assert issuer.sets.may_ask(URL)


async def test_key_set_when_its_issuer_is_away_then_is_used_on_for_a_day() -> None:
    """Stale keys are better than none, but not for ever; an empty set replaces nothing."""
    issuer = Publisher(OLD)
    await issuer.sets.ask(URL)
    issuer.is_away, issuer.now_ms = True, FRESH_MS
    await issuer.sets.keep_fresh([URL])
    assert (issuer.asked, issuer.knows("old")) == (2, True)
    issuer.is_away, issuer.keys, issuer.now_ms = False, [], 2 * FRESH_MS
    await issuer.sets.keep_fresh([URL])
    assert issuer.knows("old")
    issuer.now_ms = STALE_MS
    assert not issuer.knows("old")


async def test_issuer_when_away_with_no_key_known_then_is_waited_for_no_longer_than_named() -> None:
    """From its first asking, or from when its last keys became too old; keys begin it anew."""
    issuer = Publisher(OLD)
    assert not issuer.sets.has_patience(URL)
    issuer.is_away = True
    await issuer.sets.ask(URL)
    issuer.now_ms = PATIENCE_MS - 1
    assert issuer.sets.has_patience(URL)
    issuer.now_ms = PATIENCE_MS
    assert not issuer.sets.has_patience(URL)
    issuer.is_away = False
    await issuer.sets.ask(URL)
    issuer.now_ms += STALE_MS
    assert issuer.sets.has_patience(URL)
    issuer.now_ms += PATIENCE_MS
    assert not issuer.sets.has_patience(URL)


async def test_key_sets_when_kept_fresh_then_only_those_that_are_named_stay() -> None:
    """A catalogue that names another URL lets go of the old one's keys."""
    issuer = Publisher(OLD)
    await issuer.sets.keep_fresh([URL])
    await issuer.sets.keep_fresh([URL])
    assert (issuer.asked, issuer.knows("old")) == (1, True)
    await issuer.sets.keep_fresh([])
    assert issuer.sets.at(URL) is None


def test_key_set_when_one_key_cannot_be_read_then_the_others_can() -> None:
    """What is no key set is told; a strange key in one harms nobody."""
    [key] = keys_in(b'{"keys": [{"kty": 5}, {"kty": "RSA", "n": "x", "e": "AQAB"}]}')
    assert key.kty == "RSA"
    for body in (b"", b"[]", b'{"keys": 5}', b"\xff"):
        with pytest.raises(ValueError, match="no JWKS"):
            keys_in(body)


Answer = Callable[[], bytes]


@pytest.fixture
async def served() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server on the loopback that gives what the list holds, whatever is asked."""
    answers: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answers[0])
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield port, answers
    server.close()
    await server.wait_closed()


def _http(body: bytes, status: bytes = b"200 OK", more: bytes = b"") -> bytes:
    length = str(len(body)).encode()
    return (
        b"HTTP/1.1 " + status + b"\r\n" + more + b"Content-Length: " + length + b"\r\n\r\n" + body
    )


async def test_fetcher_when_an_operator_allows_the_host_then_asks_it_over_http(
    served: tuple[int, list[bytes]],
) -> None:
    """A host that is named may be inside, and without TLS; the keys come as they are."""
    port, answers = served
    answers.append(_http(Issuer.key_set(OLD, NEW)))
    fetch = Fetcher(frozenset({f"127.0.0.1:{port}"}))
    assert [key.kid for key in await fetch(f"http://127.0.0.1:{port}/jwks")] == ["old", "new"]


REFUSED: list[tuple[bytes, str]] = [
    (_http(b"{}", b"404 Not Found"), "answers 404"),
    (_http(b"", b"302 Found", b"Location: http://127.0.0.1/\r\n"), "answers 302"),
    (_http(b"x" * (BYTES_MAX + 1)), "more than"),
    (_http(b"no keys"), "no JWKS"),
    (b"nonsense\r\n\r\n", "illegal|protocol|status line"),
]


@pytest.mark.parametrize(("answer", "fault"), REFUSED)
async def test_fetcher_when_the_answer_is_unfit_then_is_a_fault(
    served: tuple[int, list[bytes]], answer: bytes, fault: str
) -> None:
    """Another status, a redirect, too much, or no key set."""
    port, answers = served
    answers.append(answer)
    with pytest.raises(TransportFault, match=fault):
        await Fetcher(frozenset({"127.0.0.1"}))(f"http://127.0.0.1:{port}/jwks")


INSIDE = ["http://127.0.0.1/jwks", "https://127.0.0.1/jwks", "https://[::1]/jwks",
          "https://10.0.0.8/jwks", "https://169.254.169.254/latest", "https://localhost/jwks",
          "http://93.184.215.14/jwks", "https://[::ffff:127.0.0.1]/jwks",
          "https://0.0.0.0/jwks"]  # fmt: skip


@pytest.mark.parametrize("url", INSIDE)
async def test_fetcher_when_a_catalogue_names_an_inner_address_then_asks_nobody(url: str) -> None:
    """Neither our own network nor an unencrypted line is asked unless an operator allows it."""
    with pytest.raises(TransportFault, match=r"not https|not a public address"):
        await Fetcher(frozenset({"other.example"}))(url)


async def test_fetcher_when_the_certificate_is_not_the_hosts_then_is_a_fault(
    served: tuple[int, list[bytes]],
) -> None:
    """An allowed host is verified as any other where it says https."""
    port, answers = served
    answers.append(b"")
    assert ssl.create_default_context().check_hostname
    with pytest.raises(TransportFault):
        await Fetcher(frozenset({"127.0.0.1"}))(f"https://127.0.0.1:{port}/jwks")
