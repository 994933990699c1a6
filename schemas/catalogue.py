"""The catalogue: what is on sale, for how much, to whom, as one immutable document.

Invariant: a body is named by its digest and never changes; which one decides is said by numbered
records in every shard's log. Amounts are decimal text in major units, as people write them.
"""

from hashlib import sha256
from typing import Literal

import msgspec

from schemas.errors import InvalidDocument
from schemas.money import PPM

CATALOGUE_BYTES_MAX = 4 * 1024 * 1024


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the catalogue's parts: a misspelt field is an error, never ignored."""


class TimePrice(Document, frozen=True, tag="time", tag_field="kind"):
    """Price of the session's length, from its first to its last event.

    Args:
        price: For ``per_s`` seconds.
        per_s: Seconds that the price is for.
        first_s: First increment: every session is charged at least this long.
        next_s: Later increments; started ones are charged whole (60/60, 30/6, 1/1).
        free_s: Seconds at the start that cost nothing.
        minimum: Least amount once anything is charged for time.
    """

    price: str
    per_s: int = 60
    first_s: int = 1
    next_s: int = 1
    free_s: int = 0
    minimum: str = "0"


class VolumePrice(Document, frozen=True, tag="volume", tag_field="kind"):
    """Price of one meter's total.

    Args:
        meter: The meter's name.
        price: For ``per`` units; may be far finer than a micro-unit a unit.
        per: Units that the price is for.
        free: Units at the start that cost nothing.
    """

    meter: str
    price: str
    per: int = 1
    free: int = 0


class ItemPrice(Document, frozen=True, tag="item", tag_field="kind"):
    """Price of each item used.

    Args:
        prices: Price by item id.
        other: Price of an item that is not named; without it such items are free.
    """

    prices: dict[str, str] = {}
    other: str | None = None


class PagePrice(Document, frozen=True, tag="page", tag_field="kind"):
    """Price of each page move.

    Args:
        price: Of one move.
        direction: ``forward`` counts forward moves and jumps, ``both`` backward ones too.
    """

    price: str
    direction: Literal["forward", "both"] = "forward"


class FlatPrice(Document, frozen=True, tag="flat", tag_field="kind"):
    """A pass: the first use in a period costs this, further use in it nothing.

    Args:
        price: Of one pass.
        period: Calendar period in the content's time zone.
    """

    price: str
    period: Literal["day", "week", "month"]


Component = TimePrice | VolumePrice | ItemPrice | PagePrice | FlatPrice


class Silence(Document, frozen=True):
    """What it means when a session is not heard of.

    Args:
        timeout_s: Covered silence after which the session has ended.
        means: Its cause: ``network`` is abnormal, ``idle`` is not.
        pays: What a vanished session is charged: to its last event, half an interval more, nothing.
        interval_s: The heartbeat interval that senders are asked to keep.
        later: What an event after the end does: reopens it, or begins a new incarnation.
    """

    timeout_s: int = 90
    means: Literal["network", "idle"] = "network"
    pays: Literal["last_event", "half_interval", "nothing"] = "last_event"
    interval_s: int = 30
    later: Literal["reopens", "new_incarnation"] = "reopens"


class Tariff(Document, frozen=True):
    """Price rules: the sum of its components.

    Args:
        id: Unique within the tenant.
        components: Each of its own kind; combined by adding.
        provider_ppm: The provider's part of each charge, in parts per million.
        rounding: How a running total that is finer than a micro-unit is rounded.
        low_balance: What a member may still spend when the low-balance signal goes out.
        silence: Timeout rules.
        charge_errors: Whether a session that ended in an error is charged.
    """

    id: str
    components: list[Component]
    provider_ppm: int = 0
    rounding: Literal["half_up", "down", "up"] = "half_up"
    low_balance: str = "0"
    silence: Silence = Silence()
    charge_errors: bool = True


class Consent(Document, frozen=True):
    """Whether the member must have agreed before use begins.

    Args:
        require: What counts: a member token, a mandate, either of them; ``none`` asks nothing.
    """

    require: Literal["none", "token", "mandate", "either"] = "none"


class TokenKey(msgspec.Struct, frozen=True):
    """A public key as a JWK (RFC 7517); members that are not named here are ignored.

    Args:
        kty: ``RSA``, ``EC`` or ``OKP``.
        kid: Names it in a token's header.
        alg: The only algorithm that it may be used with, if it says so.
        use: ``sig`` where it says anything.
        crv: Curve of ``EC`` and ``OKP``.
        x: Of them.
        y: Of ``EC``.
        n: Modulus of ``RSA``.
        e: Its exponent.
        d: A private part; must not be here.
        k: A shared secret; must not be here.
    """

    kty: str
    kid: str = ""
    alg: str | None = None
    use: str | None = None
    crv: str | None = None
    x: str | None = None
    y: str | None = None
    n: str | None = None
    e: str | None = None
    d: str | None = None
    k: str | None = None


