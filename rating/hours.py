"""Prices by the clock: how much of a stretch of time fell under each rate.

Invariant: a moment's rate is that of what the content's local clock shows at it, so an hour that is
shown twice counts twice and one that is never shown counts nothing; what a stretch comes to does
not cost more to tell when the stretch is long. It does not own prices (``rating.time_price``).
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.errors import BrokenInvariant
from schemas.moment import DAY_MS, HOUR_MS, SECOND_MS

HOLIDAY = 7
DAY_S = 86_400
DAYS_KEPT_MAX = 8_192
BEGINS_KEPT_MAX = 65_536
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1)


class Week(NamedTuple):
    """Rates by local time.

    Args:
        days: Of Monday to Sunday and of holidays: (second of the day, rate), the first at 0.
        holidays: Dates that count as such.
        rates: How many rates there are, the base price being rate 0.
    """

    days: tuple[tuple[tuple[int, int], ...], ...]
    holidays: frozenset[date]
    rates: int


class Hours:
    """A week of rates on the clocks of one zone.

    Args:
        week: By local time.
        zone: Whose clocks.
    """

    def __init__(self, week: Week, zone: ZoneInfo) -> None:
        self._week = week
        self._zone = zone
        self._tables: dict[int, tuple[list[int], list[int]]] = {}
        # What all days from the first one kept up to the beginning of a day came to, by rate.
        self._before: dict[int, list[int]] = {}
        self._first = self._last = 0
        # A session is asked about again and again from where it began.
        self._begins: dict[int, list[int]] = {}

    def spent_ms(self, from_ms: int, to_ms: int) -> list[int]:
        """How long each rate held in [from_ms, to_ms).

        Args:
            from_ms: UTC epoch milliseconds.
            to_ms: Likewise, not before ``from_ms``.

        Returns:
            Milliseconds by rate; their sum is the whole stretch.

        Raises:
            BrokenInvariant: A moment outside the calendar.
        """
        try:
            return self._spent(from_ms, to_ms)
        except (OverflowError, ValueError) as error:
            raise BrokenInvariant(f"{from_ms} to {to_ms} ms is outside the calendar") from error

    def at(self, at_ms: int) -> tuple[int, int]:
        """Which rate holds at a moment.

        Args:
            at_ms: UTC epoch milliseconds.

        Returns:
            Since when, looked for up to the UTC midnight of the day before, and the rate.

        Raises:
            BrokenInvariant: A moment outside the calendar.
        """
        try:
            day = at_ms // DAY_MS
            starts, rates = self._table(day)
            place = bisect_right(starts, at_ms) - 1
            if not place:
                earlier, known = self._table(day - 1)
                if known[-1] == rates[0]:
                    return earlier[-1], rates[0]
            return starts[place], rates[place]
        except (OverflowError, ValueError) as error:
            raise BrokenInvariant(f"{at_ms} ms is outside the calendar") from error

    def _spent(self, from_ms: int, to_ms: int) -> list[int]:
        first, last = from_ms // DAY_MS, to_ms // DAY_MS
        sums = self._within(last, to_ms)
        before = self._begins.get(from_ms)
        if before is None:
            if len(self._begins) >= BEGINS_KEPT_MAX:
                self._begins.clear()
            before = self._begins[from_ms] = self._within(first, from_ms)
        for rate, spent in enumerate(before):
            sums[rate] -= spent
        if last != first:
            self._keep(first, last)
            since = self._before[first]
            for rate, spent in enumerate(self._before[last]):
                sums[rate] += spent - since[rate]
        return sums

    def _within(self, day: int, until_ms: int) -> list[int]:
        """How long each rate held from the beginning of a UTC day to a moment in it."""
        sums = [0] * self._week.rates
        starts, rates = self._table(day)
        place = bisect_right(starts, until_ms) - 1
        for earlier in range(place):
            sums[rates[earlier]] += starts[earlier + 1] - starts[earlier]
        sums[rates[place]] += until_ms - starts[place]
        return sums

    def _keep(self, first: int, last: int) -> None:
        """Makes sure that the sums before both days are kept."""
        if last - first > DAYS_KEPT_MAX:
            raise BrokenInvariant(f"use over {last - first} days; at most {DAYS_KEPT_MAX}")
        low, high = min(first, self._first), max(last, self._last)
        if not self._before or high - low > DAYS_KEPT_MAX:
            self._before = {first: [0] * self._week.rates}
            self._first = self._last = first
        while self._last < last:
            whole = self._within_all(self._last)
            known = self._before[self._last]
            self._last += 1
            self._before[self._last] = [a + b for a, b in zip(known, whole, strict=True)]
        while self._first > first:
            known = self._before[self._first]
            self._first -= 1
            whole = self._within_all(self._first)
            self._before[self._first] = [a - b for a, b in zip(known, whole, strict=True)]

    def _within_all(self, day: int) -> list[int]:
        starts, rates = self._table(day)
        sums = [0] * self._week.rates
        ends = [*starts[1:], (day + 1) * DAY_MS]
        for start, end, rate in zip(starts, ends, rates, strict=True):
            sums[rate] += end - start
        return sums

    def _table(self, day: int) -> tuple[list[int], list[int]]:
        """Beginnings of stretches of one rate within a UTC day, and their rates."""
        table = self._tables.get(day)
        if table is None:
            if len(self._tables) > DAYS_KEPT_MAX:
                self._tables.clear()
            table = self._tables[day] = self._made(day)
        return table

    def _made(self, day: int) -> tuple[list[int], list[int]]:
        starts: list[int] = []
        rates: list[int] = []
        for from_ms, to_ms, offset_ms in self._offsets(day * DAY_MS):
            for start, rate in self._local(from_ms + offset_ms, to_ms + offset_ms):
                if not rates or rates[-1] != rate:
                    starts.append(start - offset_ms)
                    rates.append(rate)
        return starts, rates

    def _local(self, from_ms: int, to_ms: int) -> Iterator[tuple[int, int]]:
        """Beginnings of rates while a clock without jumps shows these times, as if it were UTC."""
        for day in range(from_ms // DAY_MS, -(-to_ms // DAY_MS)):
            when = _EPOCH_DAY + timedelta(days=day)
            kind = HOLIDAY if when in self._week.holidays else when.weekday()
            pattern = self._week.days[kind]
            for place, (second, rate) in enumerate(pattern):
                end = pattern[place + 1][0] if place + 1 < len(pattern) else DAY_S
                if day * DAY_MS + end * SECOND_MS > from_ms:
                    start = max(day * DAY_MS + second * SECOND_MS, from_ms)
                    if start < to_ms:
                        yield start, rate

    def _offsets(self, day_ms: int) -> Iterator[tuple[int, int, int]]:
        """Stretches of a UTC day in which the clocks do not jump: from, to, and their offset."""
        start, offset = day_ms, self._offset_ms(day_ms)
        for hour_ms in range(day_ms, day_ms + DAY_MS, HOUR_MS):
            following = self._offset_ms(hour_ms + HOUR_MS)
            if following != offset:
                jump = self._jump(hour_ms, hour_ms + HOUR_MS, offset)
                yield start, jump, offset
                start, offset = jump, following
        if start < day_ms + DAY_MS:
            yield start, day_ms + DAY_MS, offset

    def _jump(self, low_ms: int, high_ms: int, offset: int) -> int:
        """The first second behind ``low_ms`` at which another offset holds."""
        while high_ms - low_ms > SECOND_MS:
            middle = (low_ms + high_ms) // (2 * SECOND_MS) * SECOND_MS
            if self._offset_ms(middle) == offset:
                low_ms = middle
            else:
                high_ms = middle
        return high_ms

    def _offset_ms(self, at_ms: int) -> int:
        moment = (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(self._zone)
        offset = moment.utcoffset()
        return 0 if offset is None else offset // timedelta(milliseconds=1)
