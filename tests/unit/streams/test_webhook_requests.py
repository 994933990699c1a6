"""Requests of webhooks over real HTTP: signatures, addresses, answers of every kind."""

import asyncio
import socket
import ssl

import pytest

from runtime.clock import SystemClock
from runtime.webhooks import Endpoint
from schemas.errors import InvalidDocument
from streams.webhooks.guard import AddressRefused, Guard
from streams.webhooks.ports import Failed, Pushed, PushLimits
from streams.webhooks.posting import HttpPoster
from streams.webhooks.signing import signed_headers
from tests.support.receiver import DROP, HANG, SECRET, documented_verify, receiving
from tests.unit.house.tree import ROOT

LIMITS = PushLimits(request_ms_max=10_000)
CERTIFICATE = ROOT / "tests" / "support" / "tls" / "tv.example.pem"
OTHER_SECRET = "whsec_" + "A" * 32
BODY = b'{"signal":"cut_off"}'
SIGNAL = Pushed(3, 7, "tv", "vod", "s", "ann", "3-41", 0, BODY)


def _endpoint(url: str, *secrets: str) -> Endpoint:
    return Endpoint("hooks", "tv", ("*",), url, secrets or (SECRET,))


async def _outcome(
    endpoint: Endpoint,
    guard: Guard | None = None,
    limits: PushLimits = LIMITS,
    tls: ssl.SSLContext | None = None,
) -> Failed | None:
    poster = HttpPoster(
        endpoint,
        guard=guard or Guard(()),
        clock=SystemClock(),
        limits=limits,
        tls=tls or ssl.create_default_context(),
    )
    try:
        return await poster.post(SIGNAL)
    finally:
        await poster.close()


def test_signature_when_made_then_is_the_specifications_own() -> None:
    """The vector that the specification's libraries are tested with."""
    [key] = _endpoint("https://tv.example", SECRET).keys()
    headers = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}', [key]
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize(
    ("change", "at_s", "is_good"),
    [
        ({}, 1_000, True),
        ({}, 1_301, False),
        ({"webhook-id": "0-2"}, 1_000, False),
        ({"webhook-timestamp": "1001"}, 1_000, False),
        ({"webhook-signature": "v1,AAAA v2,BBBB"}, 1_000, False),
    ],
)
def test_documented_code_when_a_request_was_changed_then_refuses_it(
    change: dict[str, str], at_s: int, *, is_good: bool
) -> None:
    """What the page shows takes ours, with either secret, and nothing that was touched."""
    keys = _endpoint("https://tv.example", OTHER_SECRET, SECRET).keys()
    headers = signed_headers("0-1", 1_000, BODY, keys) | change
    for secret in (SECRET, OTHER_SECRET):
        if is_good:
            documented_verify()(secret, headers, BODY, at_s)
            with pytest.raises(ValueError, match="signature"):
                documented_verify()(secret, headers, BODY + b" ", at_s)
        else:
            with pytest.raises(ValueError, match=r"signature|older"):
                documented_verify()(secret, headers, BODY, at_s)


async def test_request_when_taken_then_was_verified_and_names_its_signal() -> None:
    """The receiver sees the message's own bytes under its id."""
    with receiving() as receiver:
        assert await _outcome(_endpoint(receiver.url)) is None
        assert await _outcome(_endpoint(receiver.url.replace("127.0.0.1", "localhost"))) is None
    assert receiver.taken == ["3-41", "3-41"]
    assert receiver.bodies == [{"signal": "cut_off"}] * 2
    assert receiver.faults == []


@pytest.mark.parametrize(
    ("manners", "why"),
    [
        (200, None), (299, None), (302, "redirect"), (307, "redirect"), (400, "rejected"),
        (401, "rejected"), (404, "rejected"), (408, "status"), (429, "status"), (410, "gone"),
        (500, "status"), (503, "status"), (DROP, "connect"), (HANG, "timeout"),
    ],
)  # fmt: skip
async def test_answer_when_given_then_says_what_to_do(manners: int | str, why: str | None) -> None:
    """Success is 2xx alone; a redirect is never followed, a hanging receiver is left."""
    with receiving() as receiver:
        receiver.manners = manners
        limits = PushLimits(request_ms_max=300) if manners == HANG else LIMITS
        failed = await _outcome(_endpoint(receiver.url), limits=limits)
        assert (None if failed is None else failed.why) == why
        assert len(receiver.attempts) == 1


