"""Webhook endpoints: where signals of which sources go, and the secrets that sign them.

Invariant: a secret is in no ``repr``, no message and no log line; two endpoints never share an id.
It does not own which addresses may be reached (``streams.webhooks.guard``) nor what is sent.
"""

import re
from base64 import b64decode
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from runtime.keys import ANY_SOURCE
from schemas.errors import UNREADABLE, InvalidDocument
from schemas.ids import id_fault
from schemas.wallet_events import WalletEventKind

FILE_BYTES_MAX = 1024 * 1024
# Each endpoint reads for itself, with a connection to Kafka and a thread.
ENDPOINTS_MAX = 64
URL_CHARS_MAX = 2_048
SECRETS_MAX = 2
SECRET_PREFIX = "whsec_"  # noqa: S105 -- how the specification marks one, not one
SECRET_BYTES = range(24, 65)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Endpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One registered receiver.

    Args:
        id: Names it in metrics, logs and its consumer group; 1 to 64 letters, digits, ``._-``.
        tenant: Whose signals it gets.
        sources: Services whose signals it gets; ``*`` is any, none is no signals.
        url: ``https``, or ``http`` where that is allowed.
        secrets: One, or two while the receiver changes over: ``whsec_`` and 24 to 64 bytes in
            base64. Every request is signed with each.
        wallet_events: Kinds of events of wallets that it gets; ``*`` is any, none is no events.
    """

    id: str
    tenant: str
    sources: tuple[str, ...]
    url: str
    secrets: tuple[str, ...]
    wallet_events: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Without its secrets; nor does the URL's path belong into a log."""
        return f"Endpoint({self.id!r}, tenant={self.tenant!r})"

    def hears(self, tenant: str, source: str) -> bool:
        """Whether a signal is for it."""
        return tenant == self.tenant and (ANY_SOURCE in self.sources or source in self.sources)

    def hears_of_wallets(self, tenant: str, kind: str) -> bool:
        """Whether an event of a wallet is for it."""
        wanted = self.wallet_events
        return tenant == self.tenant and (ANY_SOURCE in wanted or kind in wanted)

    def keys(self) -> tuple[bytes, ...]:
        """The secrets' bytes."""
        return tuple(_secret(each) for each in self.secrets)


def endpoints_from_file(path: Path) -> tuple[Endpoint, ...]:
    """The endpoints of a JSON file: a list of ``Endpoint`` objects.

    Raises:
        InvalidDocument: The file is missing, too large, or not such a list; the message names the
            endpoint and the field, never a secret.
    """
    try:
        body = path.read_bytes()
    except OSError as error:
        raise InvalidDocument(f"webhooks file {path}: {error.strerror}") from error
    if len(body) > FILE_BYTES_MAX:
        raise InvalidDocument(f"webhooks file {path}: over {FILE_BYTES_MAX} bytes")
    try:
        endpoints = msgspec.json.decode(body, type=tuple[Endpoint, ...])
    except UNREADABLE as error:
        raise InvalidDocument(f"webhooks file {path}: {error}") from error
    return checked_endpoints(endpoints)


def checked_endpoints(endpoints: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
    """The same endpoints, each of them sound.

    Raises:
        InvalidDocument: One is not, or there are too many.
    """
    found = tuple(endpoints)
    if len(found) > ENDPOINTS_MAX:
        raise InvalidDocument(f"webhooks: {len(found)} endpoints; at most {ENDPOINTS_MAX}")
    known: set[str] = set()
    for place, endpoint in enumerate(found):
        _check(f"webhooks[{place}]", endpoint)
        if endpoint.id in known:
            raise InvalidDocument(f"webhooks[{place}].id: {endpoint.id!r} stands there twice")
        known.add(endpoint.id)
    return found


def _check(path: str, endpoint: Endpoint) -> None:
    if _ID.fullmatch(endpoint.id) is None:
        raise InvalidDocument(f"{path}.id: 1 to 64 letters, digits, '.', '_' or '-' are needed")
    for name, value in [("tenant", endpoint.tenant), *(("sources", s) for s in endpoint.sources)]:
        fault = id_fault(value)
        if fault is not None:
            raise InvalidDocument(f"{path}.{name} {fault}")
    if not endpoint.sources and not endpoint.wallet_events:
        raise InvalidDocument(
            f'{path}.sources is empty, and so is wallet_events; name services, or ["{ANY_SOURCE}"]'
        )
    for kind in endpoint.wallet_events:
        if kind not in {ANY_SOURCE, *WalletEventKind}:
            raise InvalidDocument(f"{path}.wallet_events: {kind!r} is no kind of event")
    fault = _url_fault(endpoint.url)
    if fault is not None:
        raise InvalidDocument(f"{path}.url {fault}")
    if not 1 <= len(endpoint.secrets) <= SECRETS_MAX:
        raise InvalidDocument(f"{path}.secrets: 1 to {SECRETS_MAX} are needed")
    for place, secret in enumerate(endpoint.secrets):
        try:
            _secret(secret)
        except ValueError as error:
            raise InvalidDocument(f"{path}.secrets[{place}]: {error}") from None


def _url_fault(url: str) -> str | None:
    if len(url) > URL_CHARS_MAX or not url.isprintable():
        return f"is longer than {URL_CHARS_MAX} characters, or holds unprintable ones"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        return f"cannot be read: {error}"
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return "is not https://host/path (http only where it is allowed)"
    if parts.username is not None or parts.password is not None or parts.fragment:
        return "holds a user, a password or a fragment; the signature says who sends"
    return None


def _secret(text: str) -> bytes:
    try:
        secret = b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        raise ValueError("it is not base64 behind 'whsec_'") from None
    if not text.startswith(SECRET_PREFIX) or len(secret) not in SECRET_BYTES:
        raise ValueError(
            f"it is not {SECRET_PREFIX!r} and {SECRET_BYTES.start} to {SECRET_BYTES.stop - 1} "
            "bytes in base64"
        )
    return secret
