"""The catalogue: what is on sale, for how much, to whom, as one immutable document.

Invariant: a body is named by its digest and never changes; which one decides is said by numbered
records in every shard's log. Amounts are decimal text in major units, as people write them.
"""

from hashlib import sha256
from typing import Literal

import msgspec

from schemas.buckets import Bucket
from schemas.consent_rules import Consent, Tokens
from schemas.errors import UNREADABLE, InvalidDocument
from schemas.tariff import Tariff, check_tariff
from schemas.wallet_events import WalletEventRules

CATALOGUE_BYTES_MAX = 4 * 1024 * 1024


class Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something on sale.

    Args:
        id: Unique within the tenant.
        provider: Who owns it.
        tariff: Tariff id. Empty: it has no price yet; its use is logged, never charged, and told
            as an alarm.
        title: For people.
        time_zone: IANA name; periods and local rates follow it.
        managers: Members whose use as managers leaves no log and no charge.
        consent: Whether the member must have agreed; without it what the tenant says.
        shadow: Tariff id by which all use is priced a second time, for comparison: it moves no
            money and changes nothing else. Empty: none.
    """

    id: str
    provider: str
    tariff: str = ""
    title: str = ""
    time_zone: str = "UTC"
    managers: list[str] = []
    consent: Consent | None = None
    shadow: str = ""


class MemberTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What differs for one member.

    Args:
        id: The member.
        credit_limit: How far below zero the wallet may go.
        low_balance: The balance at or below which it is low, where that is said at all; without
            it what the tenant says.
    """

    id: str
    credit_limit: str = "0"
    low_balance: str | None = None


class Withdrawals(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What members may be paid out. Amounts are in the tenant's currency; an empty one is no limit.

    Args:
        buckets: Kinds of money that may leave.
        approved_up_to: What of any 24 hours is approved by itself; a person approves the rest.
        per_request: The most that one request asks for.
        per_day: The most that a member's requests of any 24 hours ask for.
        fee: What of each the tenant keeps once it is paid.
    """

    buckets: tuple[Bucket, ...] = (Bucket.CASH,)
    approved_up_to: str = "0"
    per_request: str = ""
    per_day: str = ""
    fee: str = "0"


class Tenant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
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
        withdrawals: What members may be paid out.
        wallet_events: What of its members' wallets the tenant is told; without it nothing.
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
    withdrawals: Withdrawals = Withdrawals()
    wallet_events: WalletEventRules | None = None


class CatalogueDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
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
    except UNREADABLE as error:
        raise InvalidDocument(f"catalogue: {error}") from error
    _unique("tenants", [tenant.id for tenant in document.tenants])
    for tenant in document.tenants:
        _check_tenant(tenant)
    return document


def without_tariff(document: CatalogueDocument) -> list[str]:
    """Paths of contents whose use nobody pays for, in the document's order."""
    return [
        f"tenants[{tenant.id}].contents[{content.id}]"
        for tenant in document.tenants
        for content in tenant.contents
        if not content.tariff
    ]


def _check_tenant(tenant: Tenant) -> None:
    path = f"tenants[{tenant.id}]"
    _unique(f"{path}.contents", [content.id for content in tenant.contents])
    _unique(f"{path}.tariffs", [tariff.id for tariff in tenant.tariffs])
    _unique(f"{path}.members", [member.id for member in tenant.members])
    known = {tariff.id for tariff in tenant.tariffs}
    for content in tenant.contents:
        where = f"{path}.contents[{content.id}]"
        if content.tariff:
            _check_known(f"{where}.tariff", content.tariff, known)
        if content.shadow:
            _check_known(f"{where}.shadow", content.shadow, known)
    for tariff in tenant.tariffs:
        check_tariff(f"{path}.tariffs[{tariff.id}]", tariff)


def _check_known(path: str, tariff: str, known: set[str]) -> None:
    if tariff not in known:
        raise InvalidDocument(
            f"{path}: no tariff {tariff!r}; known: {', '.join(sorted(known)) or 'none'}"
        )


def _unique(path: str, ids: list[str]) -> None:
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            raise InvalidDocument(f"{path}: {name!r} stands there twice")
        seen.add(name)
