"""Amounts, lengths, counts and times as a language writes them.

Invariant: figures are exact, never rounded, and never floats; a clock's second that has begun is
told whole.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from api.words.names import Name, name_of
from api.words.tongue import Tongue
from schemas.ledger import ChargeLine
from schemas.moment import SECOND_MS
from schemas.money import MICROS

UTC_ZONE: Final = ZoneInfo("UTC")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = " s"
# Digits of the smallest coin, where it is not a hundredth (ISO 4217).
_COIN_DIGITS: Final = {
    "CLP": 0, "ISK": 0, "JPY": 0, "KRW": 0, "PYG": 0, "UGX": 0, "VND": 0, "XAF": 0, "XOF": 0,
    "XXX": 0, "BHD": 3, "JOD": 3, "KWD": 3, "OMR": 3, "TND": 3,
}  # fmt: skip


class UnitPrice(NamedTuple):
    """A unit price as a charge line writes it.

    Args:
        price: In major units.
        per: How many units, or seconds, it is for.
        is_time: Whether these are seconds.
    """

    price: Decimal
    per: int
    is_time: bool


def unit_price_of(line: ChargeLine) -> UnitPrice | None:
    """The unit price in a line's ``price``; None where there is none that can be read."""
    written, slash, units = line.price.partition("/")
    number = units.removesuffix(_SECONDS)
    per = int(number) if number.isascii() and number.isdigit() else 0
    try:
        price = Decimal(written)
    except InvalidOperation:
        return None
    if not price.is_finite() or (slash and not per):
        return None
    return UnitPrice(price, per or 1, units.endswith(_SECONDS))


def is_product(line: ChargeLine, each: UnitPrice) -> bool:
    """Whether the quantity at the unit price is what the line costs, but for rounding."""
    units = Fraction(line.quantity, SECOND_MS if each.is_time else 1)
    return abs(units * Fraction(each.price) / each.per * MICROS - line.amount_micros) < 1


def money(tongue: Tongue, amount: Decimal, currency: str) -> str:
    """An amount in major units."""
    template = tongue.currencies.get(currency) or tongue.currencies[""]
    return template.format(n=_decimal(amount, _COIN_DIGITS.get(currency, 2)), code=currency)


def money_from_micros(tongue: Tongue, amount_micros: int, currency: str) -> str:
    """The size of an amount in micro-units; whether it was gained or paid is the sentence's."""
    return money(tongue, Decimal(abs(amount_micros)).scaleb(-6), currency)


def length(tongue: Tongue, duration_ms: int) -> str:
    """The size of a duration, such as ``12 min 30 s``."""
    minutes, ms = divmod(abs(duration_ms), 60 * SECOND_MS)
    hours, minutes = divmod(minutes, 60)
    sizes = (Decimal(hours), Decimal(minutes), Decimal(ms).scaleb(-3))
    told = [
        template.format(n=_decimal(size, 0))
        for template, size in zip(tongue.durations, sizes, strict=True)
        if size
    ]
    return " ".join(told) or tongue.durations[-1].format(n=0)


def count(tongue: Tongue, what: str, number: int, name: str = "") -> str:
    """The size of a quantity with its unit.

    Args:
        tongue: The language.
        what: A key of its ``counts``; any other is told by its name.
        number: Quantity.
        name: As a person wrote it.
    """
    one, many = tongue.counts.get(what) or tongue.counts[""]
    size = abs(number)
    template = one if size == 1 else many
    return template.format(n=f"{size:,}", name=name_of(name or what))


def unit(tongue: Tongue, meter: str, per: int) -> str:
    """What a meter's price is for, such as ``1,000 tokens`` or ``token``."""
    one, many = tongue.counts.get(meter) or tongue.counts[""]
    if per == 1:
        return one.format(n=tongue.one, name=name_of(meter)).strip()
    return many.format(n=f"{per:,}", name=name_of(meter))


class Clock(NamedTuple):
    """How moments of one entry are told.

    Args:
        zone: On whose clocks.
        day_of_ms: A moment of the day that needs no date.
    """

    zone: ZoneInfo
    day_of_ms: int | None = None

    def told(self, tongue: Tongue, at_ms: int) -> str:
        """A moment, with its date unless that is the entry's own."""
        at = _local(at_ms, self.zone)
        clock = f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"
        if self.day_of_ms is not None and _local(self.day_of_ms, self.zone).date() == at.date():
            return clock
        return tongue.at.format(date=_day(tongue, at.date()), clock=clock)

    def suffix(self, tongue: Tongue) -> str:
        """Says that the clock is nobody's own."""
        return tongue.utc if self.zone.key == "UTC" else ""


def period(tongue: Tongue, name: str) -> tuple[str, str]:
    """The kind of a calendar period and how it is told.

    Args:
        tongue: The language.
        name: ``2026-11-24``, ``2026-W48`` or ``2026-11``; anything else is told as it is.
    """
    try:
        if "W" in name:
            monday = date.fromisoformat(f"{name}-1")
            day = _day(tongue, monday)
            return "week", tongue.sentences["week"].format(date=day)
        if name.count("-") == 1:
            first = date.fromisoformat(f"{name}-01")
            month = tongue.months[first.month - 1]
            return "month", tongue.month_of_year.format(year=first.year, month=month)
        return "day", _day(tongue, date.fromisoformat(name))
    except ValueError:
        return "", Name(name_of(name))


def _decimal(number: Decimal, digits_min: int) -> str:
    """Thousands in groups, no digits that say nothing beyond those of a coin."""
    whole, _, digits = f"{number:,f}".partition(".")
    digits = digits.rstrip("0").ljust(digits_min, "0")
    return f"{whole}.{digits}" if digits else whole


def _local(at_ms: int, zone: ZoneInfo) -> datetime:
    at = _EPOCH + timedelta(milliseconds=at_ms)
    try:
        return at.astimezone(zone)
    except OverflowError:
        return at


def _day(tongue: Tongue, day: date) -> str:
    return tongue.date.format(year=day.year, month=tongue.months[day.month - 1], day=day.day)
