"""Prices as the catalogue's words say them, worked out with fractions from the whole use.

Invariant: shares nothing with ``rating``; a document is read as people wrote it, every time anew.
It does not own what was used (``book``).
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import cache
from math import ceil, floor
from typing import Any, NamedTuple

from cli.sim import market

MICROS = 1_000_000
PPM = 1_000_000
DAY_MS = 86_400_000
SEOUL_MS = 9 * 3_600_000
ORPHAN_TIMEOUT_MS = 90_000


def _half_up(exact: Fraction) -> int:
    return floor(exact + Fraction(1, 2))


def _down(exact: Fraction) -> int:
    return floor(exact)


def _up(exact: Fraction) -> int:
    return ceil(exact)


_ROUNDING = {"half_up": _half_up, "down": _down, "up": _up}


class Tariff(NamedTuple):
    """A tariff's words, and whose content it prices.

    Args:
        content: Content id.
        provider: Who owns it.
        words: The tariff as it stands in the document.
        zone_ms: How far the content's clock is ahead of UTC.
        managers: Who may use it unpaid.
        sold: The content's words.
        shadow: The same with the words that price it a second time, or None.
    """

    content: str
    provider: str
    words: Mapping[str, Any]
    zone_ms: int
    managers: tuple[str, ...]
    sold: dict[str, Any]
    shadow: "Tariff | None" = None

    @property
    def silence(self) -> Mapping[str, Any]:
        """What the tariff says of silence."""
        words: Mapping[str, Any] = self.words["silence"]
        return words

    @property
    def limits(self) -> Mapping[str, Any]:
        """What the tariff says of limits."""
        words: Mapping[str, Any] = self.words.get("limits", {})
        return words

    @property
    def costs_by_use(self) -> bool:
        """Whether anything but a pass has a price."""
        return any(each["kind"] != "flat" for each in self.words["components"])

    @property
    def pass_price(self) -> int | None:
        """What a day's pass costs, if it sells one."""
        prices = [each["price"] for each in self.words["components"] if each["kind"] == "flat"]
        return _micros(prices[0]) if prices else None


class Totals(NamedTuple):
    """What was used in all.

    Args:
        duration_ms: Length.
        meters: Total of each meter.
        items: Quantity of each item.
        pages: Moves by direction.
    """

    duration_ms: int
    meters: Mapping[str, int]
    items: Mapping[str, int]
    pages: Mapping[str, int]


NO_USE = Totals(0, {}, {}, {})


@cache
def tariffs(version: int, tenant: str) -> dict[str, Tariff]:
    """A tenant's tariffs by content."""
    for words in market.document(version)["tenants"]:
        if words["id"] == tenant:
            by_id = {each["id"]: each for each in words["tariffs"]}
            return {each["id"]: _tariff(each, by_id) for each in words["contents"]}
    raise KeyError(tenant)


def _tariff(content: Mapping[str, Any], by_id: Mapping[str, Mapping[str, Any]]) -> Tariff:
    real = Tariff(
        content["id"],
        content["provider"],
        by_id[content["tariff"]],
        SEOUL_MS if content.get("time_zone") == "Asia/Seoul" else 0,
        tuple(content.get("managers", ())),
        dict(content),
    )
    shadow: str | None = content.get("shadow")
    if shadow is None:
        return real
    return real._replace(shadow=real._replace(words=by_id[shadow]))


@cache
def tenant_words(version: int, tenant: str) -> dict[str, Any]:
    """What the document says of a tenant itself."""
    found: dict[str, Any] = next(
        words for words in market.document(version)["tenants"] if words["id"] == tenant
    )
    return found


def quiet_ms(tariff: Tariff) -> tuple[int, bool]:
    """Silence that ends a session, and whether for want of input: two heartbeats are waited for."""
    timeout_s = int(tariff.silence.get("timeout_s", 90))
    input_s = tariff.limits.get("input_s")
    if input_s is None:
        return timeout_s * 1_000, False
    least_s = max(int(input_s), 2 * int(tariff.silence.get("interval_s", 30)))
    return min(timeout_s, least_s) * 1_000, least_s < timeout_s


def credit_limit(version: int, tenant: str) -> int:
    """How far below zero a wallet may go."""
    return _micros(tenant_words(version, tenant).get("credit_limit", "0"))


def cost(tariff: Tariff, used: Totals) -> int:
    """What all of it costs, passes left out."""
    rounding = _ROUNDING[tariff.words.get("rounding", "half_up")]
    total = 0
    for words in tariff.words["components"]:
        match words["kind"]:
            case "time":
                total += _time(words, used.duration_ms, rounding)
            case "volume":
                above = max(0, used.meters.get(words["meter"], 0) - words.get("free", 0))
                each = Fraction(words["price"]) * MICROS / words.get("per", 1)
                total += rounding(above * each)
            case "item":
                prices, other = words.get("prices", {}), words.get("other", "0")
                total += sum(
                    count * _micros(prices.get(item, other)) for item, count in used.items.items()
                )
            case "page":
                both = words.get("direction", "forward") == "both"
                counted = ("forward", "jump", "backward") if both else ("forward", "jump")
                moves = sum(used.pages.get(direction, 0) for direction in counted)
                total += moves * _micros(words["price"])
            case _:
                continue
    return total


def share(tariff: Tariff, total: int) -> int:
    """The provider's part of a whole charge."""
    return total * int(tariff.words["provider_ppm"]) // PPM


def days(tariff: Tariff, first_ms: int, last_ms: int) -> list[str]:
    """The days that a use touches, on the content's calendar."""
    low, high = (first_ms + tariff.zone_ms) // DAY_MS, (last_ms + tariff.zone_ms) // DAY_MS
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return [(epoch + timedelta(days=day)).date().isoformat() for day in range(low, high + 1)]


def _time(words: Mapping[str, Any], duration_ms: int, rounding: Callable[[Fraction], int]) -> int:
    left_s = Fraction(duration_ms, 1_000) - words.get("free_s", 0)
    if left_s <= 0:
        return 0
    first, following = words.get("first_s", 1), words.get("next_s", 1)
    charged_s = first + max(0, ceil((left_s - first) / following)) * following
    amount = rounding(charged_s * Fraction(words["price"]) * MICROS / words.get("per_s", 60))
    return max(amount, _micros(words.get("minimum", "0")))


def _micros(text: str) -> int:
    exact = Fraction(text) * MICROS
    assert exact.denominator == 1, text
    return exact.numerator
