"""From the words of a tariff to its numbers, with every fault named by its path.

Invariant: exact; a price is a fraction of two ints, never rounded here. What passes this file
can be priced for ever without failing on the document.
It does not own references and doubled ids; ``schemas.catalogue`` has checked them.
"""

from fractions import Fraction

import msgspec

from rating.components import (
    ComponentTerms,
    FlatTerms,
    ItemTerms,
    PageTerms,
    TimeTerms,
    VolumeTerms,
    is_free,
)
from rating.tariff import LimitTerms, TariffTerms
from schemas.applied import Cause
from schemas.catalogue import (
    Component,
    FlatPrice,
    ItemPrice,
    Limits,
    PagePrice,
    Silence,
    Tariff,
    TimePrice,
    VolumePrice,
)
from schemas.errors import InvalidDocument
from schemas.ids import id_fault
from schemas.moment import SECOND_MS
from schemas.money import AMOUNT_MAX, amount_from_text

COMPONENTS_MAX = 64
SESSIONS_MAX = 10_000
# One heartbeat may be lost before silence tells anything of the member.
_INTERVALS_HEARD = 2
SECONDS_MAX = 1_000_000_000
FINE_DIGITS_MAX = 12
_AMOUNT_DIGITS = 6
_FORWARD = ("forward", "jump")
_BOTH = ("forward", "jump", "backward")


def compile_tariff(path: str, tariff: Tariff) -> TariffTerms:
    """A tariff as numbers.

    Args:
        path: Where it stands, for messages, such as ``tenants[demo].tariffs[tv]``.
        tariff: As written.

    Raises:
        InvalidDocument: A negative or unreadable price, a count that is not positive, or two
            components that count the same thing, or a limit that contradicts itself.
    """
    if len(tariff.components) > COMPONENTS_MAX:
        raise InvalidDocument(f"{path}.components: more than {COMPONENTS_MAX}; split the tariff")
    components = tuple(
        _component(f"{path}.components[{place}]", component)
        for place, component in enumerate(tariff.components)
    )
    _check_apart(path, components)
    silence = tariff.silence
    limits = _limits(path, tariff.limits, silence)
    timeout_ms = seconds(f"{path}.silence.timeout_s", silence.timeout_s) * SECOND_MS
    is_idle = silence.means == "idle"
    if limits is not None and limits.is_silence:
        timeout_ms, is_idle = _input_silence_ms(limits, silence), True
    return TariffTerms(
        id=named(f"{path}.id", tariff.id),
        components=components,
        provider_ppm=tariff.provider_ppm,
        rounding=tariff.rounding,
        low_balance_micros=amount(f"{path}.low_balance", tariff.low_balance),
        timeout_ms=timeout_ms,
        silence_cause=Cause.IDLE if is_idle else Cause.NETWORK,
        pays=silence.pays,
        interval_ms=seconds(f"{path}.silence.interval_s", silence.interval_s) * SECOND_MS,
        reopens=silence.later == "reopens",
        charge_errors=tariff.charge_errors,
        has_passes=any(isinstance(each, FlatTerms) for each in components),
        is_free=all(is_free(each) for each in components),
        costs_by_use=not all(
            is_free(each) for each in components if not isinstance(each, FlatTerms)
        ),
        limits=limits,
    )


def amount(path: str, text: str) -> int:
    """Micro-units, at least 0, from text that a person wrote.

    Raises:
        InvalidDocument: Not an amount, too large, or negative.
    """
    try:
        micros = amount_from_text(text)
    except ValueError as error:
        raise InvalidDocument(f"{path}: {error}") from error
    if micros < 0:
        raise InvalidDocument(f"{path}: {text!r} is negative; write 0 or more")
    return micros


def rate(path: str, text: str) -> Fraction:
    """Micro-units, exact, from the text of a price that may be finer than an amount.

    Args:
        path: For messages.
        text: Such as ``"0.00000025"``; up to ``FINE_DIGITS_MAX`` digits below a micro-unit.

    Raises:
        InvalidDocument: Not a number, too large, too fine, or negative.
    """
    major, _, decimals = text.partition(".")
    fine = decimals[_AMOUNT_DIGITS:]
    if not fine:
        return Fraction(amount(path, text))
    if len(fine) > FINE_DIGITS_MAX:
        raise InvalidDocument(
            f"{path}: {text[:40]!r} has more than {_AMOUNT_DIGITS + FINE_DIGITS_MAX} decimals; "
            f"write the price of more units"
        )
    if major.startswith("-"):
        raise InvalidDocument(f"{path}: {text!r} is negative; write 0 or more")
    if not (fine.isascii() and fine.isdigit()):
        raise InvalidDocument(f"{path}: {text!r} is not a price such as '0.00000025'")
    whole = amount(path, f"{major}.{decimals[:_AMOUNT_DIGITS]}")
    return whole + Fraction(int(fine), 10 ** len(fine))


