"""The catalogue, compiled: whose contents cost what, found by id in one step.

Invariant: compiled once per version and never changed; every amount is whole micro-units and every
reference resolved, so a decision only looks things up.
It does not own which version is in force; numbered records in each shard's log say that.
"""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import msgspec

from rating.compiling import compile_tariff, in_zone, no_tariff
from rating.consent import NOBODY_ASKS, TokenTerms, compile_tokens, counting
from rating.tariff import TariffTerms
from rating.wallet_events import WalletEventTerms, compile_wallet_events
from rating.written import amount, count, named
from rating.zones import zone_named
from schemas.buckets import Bucket
from schemas.catalogue import CatalogueDocument, Content, Tenant, Withdrawals
from schemas.consent_rules import Consent
from schemas.errors import InvalidDocument
from schemas.moment import HOUR_MS
from schemas.money import AMOUNT_MAX

HORIZON_H_MAX = 24 * 366
HORIZON_MS = 48 * HOUR_MS
_CURRENCY_CHARS = 3
NO_TARIFF = no_tariff()


class ContentTerms(msgspec.Struct, frozen=True):
    """Something on sale.

    Args:
        id: Unique within the tenant.
        provider: Who owns it.
        title: For people.
        zone: Whose midnights its passes follow.
        managers: Members who use it unpaid and unlogged.
        tariff: What it costs; ``NO_TARIFF`` as long as nobody has said.
        consent: Kinds of consent of which use needs one; empty where it needs none.
        shadow: The same with the tariff that prices it a second time, or None.
        is_shadow: Whether these are such second terms: nothing under them is owed.
    """

    id: str
    provider: str
    title: str
    zone: ZoneInfo
    managers: frozenset[str]
    tariff: TariffTerms
    consent: frozenset[str] = NOBODY_ASKS
    shadow: "ContentTerms | None" = None
    is_shadow: bool = False

    @property
    def each(self) -> "tuple[ContentTerms, ...]":
        """All terms by which use of it is priced: its own, then its shadow's."""
        return (self,) if self.shadow is None else (self, self.shadow)


class PayoutTerms(msgspec.Struct, frozen=True):
    """What a tenant's members may be paid out, in micro-units.

    Args:
        buckets: Kinds of money that may leave.
        approved_up_to: What of any 24 hours is approved by itself.
        per_request: The most that one request asks for.
        per_day: The most that a member's requests of any 24 hours ask for.
        fee: What of each the tenant keeps once it is paid.
    """

    buckets: frozenset[str] = frozenset({Bucket.CASH})
    approved_up_to: int = 0
    per_request: int = AMOUNT_MAX
    per_day: int = AMOUNT_MAX
    fee: int = 0


class TenantTerms(msgspec.Struct, frozen=True):
    """A company's terms.

    Args:
        id: Unique.
        currency: Of its wallets and tariffs.
        horizon_ms: Event time for which repeats are recognised.
        remember_all: Whether every event id is remembered, or only those of increments.
        contents: By id.
        tariffs: By id, on no zone's clocks.
        credit_limits: Of members with terms of their own, in micro-units.
        credit_limit: Of the others.
        members: Registered ones; None where everybody is a member.
        managers: Managers of any content.
        with_passes: Contents whose tariff, or shadow, has a pass that use buys.
        with_sales: Contents for which a pass can be bought.
        with_periods: Contents of whose tariff, or shadow, anything counts over periods.
        scoped: Tariffs that sell passes or count over periods.
        low_balance_max: The highest low-balance mark of any content's tariff.
        has_choosy: Whether not every kind of money may pay for some content.
        consent: Kinds of consent that count where no content is known.
        asks_consent: Whether the tenant or any of its contents asks for consent.
        tokens: How member tokens are verified, or None.
        payouts: What members may be paid out.
        wallet_events: What of its members' wallets it is told, or None.
    """

    id: str
    currency: str
    horizon_ms: int
    remember_all: bool
    contents: Mapping[str, ContentTerms]
    tariffs: Mapping[str, TariffTerms]
    credit_limits: Mapping[str, int]
    credit_limit: int
    members: frozenset[str] | None
    managers: frozenset[str]
    with_passes: frozenset[str]
    with_sales: frozenset[str]
    with_periods: frozenset[str]
    scoped: frozenset[str]
    low_balance_max: int
    has_choosy: bool = False
    consent: frozenset[str] = NOBODY_ASKS
    asks_consent: bool = False
    tokens: TokenTerms | None = None
    payouts: PayoutTerms = PayoutTerms()
    wallet_events: WalletEventTerms | None = None

    def content(self, content: str) -> ContentTerms | None:
        """The terms of a content, or None when it is not on sale."""
        return self.contents.get(content)

    def credit_limit_micros(self, member: str) -> int:
        """How far below zero the member's wallet may go."""
        return self.credit_limits.get(member, self.credit_limit)

    def is_registered(self, member: str) -> bool:
        """Whether the catalogue lets the member use anything; a top-up may do so too."""
        return self.members is None or member in self.members

    def manages_any(self, member: str) -> bool:
        """Whether the member is a manager of any of the tenant's contents."""
        return member in self.managers


class Catalogue(msgspec.Struct, frozen=True):
    """All tenants' terms.

    Args:
        tenants: By id.
        horizon_ms_max: The longest horizon of any tenant.
        tells_wallets: Whether any tenant is told of its members' wallets.
    """

    tenants: Mapping[str, TenantTerms]
    horizon_ms_max: int
    tells_wallets: bool = False

    def tenant(self, tenant: str) -> TenantTerms | None:
        """The terms of a tenant, or None when there is no such tenant."""
        return self.tenants.get(tenant)


