"""Known mistakes in prices: hours, increments, tiers, versions, caps and periods, as patches.

Owns: one function per mistake, each of which replaces one named function of the product.
Invariant: a patch is the product's own code but for the one mistake. What a catalogue is compiled
to is kept for a process; where a mistake is in that, the market's is compiled anew.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from zoneinfo import ZoneInfo

import msgspec
import pytest

from cli.sim import market
from rating import compiling_parts, counted_price, hours, time_price
from rating.catalogue import Catalogue, compile_catalogue
from rating.components import ComponentTerms, TierTerms, TimeTerms, VolumeTerms
from rating.coverage import Stretch
from rating.hours import Hours, Week
from rating.parts import segment_for
from rating.periods import Calendar, PeriodKind
from rating.price import Part, Usage
from rating.price import _parts as parts_of_use
from rating.rounding import Rounding, Running
from rating.share import provider_share
from rating.tariff import TariffTerms
from schemas.catalogue import document_from_json
from schemas.ledger import ChargeLine
from schemas.moment import DAY_MS
from schemas.usage import UsageEvent
from shard import loose_price
from shard.port import Kind
from shard.state import ShardState
from shard.taking import take_in

UTC = ZoneInfo("UTC")
Track = Sequence[ComponentTerms | None]


def _compile_anew(patch: pytest.MonkeyPatch) -> None:
    @cache
    def compiled(version: int) -> Catalogue:
        body = msgspec.json.encode(market.document(version))
        return compile_catalogue(document_from_json(body))

    patch.setattr(market, "_compiled", compiled)


def rate_of_the_beginning(patch: pytest.MonkeyPatch) -> None:
    """A session costs to its end what its first moment cost."""
    spent = time_price._spent

    def first(terms: TimeTerms, low: int, high: int) -> list[int]:
        return [each * (high - low) for each in spent(terms, low, low + 1)]

    patch.setattr(time_price, "_spent", first)


def increments_begin_anew(patch: pytest.MonkeyPatch) -> None:
    """Where another version comes into force, the increment under way ends."""

    def interval(
        tariff: TariffTerms, track: Track, start_ms: int, duration_ms: int
    ) -> tuple[int, int]:
        begins, ends = time_price.charged_interval(tariff, track, start_ms, duration_ms)
        last = tariff.versions[tariff.version_at(start_ms + duration_ms)].from_ms
        terms = track[tariff.version_at(start_ms + duration_ms)]
        if ends <= begins or last <= begins or not isinstance(terms, TimeTerms):
            return begins, ends
        started = -((last - start_ms - duration_ms) // terms.next_ms)
        return begins, max(last, begins) + started * terms.next_ms

    patch.setattr("rating.price.charged_interval", interval)


def holidays_ignored(patch: pytest.MonkeyPatch) -> None:
    """A holiday is a day like any other."""
    local = Hours._local

    def no_holiday(self: Hours, from_ms: int, to_ms: int) -> Iterator[tuple[int, int]]:
        week = self._week
        self._week = week._replace(holidays=frozenset())
        yield from local(self, from_ms, to_ms)
        self._week = week

    _compile_anew(patch)
    patch.setattr(Hours, "_local", no_holiday)


def hours_by_universal_time(patch: pytest.MonkeyPatch) -> None:
    """Rates follow the clocks of London in winter, wherever the content is."""
    init = Hours.__init__

    def made(self: Hours, week: Week, zone: ZoneInfo) -> None:
        del zone
        init(self, week, UTC)

    _compile_anew(patch)
    patch.setattr(Hours, "__init__", made)


def clocks_never_set(patch: pytest.MonkeyPatch) -> None:
    """A day has the offset that it began with."""

    def offsets(self: Hours, day_ms: int) -> Iterator[tuple[int, int, int]]:
        yield day_ms, day_ms + DAY_MS, self._offset_ms(day_ms)

    _compile_anew(patch)
    patch.setattr(hours.Hours, "_offsets", offsets)


def growth_of_the_first_version(patch: pytest.MonkeyPatch) -> None:
    """What a session counts belongs to the version that it was begun in."""

    def first(known: Mapping[int, object], tariff: TariffTerms | None, at_ms: int) -> int | None:
        segment = segment_for(known, tariff, at_ms)
        return segment if segment is None else min(known, default=segment)

    patch.setattr("rating.merging.segment_for", first)


def share_of_the_last_version(patch: pytest.MonkeyPatch) -> None:
    """The provider's part of all is what the last version says."""

    def part(tariff: TariffTerms, lines: Sequence[ChargeLine], total_micros: int) -> int:
        del lines
        return provider_share(total_micros, tariff.versions[-1].provider_ppm)

    patch.setattr("shard.posting.provider_part", part)