class Tokens(Document, frozen=True):
    """How member tokens are verified.

    Args:
        issuer: ``iss`` of every token.
        audience: What ``aud`` must hold.
        algorithms: Signatures that are taken.
        keys: Public keys, in this document.
        jwks_url: Where further public keys are fetched: https.
        lifetime_s: Longest from ``iat`` to ``exp``.
        leeway_s: How far the issuer's clock may be from the sender's.
    """

    issuer: str
    audience: str
    algorithms: tuple[Literal["RS256", "ES256", "EdDSA"], ...] = ("RS256", "ES256", "EdDSA")
    keys: list[TokenKey] = []
    jwks_url: str | None = None
    lifetime_s: int = 86_400
    leeway_s: int = 60


class Content(Document, frozen=True):
    """Something on sale.

    Args:
        id: Unique within the tenant.
        provider: Who owns it.
        tariff: Tariff id.
        title: For people.
        time_zone: IANA name; periods and local rates follow it.
        managers: Members whose use as managers leaves no log and no charge.
        consent: Whether the member must have agreed; without it what the tenant says.
    """

    id: str
    provider: str
    tariff: str
    title: str = ""
    time_zone: str = "UTC"
    managers: list[str] = []
    consent: Consent | None = None


class MemberTerms(Document, frozen=True):
    """What differs for one member.

    Args:
        id: The member.
        credit_limit: How far below zero the wallet may go.
    """

    id: str
    credit_limit: str = "0"


class Tenant(Document, frozen=True):
    """A company and all that is its own.

    Args:
        id: Unique.
        currency: ISO 4217 code of its wallets and tariffs.
        contents: On sale.
        tariffs: Used by contents.
        members: Members with terms of their own.
        membership: ``open``: any subject is a member; ``registered``: those listed or topped up.
        credit_limit: For members without terms of their own.
        horizon_h: Hours of event time for which repeats are recognised in the shard.
        remember: Which event ids are remembered: ``all``, or ``increments`` only.
        consent: Whether members must have agreed to be charged.
        tokens: How member tokens are verified; without it none can be.
    """

    id: str
    currency: str
    contents: list[Content] = []
    tariffs: list[Tariff] = []
    members: list[MemberTerms] = []
    membership: Literal["open", "registered"] = "open"
    credit_limit: str = "0"
    horizon_h: int = 48
    remember: Literal["all", "increments"] = "all"
    consent: Consent = Consent()
    tokens: Tokens | None = None


class CatalogueDocument(Document, frozen=True):
    """The whole of it."""

    tenants: list[Tenant]


_decoder = msgspec.json.Decoder(CatalogueDocument)


def digest_of(body: bytes) -> str:
    """The name of a catalogue body: SHA-256 in hex."""
    return sha256(body).hexdigest()


def document_from_json(body: bytes) -> CatalogueDocument:
    """A catalogue from its JSON text, checked within itself.

    Raises:
        InvalidDocument: Too large, not JSON, a wrong or misspelt field, an id used twice, or a
            reference to nothing; the message names the path.
    """
    if len(body) > CATALOGUE_BYTES_MAX:
        raise InvalidDocument(f"catalogue of {len(body)} bytes; at most {CATALOGUE_BYTES_MAX}")
    try:
        document = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidDocument(f"catalogue: {error}") from error
    _unique("tenants", [tenant.id for tenant in document.tenants])
    for tenant in document.tenants:
        _check_tenant(tenant)
    return document


def _check_tenant(tenant: Tenant) -> None:
    path = f"tenants[{tenant.id}]"
    _unique(f"{path}.contents", [content.id for content in tenant.contents])
    _unique(f"{path}.tariffs", [tariff.id for tariff in tenant.tariffs])
    _unique(f"{path}.members", [member.id for member in tenant.members])
    known = {tariff.id for tariff in tenant.tariffs}
    for content in tenant.contents:
        if content.tariff not in known:
            raise InvalidDocument(
                f"{path}.contents[{content.id}].tariff: no tariff {content.tariff!r}; "
                f"known: {', '.join(sorted(known)) or 'none'}"
            )
    for tariff in tenant.tariffs:
        if not 0 <= tariff.provider_ppm <= PPM:
            raise InvalidDocument(
                f"{path}.tariffs[{tariff.id}].provider_ppm: {tariff.provider_ppm} is not "
                f"between 0 and {PPM} (parts per million)"
            )


def _unique(path: str, ids: list[str]) -> None:
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            raise InvalidDocument(f"{path}: {name!r} stands there twice")
        seen.add(name)
