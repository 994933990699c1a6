"""Hours of a tariff from text: which rate holds when, on a clock without jumps.

Invariant: on each kind of day every second has exactly one rate; a date in ``holidays`` is a
holiday and not its day of the week.
"""

from collections.abc import Mapping, Sequence
from datetime import date, time
from typing import NamedTuple

from rating.hours import DAY_S, HOLIDAY, Week
from rating.written import named
from schemas.errors import InvalidDocument
from schemas.tariff import ItemRate, PageRate, TimeRate, VolumeRate, Window

HOLIDAYS_MAX = 4_096
RATES_MAX = 64
WINDOWS_MAX = 64
ClockRate = TimeRate | VolumeRate | ItemRate | PageRate
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAMES = (*_WEEKDAYS, "holiday")
_GROUPS: Mapping[str, Sequence[int]] = {
    **{name: (place,) for place, name in enumerate(_NAMES)},
    "weekday": range(5),
    "weekend": (5, 6),
    "every": range(8),
}
_TEXTS = (len("00:00"), len("00:00:00"))


class _Stretch(NamedTuple):
    """A window on one kind of day, in seconds, with its rate and place."""

    start: int
    end: int
    rate: int
    path: str


def dates(path: str, texts: Sequence[str]) -> frozenset[date]:
    """Holidays.

    Raises:
        InvalidDocument: One is not a date, stands twice, or there are too many.
    """
    if len(texts) > HOLIDAYS_MAX:
        raise InvalidDocument(f"{path}: more than {HOLIDAYS_MAX}; drop those long past")
    found: set[date] = set()
    for place, text in enumerate(texts):
        try:
            day = date.fromisoformat(text)
        except ValueError as error:
            raise InvalidDocument(
                f"{path}[{place}]: {text[:40]!r} is not a date such as 2026-12-25"
            ) from error
        if day in found:
            raise InvalidDocument(f"{path}[{place}]: {text!r} stands there twice")
        found.add(day)
    return frozenset(found)


def compile_week(
    path: str, rates: Sequence[ClockRate], holidays: frozenset[date], *, has_base: bool
) -> Week:
    """When which rate holds; rate 0 is the base price.

    Args:
        path: Of the component, for messages.
        rates: As written; the first is rate 1.
        holidays: Of the tariff.
        has_base: Whether there is a price for hours that no rate names.

    Raises:
        InvalidDocument: Windows overlap, leave a gap that has no price, or cannot be read.
    """
    if len(rates) > RATES_MAX:
        raise InvalidDocument(f"{path}.rates: more than {RATES_MAX}")
    days: list[list[_Stretch]] = [[] for _ in _NAMES]
    names: set[str] = set()
    for place, rate in enumerate(rates):
        where = f"{path}.rates[{place}]"
        if named(f"{where}.name", rate.name) in names:
            raise InvalidDocument(f"{where}.name: {rate.name!r} stands there twice")
        names.add(rate.name)
        _lay(where, rate, place + 1, days)
    if days[HOLIDAY] and not holidays and not days[0]:
        raise InvalidDocument(f"{path}.rates: a rate holds on holidays, and the tariff lists none")
    patterns = [
        _pattern(path, name, stretches, has_base=has_base)
        for name, stretches in zip(_WEEKDAYS, days, strict=False)
    ]
    # Where no day is a holiday, what one would cost need not be said.
    covers = has_base or not holidays
    patterns.append(_pattern(path, "holiday", days[HOLIDAY], has_base=covers))
    return Week(tuple(patterns), holidays, len(rates) + 1)


def _lay(path: str, rate: ClockRate, number: int, days: list[list[_Stretch]]) -> None:
    if not 1 <= len(rate.when) <= WINDOWS_MAX:
        raise InvalidDocument(f"{path}.when: {len(rate.when)} windows; write 1 to {WINDOWS_MAX}")
    for place, window in enumerate(rate.when):
        where = f"{path}.when[{place}]"
        start, end = _seconds(f"{where}.from", window.start), _seconds(f"{where}.to", window.to)
        if end <= start:
            raise InvalidDocument(
                f"{where}: {window.start} to {window.to} is empty; over midnight write two "
                "windows, one to 24:00 and one from 00:00"
            )
        for kind in _kinds(where, window):
            days[kind].append(_Stretch(start, end, number, where))


def _kinds(path: str, window: Window) -> list[int]:
    if not window.days:
        raise InvalidDocument(f"{path}.days: is empty; name a day, or leave it out for every day")
    return sorted({kind for name in window.days for kind in _GROUPS[name]})


def _pattern(
    path: str, name: str, stretches: list[_Stretch], *, has_base: bool
) -> tuple[tuple[int, int], ...]:
    pattern: list[tuple[int, int]] = []
    reached = 0
    for stretch in sorted(stretches):
        if stretch.start < reached:
            raise InvalidDocument(
                f"{stretch.path}: overlaps another window on {name} before {_text(reached)}"
            )
        if stretch.start > reached:
            _gap(path, name, reached, stretch.start, has_base=has_base)
            pattern.append((reached, 0))
        pattern.append((stretch.start, stretch.rate))
        reached = stretch.end
    if reached < DAY_S:
        _gap(path, name, reached, DAY_S, has_base=has_base)
        pattern.append((reached, 0))
    return tuple(pattern)


def _gap(path: str, name: str, start: int, end: int, *, has_base: bool) -> None:
    if not has_base:
        raise InvalidDocument(
            f"{path}.rates: nothing says what {_text(start)} to {_text(end)} costs on {name}; "
            "add a window, or a price for all other hours"
        )


def _seconds(path: str, text: str) -> int:
    if text in {"24:00", "24:00:00"}:
        return DAY_S
    try:
        at = time.fromisoformat(text)
    except ValueError as error:
        raise InvalidDocument(f"{path}: {text[:40]!r} is not a time such as 18:00") from error
    if len(text) not in _TEXTS or at.tzinfo is not None:
        raise InvalidDocument(f"{path}: {text[:40]!r} is not a time such as 18:00 or 18:00:30")
    return (at.hour * 60 + at.minute) * 60 + at.second


def _text(second: int) -> str:
    text = f"{second // 3600:02d}:{second // 60 % 60:02d}"
    return text if not second % 60 else f"{text}:{second % 60:02d}"