async def test_answer_when_endless_then_little_of_it_is_read() -> None:
    """A receiver that answers for ever costs what a short answer costs."""

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"1000\r\n" + b"x" * 4_096 + b"\r\n")
            try:
                await writer.drain()
            except ConnectionError:
                return

    server = await asyncio.start_server(endless, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await _outcome(_endpoint(f"http://127.0.0.1:{port}/")) is None
    server.close()


async def test_request_when_nobody_listens_then_fails_as_a_connection() -> None:
    """A closed port is an outcome, not an exception."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        failed = await _outcome(_endpoint(f"http://127.0.0.1:{bound.getsockname()[1]}/"))
    assert failed is not None
    assert failed.why == "connect"


async def test_request_when_https_then_the_certificate_is_checked_for_the_name() -> None:
    """The connection goes to the address that was checked; who is there proves the name."""
    guard = Guard(["tv.example", "other.example"], resolve=lambda _, __: ["127.0.0.1"])
    trusting = ssl.create_default_context(cafile=CERTIFICATE)
    with receiving(certificate=CERTIFICATE) as receiver:
        url = f"https://tv.example:{receiver.port}/hooks"
        assert await _outcome(_endpoint(url), guard, tls=trusting) is None
        assert receiver.hosts == [f"tv.example:{receiver.port}"]
        for wrong, tls in [(url.replace("tv.", "other."), trusting), (url, None)]:
            failed = await _outcome(_endpoint(wrong), guard, tls=tls)
            assert failed is not None
            assert "CERTIFICATE_VERIFY_FAILED" in failed.detail
    assert receiver.taken == ["3-41"]


async def test_request_when_its_host_turns_inward_then_nothing_is_connected() -> None:
    """A public name that resolves to our own network is not followed there."""
    with receiving() as receiver:
        inward = Guard((), resolve=lambda _, __: ["127.0.0.1", "10.0.0.1"])
        failed = await _outcome(_endpoint(f"https://tv.example:{receiver.port}/"), inward)
        assert failed == Failed("address", "tv.example has no address that may be reached")
        assert receiver.attempts == []
        allowed = Guard(["tv.example"], resolve=lambda _, __: ["127.0.0.1"])
        assert await _outcome(_endpoint(f"http://tv.example:{receiver.port}/"), allowed) is None


@pytest.mark.parametrize(
    ("url", "found", "address"),
    [
        ("https://tv.example/", ["93.184.215.14"], "93.184.215.14"),
        ("https://tv.example/", ["10.1.2.3", "93.184.215.14"], "93.184.215.14"),
        ("https://tv.example/", ["2606:2800:21f:cb07::1"], "2606:2800:21f:cb07::1"),
        ("https://tv.example/", ["169.254.169.254"], None),
        ("https://tv.example/", ["192.168.0.1", "172.16.0.1", "fd00::1", "::1"], None),
        ("https://tv.example/", ["::ffff:10.0.0.1", "::ffff:127.0.0.1"], None),
        ("https://tv.example/", ["100.64.0.1", "224.0.0.1", "0.0.0.0"], None),
        ("https://localhost/", ["10.0.0.1"], None),
        ("http://localhost/", ["::1"], "::1"),
        ("https://inside.example/", ["10.0.0.1"], "10.0.0.1"),
    ],
)
def test_guard_when_a_name_is_looked_up_then_only_fit_addresses_are_given(
    url: str, found: list[str], address: str | None
) -> None:
    """Private, shared, link-local, multicast and mapped addresses are no way out."""
    guard = Guard(["inside.example"], resolve=lambda _, __: found)
    if address is None:
        with pytest.raises(AddressRefused):
            guard.address(url)
    else:
        assert guard.address(url) == address


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("https://tv.example/", None),
        ("https://93.184.215.14/", None),
        ("http://127.0.0.1:8080/", None),
        ("http://localhost/", None),
        ("http://[::1]:80/", None),
        ("http://inside.example/", None),
        ("http://tv.example/", "http to tv.example"),
        ("https://10.0.0.1/", "no public address"),
        ("https://[fd00::1]/", "no public address"),
        ("https://169.254.169.254/latest", "no public address"),
        ("http://127.0.0.2/", "http to 127.0.0.2"),
        ("https://a..b/hook", "cannot be a host's name"),
        (f"https://{'a' * 64}.example/", "cannot be a host's name"),
        ("https://\N{SNOWMAN}.example/", "cannot be a host's name"),
    ],
)
def test_guard_when_a_url_is_registered_then_says_at_once_what_can_never_be(
    url: str, fault: str | None
) -> None:
    """A wrong URL stops the start instead of failing for a day."""
    guard = Guard(["Inside.example"])
    if fault is None:
        guard.check_url(url)
    else:
        with pytest.raises(InvalidDocument, match=fault):
            guard.check_url(url)
