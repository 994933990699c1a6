"""What time costs: which stretch of a session is charged, and each moment at its own price.

Invariant: shares nothing with ``rating``; the price of a moment is looked up for each stretch in
which neither the local clock passes a window's edge nor another version comes into force.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, NamedTuple

from cli.sim.audit.calendars import (
    DAY_MS,
    kinds_of_day,
    local_time,
    period_at,
    period_begins_ms,
    stretches,
    time_of_day_ms,
)
from cli.sim.audit.terms import MICROS, Tariff, Version, Words
from cli.sim.audit.used import Use


class Moments(NamedTuple):
    """A piece of the charged interval that has one price.

    Args:
        from_ms: Its first moment.
        to_ms: Where it is over.
        version: In force.
        rate: Name of the rate, or nothing.
        place: Of the rate: 0 for the base price, then as declared.
        exact: What it costs, in micro-units.
    """

    from_ms: int
    to_ms: int
    version: Version
    rate: str
    place: int
    exact: Fraction


def time_words(version: Version) -> Words | None:
    """What a version says of time."""
    return next((each for each in version.components if each["kind"] == "time"), None)


def charged_interval(tariff: Tariff, use: Use) -> tuple[int, int]:
    """From when to when a session is charged for time."""
    words = time_words(tariff.version_at(use.first_ms))
    begin_ms = use.first_ms + (int(words.get("free_s", 0)) * 1_000 if words else 0)
    if not use.is_session or use.end_ms <= begin_ms:
        return begin_ms, begin_ms
    at_ms = begin_ms + (int(words.get("first_s", 1)) * 1_000 if words else 0)
    while at_ms < use.end_ms:
        # Increments that begin before anything changes are all as long as the next one.
        version = tariff.version_at(at_ms)
        stop_ms = min(use.end_ms, tariff.span_of(version)[1])
        words = time_words(version)
        # Where time has no price, increments begin anew with the next version that gives it one.
        each_ms = int(words.get("next_s", 1)) * 1_000 if words else 1
        at_ms += -((at_ms - stop_ms) // each_ms) * each_ms
    return begin_ms, at_ms


def priced_moments(tariff: Tariff, use: Use, until_ms: int) -> Iterator[Moments]:
    """The charged interval up to a moment, piece by piece."""
    begin_ms, end_ms = charged_interval(tariff, use)
    end_ms = min(end_ms, until_ms)
    for version in tariff.versions:
        words = time_words(version)
        if words is None:
            continue
        from_ms, to_ms = tariff.span_of(version)
        first_ms, stop_ms = max(begin_ms, from_ms), min(end_ms, to_ms)
        for each in stretches(first_ms, stop_ms, tariff.zone, _edges(words)):
            rate, place, price = _price_at(words, each.day, each.time_ms, tariff)
            unit = Fraction(price) * MICROS / (int(words.get("per_s", 60)) * 1_000)
            cost = unit * (each.end_ms - each.first_ms)
            yield Moments(each.first_ms, each.end_ms, version, rate, place, cost)


def _edges(words: Words) -> set[int]:
    windows = [window for rate in words.get("rates", ()) for window in rate["when"]]
    return {
        time_of_day_ms(window[side]) for window in windows for side in ("from", "to")
    } - {DAY_MS, 0}  # fmt: skip


def rate_at(tariff: Tariff, words: Words, at_ms: int) -> int:
    """Which of a component's rates holds at a moment: 0 for none, then as declared."""
    local = local_time(at_ms, tariff.zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    time_ms = (local.replace(tzinfo=None) - midnight) // timedelta(milliseconds=1)
    kinds = kinds_of_day(local.date(), tariff.words.get("holidays", ()))
    for place, rate in enumerate(words.get("rates", ()), 1):
        if any(_holds(window, kinds, time_ms) for window in rate["when"]):
            return place
    return 0


def rates_since(tariff: Tariff, at_ms: int) -> int:
    """Since when the rates of what is counted are what they are at a moment, or midnight."""
    counted = [
        words
        for words in tariff.version_at(at_ms).components
        if words["kind"] != "time" and words.get("rates")
    ]
    if not counted:
        return 0
    since_ms = period_begins_ms("day", period_at("day", at_ms, tariff.zone), tariff.zone)
    edges = {edge for words in counted for edge in _edges(words)}
    before: list[int] = []
    for each in stretches(since_ms, at_ms + 1, tariff.zone, edges):
        now = [rate_at(tariff, words, each.first_ms) for words in counted]
        if before and now != before:
            since_ms = each.first_ms
        before = now
    return since_ms


def _price_at(words: Words, day: date, time_ms: int, tariff: Tariff) -> tuple[str, int, str]:
    kinds = kinds_of_day(day, tariff.words.get("holidays", ()))
    for place, rate in enumerate(words.get("rates", ()), 1):
        if any(_holds(window, kinds, time_ms) for window in rate["when"]):
            return rate["name"], place, rate["price"]
    return "", 0, words["price"]


def _holds(window: dict[str, Any], kinds: set[str], time_ms: int) -> bool:
    is_day = not kinds.isdisjoint(window.get("days", ("every",)))
    return is_day and time_of_day_ms(window["from"]) <= time_ms < time_of_day_ms(window["to"])