def count(path: str, value: int, *, least: int) -> int:
    """A whole number between ``least`` and 2**53 - 1.

    Raises:
        InvalidDocument: It is not.
    """
    if not least <= value <= AMOUNT_MAX:
        raise InvalidDocument(f"{path}: {_shown(value)} is not between {least} and {AMOUNT_MAX}")
    return value


def seconds(path: str, value: int, *, least: int = 1) -> int:
    """Whole seconds between ``least`` and ``SECONDS_MAX``.

    Raises:
        InvalidDocument: They are not.
    """
    if not least <= value <= SECONDS_MAX:
        raise InvalidDocument(f"{path}: {_shown(value)} is not {least} to {SECONDS_MAX} seconds")
    return value


def named(path: str, value: str) -> str:
    """An id that events can name.

    Raises:
        InvalidDocument: Empty, too long, or with control characters.
    """
    fault = id_fault(value)
    if fault is not None:
        raise InvalidDocument(f"{path}: {value[:40]!r} {fault}; write 1 to 256 plain characters")
    return value


def _shown(value: int) -> str:
    # A number of thousands of digits helps nobody, and Python refuses to print one.
    return str(value) if abs(value) <= AMOUNT_MAX else "a number beyond 2**53"


def _limits(path: str, limits: Limits, silence: Silence) -> LimitTerms | None:
    if limits.sessions is None and limits.when_full is not None:
        raise InvalidDocument(
            f"{path}.limits.when_full: {limits.when_full!r} of no number of sessions; write "
            "limits.sessions too, or leave it out"
        )
    if limits.sessions is None and limits.input_s is None:
        return None
    sessions, input_ms = limits.sessions, None
    if sessions is not None and not 1 <= sessions <= SESSIONS_MAX:
        raise InvalidDocument(
            f"{path}.limits.sessions: {_shown(sessions)} is not between 1 and {SESSIONS_MAX}; "
            "leave it out for no limit"
        )
    if limits.input_s is not None:
        input_ms = seconds(f"{path}.limits.input_s", limits.input_s) * SECOND_MS
    terms = LimitTerms(sessions, limits.when_full or "refuse", input_ms, is_silence=False)
    if input_ms is None or _input_silence_ms(terms, silence) >= silence.timeout_s * SECOND_MS:
        return terms
    return msgspec.structs.replace(terms, is_silence=True)


def _input_silence_ms(limits: LimitTerms, silence: Silence) -> int:
    """Silence that shows lack of input: no shorter than two of the heartbeats that would tell."""
    return max(limits.input_ms or 0, _INTERVALS_HEARD * silence.interval_s * SECOND_MS)


def _component(path: str, component: Component) -> ComponentTerms:
    match component:
        case TimePrice():
            return _time(path, component)
        case VolumePrice():
            per = count(f"{path}.per", component.per, least=1)
            each = rate(f"{path}.price", component.price) * Fraction(1, per)
            return VolumeTerms(
                meter=named(f"{path}.meter", component.meter),
                numerator=each.numerator,
                denominator=each.denominator,
                free=count(f"{path}.free", component.free, least=0),
            )
        case ItemPrice():
            other = component.other
            return ItemTerms(
                prices_micros={
                    named(f"{path}.prices", item): amount(f"{path}.prices[{item}]", text)
                    for item, text in component.prices.items()
                },
                other_micros=0 if other is None else amount(f"{path}.other", other),
            )
        case PagePrice():
            directions = _BOTH if component.direction == "both" else _FORWARD
            return PageTerms(amount(f"{path}.price", component.price), directions)
        case FlatPrice():
            return FlatTerms(amount(f"{path}.price", component.price), component.period)


def _time(path: str, component: TimePrice) -> TimeTerms:
    per_s = seconds(f"{path}.per_s", component.per_s)
    each = rate(f"{path}.price", component.price) * Fraction(1, per_s)
    return TimeTerms(
        numerator=each.numerator,
        denominator=each.denominator,
        first_ms=seconds(f"{path}.first_s", component.first_s) * SECOND_MS,
        next_ms=seconds(f"{path}.next_s", component.next_s) * SECOND_MS,
        free_ms=seconds(f"{path}.free_s", component.free_s, least=0) * SECOND_MS,
        minimum_micros=amount(f"{path}.minimum", component.minimum),
    )


def _check_apart(path: str, components: tuple[ComponentTerms, ...]) -> None:
    """Refuses two components whose lines could not be told apart on a statement."""
    seen: dict[tuple[str, str], int] = {}
    for place, component in enumerate(components):
        what = _counts(component)
        if what in seen:
            raise InvalidDocument(
                f"{path}.components[{place}]: counts the same {' '.join(what).strip()} as "
                f"components[{seen[what]}]; make them one"
            )
        seen[what] = place


def _counts(component: ComponentTerms) -> tuple[str, str]:
    match component:
        case TimeTerms():
            return "time", ""
        case VolumeTerms():
            return "volume", component.meter
        case ItemTerms():
            return "item", ""
        case PageTerms():
            return "page", ""
        case FlatTerms():
            return "flat", component.period
