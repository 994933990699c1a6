"""Price of length: whole increments laid on the clock, each moment at the price of that moment.

Invariant: the charged interval is cut from the session once, whatever the rates and versions; every
moment of it costs what holds at it, inside a pass nothing. Source: docs/tariffs.md, Time, Versions.
"""

from collections.abc import Sequence

from rating.components import ComponentTerms, TimeTerms
from rating.counted_price import PASS_RATE
from rating.coverage import Stretch, outside
from rating.rounding import Rounding, Running
from rating.tariff import TariffTerms
from schemas.errors import BrokenInvariant
from schemas.ledger import ChargeLine
from schemas.moment import SECOND_MS
from schemas.money import checked

Track = Sequence[ComponentTerms | None]
_ALWAYS = 2**62


def charged_ms(terms: TimeTerms, duration_ms: int) -> int:
    """The length that is charged by one version: free time off the start, then whole increments.

    A session of no length is charged nothing, so that a single page view costs no time.

    Raises:
        BrokenInvariant: A negative length.
    """
    if duration_ms < 0:
        raise BrokenInvariant(f"duration_ms of {duration_ms}: a total cannot be negative")
    left_ms = duration_ms - terms.free_ms
    if left_ms <= 0:
        return 0
    if left_ms <= terms.first_ms:
        return terms.first_ms
    started = -((terms.first_ms - left_ms) // terms.next_ms)
    return terms.first_ms + started * terms.next_ms


def charged_interval(
    tariff: TariffTerms, track: Track, start_ms: int, duration_ms: int
) -> tuple[int, int]:
    """From when to when a session is charged for time; empty where it is not.

    Args:
        tariff: Compiled.
        track: Its time component by version.
        start_ms: First moment of the session.
        duration_ms: Its length.

    Returns:
        Beginning, and the moment after the end, which may lie behind the session's by less than an
        increment.

    Raises:
        BrokenInvariant: A negative length.
    """
    first = tariff.version_at(start_ms)
    terms = track[first]
    if len(track) == 1 and isinstance(terms, TimeTerms):
        length_ms = charged_ms(terms, duration_ms)
        return start_ms + terms.free_ms, start_ms + terms.free_ms + length_ms
    if duration_ms < 0:
        raise BrokenInvariant(f"duration_ms of {duration_ms}: a total cannot be negative")
    begins, end_ms = start_ms, start_ms + duration_ms
    if isinstance(terms, TimeTerms):
        begins += terms.free_ms
    if end_ms <= begins:
        return begins, begins
    reached = begins + (terms.first_ms if isinstance(terms, TimeTerms) else 0)
    while reached < end_ms:
        version = tariff.version_at(reached)
        following = _from(tariff, version + 1)
        terms = track[version]
        step_ms = terms.next_ms if isinstance(terms, TimeTerms) else 1
        reached -= -(min(end_ms, following) - reached) // step_ms * step_ms
    return begins, reached


def time_of_version(  # noqa: PLR0917 -- the scope, and where its lines go
    terms: TimeTerms,
    start_ms: int,
    duration_ms: int,
    rounding: Rounding,
    version: int,
    lines: list[ChargeLine],
) -> None:
    """Adds what a session costs that lies in one version of its tariff.

    Raises:
        BrokenInvariant: A negative length, or an amount beyond the largest.
    """
    length_ms = charged_ms(terms, duration_ms)
    if not length_ms:
        return
    begins = start_ms + terms.free_ms
    ends = begins + length_ms
    if terms.week is None:
        each = terms.prices[0]
        told = checked(rounding(length_ms * each.numerator, each.denominator * SECOND_MS))
        lines.append(
            ChargeLine("time", "ms", length_ms, told, "", version, each.text, begins, ends)
        )
    else:
        # All prices of a component have one denominator.
        exact = told = 0
        for each, spent_ms in zip(terms.prices, _spent(terms, begins, ends), strict=True):
            if spent_ms:
                exact += spent_ms * each.numerator
                total = checked(rounding(exact, each.denominator * SECOND_MS))
                lines.append(
                    ChargeLine(
                        "time", "ms", spent_ms, total - told, each.name, version, each.text,
                        begins, ends,
                    )
                )  # fmt: skip
                told = total
    if terms.minimum_micros > told:
        lines.append(ChargeLine("minimum", "ms", 0, terms.minimum_micros - told, "", version))


def time_lines(  # noqa: PLR0917 -- the scope, and where its lines go
    tariff: TariffTerms,
    track: Track,
    interval: tuple[int, int],
    rounding: Rounding,
    start_ms: int,
    lines: list[ChargeLine],
    passes: Sequence[Stretch] = (),
) -> None:
    """Adds what a charged interval costs.

    Args:
        tariff: Compiled, on the clocks of a zone.
        track: Its time component by version.
        interval: From ``charged_interval``, or a beginning of it.
        rounding: Of the component's total.
        start_ms: First moment of the session, whose version says the minimum.
        lines: Gets a line for each version and rate that held, one for what passes cover, and
            one for what is missing to the minimum.
        passes: Stretches whose moments cost nothing.

    Raises:
        BrokenInvariant: An amount is beyond the largest.
    """
    begins, ends = interval
    if ends <= begins:
        return
    running = Running(rounding)
    is_all_covered = True
    for version, terms in enumerate(track):
        low = max(begins, tariff.versions[version].from_ms) if version else begins
        high = min(ends, _from(tariff, version + 1))
        if low < high and isinstance(terms, TimeTerms):
            from_ms = tariff.versions[version].from_ms
            spent, covered_ms = _spent(terms, low, high), 0
            if passes:
                spent, covered_ms = _spent_outside(terms, low, high, passes)
            is_all_covered = is_all_covered and not any(spent)
            for each, spent_ms in zip(terms.prices, spent, strict=False):
                if spent_ms:
                    grown = running.add(spent_ms * each.numerator, each.denominator * SECOND_MS)
                    lines.append(
                        ChargeLine(
                            "time", "ms", spent_ms, grown, each.name, from_ms, each.text, low, high
                        )
                    )
            if covered_ms:
                lines.append(
                    ChargeLine(
                        "time", "ms", covered_ms, 0, PASS_RATE, from_ms, from_ms=low, to_ms=high
                    )
                )
    first = tariff.version_at(start_ms)
    terms = track[first]
    if passes and is_all_covered:
        return
    if isinstance(terms, TimeTerms) and terms.minimum_micros > running.told:
        missing = terms.minimum_micros - running.told
        lines.append(ChargeLine("minimum", "ms", 0, missing, "", tariff.versions[first].from_ms))


def _spent_outside(
    terms: TimeTerms, low: int, high: int, passes: Sequence[Stretch]
) -> tuple[list[int], int]:
    """How long each rate held outside passes, and how much of the stretch they cover."""
    sums = [0] * (len(terms.prices) if terms.week is None else terms.week.rates)
    left_ms = 0
    for begin, end in outside(passes, low, high):
        left_ms += end - begin
        for rate, spent_ms in enumerate(_spent(terms, begin, end)):
            sums[rate] += spent_ms
    return sums, high - low - left_ms


def _spent(terms: TimeTerms, low: int, high: int) -> list[int]:
    if terms.hours is not None:
        return terms.hours.spent_ms(low, high)
    if terms.week is not None:
        raise BrokenInvariant("a tariff with hours is priced in a zone; bind it to one")
    return [high - low]


def _from(tariff: TariffTerms, version: int) -> int:
    """When a version comes into force; the one behind the last never does."""
    versions = tariff.versions
    return versions[version].from_ms if version < len(versions) else _ALWAYS