def cap_of_each_version(patch: pytest.MonkeyPatch) -> None:
    """Every version of a session has the whole cap for itself."""

    def cap_lines(tariff: TariffTerms, lines: list[ChargeLine]) -> None:
        cap = tariff.caps[0]
        for version in () if cap.period is not None else tariff.versions:
            spent = sum(
                line.amount_micros
                for line in lines
                if line.version == version.from_ms
                and ("time" if line.kind == "minimum" else line.kind) in cap.kinds
            )
            if spent > cap.amount_micros:
                less = cap.amount_micros - spent
                lines.append(ChargeLine("cap", "session", 0, less, "", version.from_ms, cap.text))

    patch.setattr("rating.price.cap_lines", cap_lines)


def free_units_of_each_version(patch: pytest.MonkeyPatch) -> None:
    """A version counts from its first unit, as if nothing had been used before."""
    graduated = counted_price._graduated

    def from_nothing(
        terms: VolumeTerms, before: int, after: int
    ) -> list[tuple[TierTerms, int, int]]:
        return graduated(terms, 0, after - before)

    patch.setattr(counted_price, "_graduated", from_nothing)


def pieces_rounded_each(patch: pytest.MonkeyPatch) -> None:
    """Every piece of a running total is rounded by itself."""

    def add(self: Running, numerator: int, denominator: int) -> int:
        grown = self._rounding(numerator, denominator)
        self.told += grown
        return grown

    patch.setattr(Running, "add", add)


def minimum_of_the_end(patch: pytest.MonkeyPatch) -> None:
    """The least that a session costs is what its last version says."""

    def lines_of(  # noqa: PLR0917 -- as the one that it replaces
        tariff: TariffTerms,
        track: Track,
        interval: tuple[int, int],
        rounding: Rounding,
        start_ms: int,
        lines: list[ChargeLine],
        passes: Sequence[Stretch],
    ) -> None:
        del start_ms
        time_price.time_lines(tariff, track, interval, rounding, interval[1] - 1, lines, passes)

    patch.setattr("rating.price.time_lines", lines_of)


def fee_outside_sessions(patch: pytest.MonkeyPatch) -> None:
    """A report owes the fee of a session."""
    usage = loose_price._usage

    def of_a_session(event: UsageEvent, passes: tuple[Stretch, ...]) -> Usage:
        return msgspec.structs.replace(usage(event, passes), is_session=True)

    patch.setattr(loose_price, "_usage", of_a_session)


def counter_not_read_again(patch: pytest.MonkeyPatch) -> None:
    """After a reload a period begins from nothing."""

    def forgetful(
        state: ShardState, name: str, fields: list[bytes | str], values: list[bytes | None]
    ) -> None:
        is_lost = name == Kind.COUNTERS
        take_in(state, name, fields, [None if is_lost else value for value in values])

    patch.setattr("shard.loading.take_in", forgetful)


def day_by_universal_time(patch: pytest.MonkeyPatch) -> None:
    """What use brings into a day is cut at London's midnight."""

    def universal(kind: PeriodKind, zone: ZoneInfo) -> Calendar:
        del zone
        return Calendar(kind, UTC)

    _compile_anew(patch)
    patch.setattr("rating.compiling.Calendar", universal)


def period_of_the_first_provider(patch: pytest.MonkeyPatch) -> None:
    """What a period costs besides is the first provider's, whoever brought it in."""

    def first(total: int, brought: Mapping[str, int]) -> dict[str, int]:
        return {name: 0 if place else total for place, name in enumerate(sorted(brought))}

    patch.setattr("rating.scopes.shared", first)


def hours_of_the_first_report(patch: pytest.MonkeyPatch) -> None:
    """What a session counts has the rate that held when it first counted anything."""

    def first(usage: Usage, until_ms: int | None, *, covered: bool | None) -> Iterator[Part]:
        found = [*parts_of_use(usage, until_ms, covered=covered)]
        for part in found:
            # In a rate's first seconds nothing has changed yet.
            yield msgspec.structs.replace(part, at_ms=found[0].at_ms)

    patch.setattr("rating.price._parts", first)


def cheapest_rate_free(patch: pytest.MonkeyPatch) -> None:
    """Free units come off the cheapest rate."""
    made = compiling_parts._dearest_first

    def cheapest_first(path: str, tiers: Sequence[TierTerms]) -> tuple[int, ...]:
        return made(path, tiers)[::-1]

    _compile_anew(patch)
    patch.setattr("rating.compiling_parts._dearest_first", cheapest_first)


MISTAKES = (
    rate_of_the_beginning, increments_begin_anew, holidays_ignored, hours_by_universal_time,
    clocks_never_set, growth_of_the_first_version, share_of_the_last_version, cap_of_each_version,
    free_units_of_each_version, pieces_rounded_each, minimum_of_the_end, fee_outside_sessions,
    counter_not_read_again, day_by_universal_time, period_of_the_first_provider,
    hours_of_the_first_report, cheapest_rate_free,
)  # fmt: skip
