"""Which addresses a webhook may reach: nothing inside our own network by mistake or by malice.

Invariant: what is connected to is the address that was checked, never the name again; so a name
that changes its mind between check and connection gains nothing. Plain HTTP goes to the loopback
and to hosts that the setting names, HTTPS to public addresses and to those.
"""

import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urlsplit

import httpx

from runtime.addresses import is_public
from schemas.errors import InvalidDocument, NcashError

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_PORTS = {"http": 80, "https": 443}
_Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]


class AddressRefused(NcashError):
    """The host has no address that may be reached."""


def addresses_of(host: str, port: int) -> list[str]:
    """The addresses of a host; blocks.

    Raises:
        OSError: It is unknown.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class Guard:
    """What may be reached.

    Args:
        allowed: Hosts that may have any address, also by plain HTTP.
        resolve: Addresses of a host.
    """

    def __init__(self, allowed: Iterable[str], resolve: Resolve = addresses_of) -> None:
        self._allowed = frozenset(host.lower() for host in allowed)
        self._resolve = resolve

    def check_url(self, url: str) -> None:
        """Refuse a URL that could never be reached.

        Raises:
            InvalidDocument: It is plain HTTP to a host that is not allowed, or names an address
                that is not, or a host that cannot be looked up.
        """
        try:
            httpx.URL(url).host.encode("idna")
        except (httpx.InvalidURL, UnicodeError) as error:
            raise InvalidDocument(f"its host cannot be a host's name: {error}") from error
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        if parts.scheme != "https" and host not in LOOPBACK_NAMES | self._allowed:
            raise InvalidDocument(
                f"http to {host}: use https, or name the host in NCASH_WEBHOOK_HOSTS"
            )
        literal = _ip(host)
        if literal is not None and not self._may(host, literal):
            raise InvalidDocument(
                f"{host} is no public address; name it in NCASH_WEBHOOK_HOSTS if it is meant"
            )

    def address(self, url: str) -> str:
        """The address to connect to for a URL; blocks while its host is looked up.

        Raises:
            AddressRefused: None of its addresses may be reached.
            OSError: The host is unknown.
        """
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        literal = _ip(host)
        if literal is not None:
            found = [str(literal)]
        else:
            found = list(self._resolve(host, parts.port or _PORTS[parts.scheme]))
        for text in found:
            address = _ip(text.partition("%")[0])
            if address is not None and self._may(host, address):
                return text
        raise AddressRefused(f"{host} has no address that may be reached")

    def _may(self, host: str, address: _Ip) -> bool:
        if host in self._allowed:
            return True
        return address.is_loopback if host in LOOPBACK_NAMES else is_public(address)


def _ip(host: str) -> _Ip | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