def compile_catalogue(document: CatalogueDocument) -> Catalogue:
    """A catalogue as numbers.

    Args:
        document: As ``schemas.catalogue.document_from_json`` returned it.

    Raises:
        InvalidDocument: What stands in it cannot be; the message names the path and the mend.
    """
    tenants = {tenant.id: _tenant(tenant) for tenant in document.tenants}
    horizons = [tenant.horizon_ms for tenant in tenants.values()]
    tells = any(tenant.wallet_events is not None for tenant in tenants.values())
    return Catalogue(tenants, max(horizons, default=HORIZON_MS), tells)


def _tenant(tenant: Tenant) -> TenantTerms:
    path = f"tenants[{tenant.id}]"
    horizon_h = count(f"{path}.horizon_h", tenant.horizon_h, least=1)
    if horizon_h > HORIZON_H_MAX:
        raise InvalidDocument(f"{path}.horizon_h: {horizon_h} is beyond {HORIZON_H_MAX} hours")
    tariffs = {
        tariff.id: compile_tariff(f"{path}.tariffs[{tariff.id}]", tariff)
        for tariff in tenant.tariffs
    }
    bound: dict[tuple[str, str], TariffTerms] = {}
    contents = {
        content.id: _content(f"{path}.contents[{content.id}]", content, tariffs, bound, tenant)
        for content in tenant.contents
    }
    priced = [terms for content in contents.values() for terms in content.each]
    limits = {
        named(f"{path}.members", member.id): amount(
            f"{path}.members[{member.id}].credit_limit", member.credit_limit
        )
        for member in tenant.members
    }
    _check_tokens(path, tenant, contents)
    return TenantTerms(
        id=named(f"{path}.id", tenant.id),
        currency=_currency(f"{path}.currency", tenant.currency),
        horizon_ms=horizon_h * HOUR_MS,
        remember_all=tenant.remember == "all",
        contents=contents,
        tariffs=tariffs,
        credit_limits=limits,
        credit_limit=amount(f"{path}.credit_limit", tenant.credit_limit),
        members=None if tenant.membership == "open" else frozenset(limits),
        managers=frozenset(name for each in contents.values() for name in each.managers),
        with_periods=frozenset(t.id for t in priced if t.tariff.finest is not None),
        with_passes=frozenset(t.id for t in priced if t.tariff.has_passes),
        scoped=frozenset(t.id for t in tariffs.values() if t.has_scopes),
        with_sales=frozenset(c.id for c in contents.values() if c.tariff.covers),
        low_balance_max=max(
            (each.tariff.low_balance_micros for each in contents.values()), default=0
        ),
        has_choosy=any(each.tariff.paid_from for each in contents.values()),
        consent=counting(tenant.consent),
        asks_consent=any([counting(tenant.consent), *(c.consent for c in contents.values())]),
        tokens=compile_tokens(f"{path}.tokens", tenant.tokens),
        payouts=_payouts(f"{path}.withdrawals", tenant.withdrawals),
        wallet_events=compile_wallet_events(path, tenant.wallet_events, tenant.members),
    )


def _payouts(path: str, said: Withdrawals) -> PayoutTerms:
    def limit(name: str, text: str) -> int:
        return amount(f"{path}.{name}", text) if text else AMOUNT_MAX

    return PayoutTerms(
        buckets=frozenset(said.buckets),
        approved_up_to=amount(f"{path}.approved_up_to", said.approved_up_to),
        per_request=limit("per_request", said.per_request),
        per_day=limit("per_day", said.per_day),
        fee=amount(f"{path}.fee", said.fee),
    )


def _content(
    path: str,
    content: Content,
    tariffs: Mapping[str, TariffTerms],
    bound: dict[tuple[str, str], TariffTerms],
    tenant: Tenant,
) -> ContentTerms:
    """The terms of a content; contents of one tariff and zone share what is bound to it."""
    try:
        zone = zone_named(content.time_zone)
    except ValueError as error:
        raise InvalidDocument(f"{path}.time_zone: {error}") from error

    def in_force(tariff: str) -> TariffTerms:
        place = (tariff, content.time_zone)
        if place not in bound:
            bound[place] = in_zone(tariffs[tariff], zone)
        return bound[place]

    terms = ContentTerms(
        id=named(f"{path}.id", content.id),
        provider=named(f"{path}.provider", content.provider),
        title=content.title,
        zone=zone,
        managers=frozenset(content.managers),
        tariff=in_force(content.tariff) if content.tariff else NO_TARIFF,
        consent=counting(tenant.consent if content.consent is None else content.consent),
    )
    if not content.shadow:
        return terms
    tried = in_force(content.shadow)
    if tried.covers:
        raise InvalidDocument(
            f"{path}.shadow: {content.shadow!r} sells passes by purchase, which nobody buys "
            "on trial; try it without them"
        )
    shadow = msgspec.structs.replace(terms, tariff=tried, is_shadow=True)
    return msgspec.structs.replace(terms, shadow=shadow)


def _check_tokens(path: str, tenant: Tenant, contents: Mapping[str, ContentTerms]) -> None:
    asked = [counting(tenant.consent), *(each.consent for each in contents.values())]
    if tenant.tokens is None and counting(Consent(require="token")) in asked:
        raise InvalidDocument(
            f"{path}: consent.require is 'token', but there is no {path}.tokens by which one could "
            "be verified; write issuer, audience and keys, or ask for a mandate"
        )


def _currency(path: str, code: str) -> str:
    is_code = len(code) == _CURRENCY_CHARS and code.isascii() and code.isalpha()
    if not is_code or not code.isupper():
        raise InvalidDocument(f"{path}: {code[:40]!r} is not an ISO 4217 code such as 'KRW'")
    return code
