"""What a member's use of a tariff in a calendar period costs besides: its volumes, less its caps.

Invariant: shares nothing with ``rating``; worked out from all uses of the member on the tariff, in
and outside sessions, each cut where periods meet. It does not own the price of a use (``prices``).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from cli.sim.audit.calendars import periods
from cli.sim.audit.clocked import charged_interval
from cli.sim.audit.prices import (
    Line,
    component_of,
    kind_of,
    kinds_of,
    lines_of,
    provider_part,
    rounded,
    shared,
    volume_pieces,
)
from cli.sim.audit.terms import Tariff, Words, micros
from cli.sim.audit.uses import EVER_MS, Use

# Version and provider: each has a part of its own in what a period comes to.
Bringer = tuple[int, str]


class Priced(NamedTuple):
    """A use and the terms that price it."""

    tariff: Tariff
    use: Use

    @property
    def counts(self) -> bool:
        """Whether its tariff has anything that goes on over a calendar period."""
        return bool(_kinds(self.tariff))


class PeriodPrice(NamedTuple):
    """What a period costs besides the uses in it.

    Args:
        lines: Of its volumes and caps.
        providers: Each provider's part.
    """

    lines: tuple[Line, ...]
    providers: Counter[str]

    @property
    def total(self) -> int:
        """All of it; where a cap takes more than volumes bring it is less than nothing."""
        return sum(line.amount for line in self.lines)


class Cut(NamedTuple):
    """What lies in a period of one use.

    Args:
        tariff: Its terms.
        use: It.
        from_ms: Where the period begins for it.
        until_ms: Where it is over.
    """

    tariff: Tariff
    use: Use
    from_ms: int
    until_ms: int

    def units(self, meter: str, from_ms: int, until_ms: int) -> int:
        """Growth of a meter, from a moment to another, inside the period."""
        first_ms, last_ms = max(from_ms, self.from_ms), min(until_ms, self.until_ms)
        if first_ms >= last_ms:
            return 0
        return self.use.total(meter, last_ms) - self.use.total(meter, first_ms)

    def lines(self) -> Iterator[Line]:
        """What it brings to the period: its running total there, less the one before."""
        before = lines_of(self.tariff, self.use, self.from_ms)
        yield from lines_of(self.tariff, self.use, self.until_ms)
        yield from (each._replace(amount=-each.amount) for each in before)


def price_of_periods(uses: Sequence[Priced]) -> dict[tuple[str, str], PeriodPrice]:
    """The periods of one member and tariff, by kind and name."""
    tariff = uses[0].tariff
    found: dict[tuple[str, str], PeriodPrice] = {}
    for kind in sorted(_kinds(tariff)):
        cuts: dict[str, list[Cut]] = {}
        for priced in uses:
            for name, cut in _cuts(kind, priced):
                cuts.setdefault(name, []).append(cut)
        for name in sorted(cuts):
            found[kind, name] = _price(tariff, kind, cuts[name])
    return found


def _kinds(tariff: Tariff) -> set[str]:
    found = {str(cap["per"]) for cap in tariff.caps(of_session=False)}
    return found | {component_of(each)[2] for each in _volumes(tariff)}


def _cuts(kind: str, priced: Priced) -> Iterator[tuple[str, Cut]]:
    tariff, use = priced
    last_ms = max(use.end_ms, charged_interval(tariff, use)[1] - 1)
    touched = periods(kind, use.first_ms, last_ms, tariff.zone)
    edges = [-EVER_MS, *[*touched.values()][1:], EVER_MS]
    for name, (from_ms, until_ms) in zip(touched, pairwise(edges), strict=True):
        yield name, Cut(tariff, use, from_ms, until_ms)


def _price(tariff: Tariff, kind: str, cuts: Sequence[Cut]) -> PeriodPrice:
    lines: list[Line] = []
    totals: Counter[Bringer] = Counter()
    for words in _volumes(tariff):
        if component_of(words)[2] == kind:
            for line, units in _volume(tariff, words, cuts):
                lines.append(line)
                totals.update(shared(line.amount, units))
    for cap in tariff.caps(of_session=False):
        if cap["per"] == kind:
            brought = _brought(cap, cuts)
            discount = max(0, brought.total() - micros(cap["amount"]))
            lines.append(Line("cap", kind, "", 0, 0, -discount))
            totals.subtract(shared(discount, brought))
    providers: Counter[str] = Counter()
    for bringer, total in totals.items():
        providers[bringer[1]] += provider_part(tariff, {bringer[0]: total})
    return PeriodPrice(tuple(each for each in lines if each.quantity or each.amount), providers)


def _brought(cap: Words, cuts: Sequence[Cut]) -> Counter[Bringer]:
    """What uses cost by themselves, of the kinds that a cap counts."""
    found: Counter[Bringer] = Counter()
    for cut in cuts:
        for line in cut.lines():
            if kind_of(line) in kinds_of(cap):
                found[line.version, cut.tariff.provider] += line.amount
    return found


def _volumes(tariff: Tariff) -> list[Words]:
    """Volumes of calendar periods, once each."""
    found = {
        component_of(words): words
        for version in tariff.versions
        for words in version.components
        if words["kind"] == "volume" and words.get("period", "session") != "session"
    }
    return list(found.values())


def _volume(
    tariff: Tariff, words: Words, cuts: Sequence[Cut]
) -> Iterator[tuple[Line, Counter[Bringer]]]:
    """Lines of a volume, each with the units that providers brought."""
    component = component_of(words)
    totals: dict[int, int] = {}
    brought: dict[int, Counter[Bringer]] = {}
    total = 0
    for version in tariff.versions:
        units = brought[version.from_ms] = Counter()
        for cut in cuts:
            name = (version.from_ms, cut.tariff.provider)
            units[name] += cut.units(component[1], *tariff.span_of(version))
        total += units.total()
        totals[version.from_ms] = total
    for line in rounded(tariff, volume_pieces(tariff, component, totals)):
        yield line, brought[line.version]
