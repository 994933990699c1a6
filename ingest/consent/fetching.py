"""One key set over HTTPS, from an address that a catalogue names.

Invariant: a catalogue cannot make this process ask something inside its own network: only https to
public addresses, unless an operator allows the host by name; the address that was judged is the one
that is connected to; no redirect is followed, and neither time nor size is without a bound.
"""

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx

from ingest.consent.keys import keys_in
from runtime.addresses import is_public
from runtime.faults import TransportFault
from schemas.consent_rules import TokenKey

FETCH_S = 2
BYTES_MAX = 64 * 1024
_PORTS = {"https": 443, "http": 80}

Fetch = Callable[[str], Coroutine[Any, Any, list[TokenKey]]]


class Fetcher:
    """Fetches key sets.

    Args:
        allowed: Hosts, or ``host:port``, that may be asked over http or at a private address.
    """

    def __init__(self, allowed: frozenset[str] = frozenset()) -> None:
        self._allowed = allowed
        # Reading the authorities takes long; once is enough.
        self._tls = ssl.create_default_context()

    async def __call__(self, url: str) -> list[TokenKey]:
        """The keys that a URL gives.

        Does not retry; safe to repeat.

        Raises:
            TransportFault: It may not be asked, does not answer in time, or gives no key set.
        """
        try:
            async with asyncio.timeout(FETCH_S):
                return keys_in(await self._body(url))
        except TimeoutError as error:
            raise TransportFault(f"{url} did not answer within {FETCH_S} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ssl.SSLError, ValueError) as error:
            raise TransportFault(f"{url}: {error}") from error

    async def _body(self, url: str) -> bytes:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        is_allowed = bool({host, f"{host}:{port}"} & self._allowed)
        if parts.scheme != "https" and not is_allowed:
            raise TransportFault(f"{url} is not https, and NCASH_JWKS_HOSTS does not allow {host}")
        address = await _address(host, port, is_allowed=is_allowed)
        pinned = httpx.URL(url).copy_with(host=address)
        chunks: list[bytes] = []
        async with (
            httpx.AsyncClient(
                verify=self._tls, timeout=FETCH_S, trust_env=False, follow_redirects=False
            ) as client,
            client.stream(
                "GET",
                pinned,
                headers={
                    "Host": parts.netloc,
                    "Accept": "application/json",
                    # What is unpacked could be far larger than what is counted.
                    "Accept-Encoding": "identity",
                },
                extensions={"sni_hostname": host},
            ) as answer,
        ):
            if answer.status_code != HTTPStatus.OK:
                raise TransportFault(f"{url} answers {answer.status_code}")
            async for chunk in answer.aiter_raw():
                chunks.append(chunk)
                if sum(map(len, chunks)) > BYTES_MAX:
                    raise TransportFault(f"{url} gives more than {BYTES_MAX} bytes")
        return b"".join(chunks)


async def _address(host: str, port: int, *, is_allowed: bool) -> str:
    """The address to connect to; all that the name stands for must be public."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port)
    addresses = [str(each[4][0]) for each in found]
    inside = [each for each in addresses if not is_public(ip_address(each))]
    if not addresses or (inside and not is_allowed):
        raise TransportFault(
            f"{host} is not a public address, and NCASH_JWKS_HOSTS does not allow it"
        )
    return addresses[0]
