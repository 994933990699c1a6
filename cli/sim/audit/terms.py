"""Tariffs as the catalogue's words say them: whose content, which version holds when.

Invariant: shares nothing with ``rating``; a document is read as people wrote it.
It does not own what anything costs (``prices``).
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from cli.sim import market
from cli.sim.audit.calendars import moment_ms, zone_of
from schemas.moment import HOUR_MS
from schemas.usage import UsageEvent

MICROS = 1_000_000
PPM = 1_000_000
HORIZON_H = 48
ORPHAN_TIMEOUT_MS = 90_000

Words = Mapping[str, Any]


class Version(NamedTuple):
    """What a tariff's prices are from a moment on.

    Args:
        from_ms: The moment; 0 for the tariff as it first stood.
        components: As they stand in the document.
        provider_ppm: The provider's part.
    """

    from_ms: int
    components: Sequence[Words]
    provider_ppm: int


class Tariff(NamedTuple):
    """A tariff's words, and whose content it prices.

    Args:
        content: Content id.
        provider: Who owns it.
        words: The tariff as it stands in the document.
        zone: The content's.
        managers: Who may use it unpaid.
        versions: In force one after the other.
        sold: The content's words.
        shadow: The same with the words that price it a second time, or None.
    """

    content: str
    provider: str
    words: Words
    zone: ZoneInfo
    managers: tuple[str, ...]
    versions: tuple[Version, ...]
    sold: Words
    shadow: "Tariff | None" = None

    @property
    def limits(self) -> Words:
        """What the tariff says of limits."""
        words: Words = self.words.get("limits", {})
        return words

    @property
    def id(self) -> str:
        """Its name within the tenant."""
        return str(self.words["id"])

    @property
    def silence(self) -> Words:
        """What the tariff says of silence."""
        words: Words = self.words["silence"]
        return words

    @property
    def covers(self) -> frozenset[str]:
        """Kinds that cost nothing inside a pass that a member bought."""
        for words in self.words["components"]:
            if words["kind"] == "flat" and words.get("starts") == "purchase":
                return frozenset(words.get("covers") or ("time", "fee", "volume", "item", "page"))
        return frozenset()

    @property
    def is_free_inside(self) -> bool:
        """Whether going on costs nothing inside such a pass."""
        kinds = {str(words["kind"]) for words in self.words["components"]}
        return bool(self.covers) and kinds <= {"flat", "fee", *self.covers}

    @property
    def costs_by_use(self) -> bool:
        """Whether anything but a pass has a price."""
        return any(each["kind"] != "flat" for each in self.words["components"])

    @property
    def passes(self) -> list[tuple[str, int]]:
        """Period and price of the passes that use buys."""
        found = [
            each
            for each in self.words["components"]
            if each["kind"] == "flat" and each.get("starts") != "purchase"
        ]
        return [(str(each["period"]), micros(each["price"])) for each in found]

    def caps(self, *, of_session: bool) -> list[Words]:
        """The caps of a session, or those of calendar periods, as declared."""
        return [
            each for each in self.words.get("caps", ()) if (each["per"] == "session") == of_session
        ]

    def version_at(self, at_ms: int) -> Version:
        """The one in force at a moment."""
        return [self.versions[0], *(each for each in self.versions[1:] if each.from_ms <= at_ms)][
            -1
        ]

    def span_of(self, version: Version) -> tuple[int, int]:
        """From when to when a version is in force; the ends are open."""
        place = self.versions.index(version)
        from_ms = version.from_ms if place else -(2**62)
        later = self.versions[place + 1 :]
        return from_ms, later[0].from_ms if later else 2**62


def quiet_ms(tariff: Tariff) -> tuple[int, bool]:
    """Silence that ends a session, and whether for want of input: two heartbeats are waited for."""
    timeout_s = int(tariff.silence.get("timeout_s", 90))
    input_s = tariff.limits.get("input_s")
    if input_s is None:
        return timeout_s * 1_000, False
    least_s = max(int(input_s), 2 * int(tariff.silence.get("interval_s", 30)))
    return min(timeout_s, least_s) * 1_000, least_s < timeout_s


def micros(text: str) -> int:
    """An amount of the document in micro-units."""
    exact = Fraction(text) * MICROS
    assert exact.denominator == 1, text
    return exact.numerator


@cache
def tariffs(number: int, tenant: str) -> dict[str, Tariff]:
    """A tenant's tariffs by content, as a catalogue has them."""
    tenant_said = tenant_words(number, tenant)
    by_id = {each["id"]: each for each in tenant_said["tariffs"]}
    return {each["id"]: _tariff(each, by_id) for each in tenant_said["contents"]}


def _tariff(sold: Words, by_id: Mapping[str, Words]) -> Tariff:
    real = Tariff(
        sold["id"],
        sold["provider"],
        by_id[sold["tariff"]],
        zone_of(sold.get("time_zone", "UTC")),
        tuple(sold.get("managers", ())),
        versions_of(by_id[sold["tariff"]]),
        sold,
    )
    if "shadow" not in sold:
        return real
    words = by_id[sold["shadow"]]
    return real._replace(shadow=real._replace(words=words, versions=versions_of(words)))


def versions_of(words: Words) -> tuple[Version, ...]:
    """A tariff's versions, the one that it begins with too."""
    first = Version(0, words["components"], int(words.get("provider_ppm", 0)))
    later = [
        Version(moment_ms(each["from"]), each["components"], int(each.get("provider_ppm", 0)))
        for each in words.get("versions", ())
    ]
    return first, *later


def announced(tariff: Tariff, number: int, tenant: str, came_ms: Mapping[int, int]) -> Tariff:
    """A tariff of a catalogue with the versions that later catalogues announced in time.

    Args:
        tariff: Of the catalogue that a session was begun under.
        number: That catalogue.
        tenant: Whose.
        came_ms: When each catalogue came into force.
    """
    first, *rest = tariff.versions
    for later in sorted(each for each in came_ms if each > number):
        same = [each for each in tenant_words(later, tenant)["tariffs"] if each["id"] == tariff.id]
        said = versions_of(same[0])[1:] if same else ()
        rest = [each for each in rest if each.from_ms <= came_ms[later]]
        rest += [each for each in said if each.from_ms > came_ms[later]]
    return tariff._replace(versions=(first, *rest))


@cache
def tenant_words(number: int, tenant: str) -> dict[str, Any]:
    """What the document says of a tenant itself."""
    found: dict[str, Any] = next(
        words for words in market.document(number)["tenants"] if words["id"] == tenant
    )
    return found


def credit_limit(number: int, tenant: str) -> int:
    """How far below zero a wallet may go."""
    return micros(tenant_words(number, tenant).get("credit_limit", "0"))


def horizons(version: int) -> dict[str, int]:
    """For how long each tenant's events are taken as in time, by a version of the catalogue."""
    tenants: list[Words] = market.document(version)["tenants"] if version else []
    return {each["id"]: int(each.get("horizon_h", HORIZON_H)) * HOUR_MS for each in tenants}


def provider_of(version: int, tenant: str, content: str) -> str:
    """Who owns a content, or nobody where it is none."""
    tariff = tariffs(max(1, version), tenant).get(content)
    return "" if tariff is None else tariff.provider


def is_manager(version: int, event: UsageEvent) -> bool:
    """Whether an event's member is one of its content's managers."""
    tariff = tariffs(version, event.tenant).get(event.content or "")
    return tariff is not None and event.subject in tariff.managers


def longest_horizon(version: int) -> int:
    """The longest of any tenant, before the first catalogue the product's own."""
    return max(horizons(version).values(), default=HORIZON_H * HOUR_MS)
